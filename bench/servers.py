"""How soon a server answers, and how much memory it holds."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil

from bench.contestants import Bare, Contestant, Kit
from bench.page import load_page
from bench.pairs import differences, interleave, ratios
from bench.sandbox import Sandbox
from bench.tables import Row, Table

AIM_START = 1.05
AIM_MEMORY_MB = 10.0
IDLE_S = 5.0
MB = 1_000_000

UP = "jupyter remotekit up"
LAB = "jupyter lab"


@dataclass(frozen=True)
class Start:
    """From the command to the first 200, in milliseconds by the clock and of processor time."""

    clock: float
    cpu: float


@dataclass(frozen=True)
class Memory:
    """Of a server and its children, in MB: what is resident, and the same with shared pages divided among those who share them."""

    rss: float
    pss: float


@dataclass(frozen=True)
class Footprint:
    """The memory of a server that nobody has used yet, and after one page has been loaded."""

    idle: Memory
    loaded: Memory


def contestants(home: Path, bytecode: Path) -> Mapping[str, Mapping[str, Contestant]]:
    """Both servers, by transport."""
    plain, tls = Kit.plain(Sandbox(home / "plain", bytecode)), Kit.with_tls(Sandbox(home / "tls", bytecode))
    return {
        "plain HTTP (`--access ssh`)": {UP: plain, LAB: Bare(Sandbox(home / "bare", bytecode))},
        "TLS (`--access lan`)": {UP: tls, LAB: Bare(Sandbox(home / "bare-tls", bytecode), tls.leaf)},
    }


def start_up(rounds: int, home: Path, bytecode: Path) -> Table:
    """Milliseconds from the command to the first 200."""
    rows = []
    for transport, servers in contestants(home, bytecode).items():
        samples = interleave(rounds, {name: _start(server) for name, server in servers.items()}, f"start-up, {transport}")
        for kind, words in (("clock", "by the clock"), ("cpu", "processor time")):
            ours, theirs = ([getattr(sample, kind) for sample in samples[name]] for name in (UP, LAB))
            rows.append(Row.slower(f"{transport}, {words}", ours, theirs, ratios(ours, theirs), AIM_START))
    heads = ("transport, measure", f"`{UP}`, ms", f"`{LAB}`, ms", "ratio", "quartiles", "aim")
    return Table("Until HTTP answers", heads, tuple(rows))


def memory(rounds: int, home: Path, bytecode: Path) -> Table:
    """What the server and its children hold, without kernels."""
    rows = []
    for transport, servers in contestants(home, bytecode).items():
        found = interleave(rounds, {name: _footprint(server) for name, server in servers.items()}, f"memory, {transport}")
        for moment, words in (("idle", "idle"), ("loaded", "a page loaded")):
            for kind in ("rss", "pss"):
                ours, theirs = ([getattr(getattr(sample, moment), kind) for sample in found[name]] for name in (UP, LAB))
                rows.append(Row.more(f"{transport}, {words}, {kind.upper()}", ours, theirs, differences(ours, theirs), AIM_MEMORY_MB))
    heads = ("transport, moment, measure", f"`{UP}`, MB", f"`{LAB}`, MB", "difference, MB", "quartiles", "aim")
    return Table("Memory of the server", heads, tuple(rows))


def _start(server: Contestant) -> Callable[[], Start]:
    def measure() -> Start:
        with server.serving() as running:
            return Start(running.ready_ms, running.cpu_ms)

    return measure


def _footprint(server: Contestant) -> Callable[[], Footprint]:
    def measure() -> Footprint:
        with server.serving() as running:
            # Both finish work after they answer (the search for language servers); what is left is what they keep.
            time.sleep(IDLE_S)
            idle = _memory(running.process.pid)
            load_page(running)
            return Footprint(idle, _memory(running.process.pid))

    return measure


def _memory(pid: int) -> Memory:
    server = psutil.Process(pid)
    processes = [each.memory_full_info() for each in (server, *server.children(recursive=True))]
    return Memory(sum(each.rss for each in processes) / MB, sum(each.pss for each in processes) / MB)
