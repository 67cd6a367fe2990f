"""How fast a file of the host comes to the laptop: through the port of `connect`, and through that of `ssh -L`, from the same server."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import psutil

from bench.connect.contestants import HAND_PORT, Session, connect, far_port, ready, tunnel
from bench.connect.scene import WITH_KIT, Scene, scene
from bench.contestants import OK
from bench.pairs import Spread, interleave, ratios
from bench.sandbox import BenchError
from bench.tables import Row, Table
from tests.connect.stage.wires import in_network

TITLE = "`connect`: a download"
HEADS = ("link", "`connect`, MB/s", "`ssh -L`, MB/s", "ratio", "quartiles", "aim", "`connect`, CPU s/GB", "its ssh", "`ssh -L`")
AIM = 0.95
MB, GB = 1_000_000, 1_000_000_000
CHUNK = 1 << 20
FILE = "of-zeros.bin"
ANSWERS_WITHIN_S = 60.0
OURS, THEIRS = "connect", "ssh -L"
# tc(8)'s words, and the share of the file that is downloaded. More than a packet of 64 KiB has to fit into the burst.
LINKS = {"unlimited": ("", 1.0), "1 Gbit/s": ("1gbit", 1.0), "100 Mbit/s": ("100mbit", 0.125)}


@dataclass(frozen=True)
class Download:
    """One of them: megabytes a second, and the processor seconds per gigabyte of the program that listens and of its ssh."""

    rate: float
    program: float
    ssh: float


def table(rounds: int, *, megabytes: int) -> Table:
    """The same file over links of different speed."""
    rows = []
    with contextlib.ExitStack() as stack:
        where = stack.enter_context(scene())
        (ours,) = stack.enter_context(ready(where, connect()))
        (theirs,) = stack.enter_context(ready(where, tunnel(HAND_PORT, far_port(where), ours.token)))
        for words, (rate, share) in LINKS.items():
            size = int(megabytes * MB * share)
            where.host.run("truncate", "-s", str(size), FILE, user=WITH_KIT)
            with _shaped(where, rate):
                found = interleave(
                    rounds, {OURS: partial(_download, ours, size), THEIRS: partial(_download, theirs, size)}, f"download, {words}"
                )
            rows.append(_row(f"{words}, {size / MB:,.0f} MB", found[OURS], found[THEIRS]))
    return Table(TITLE, HEADS, tuple(rows))


def _row(words: str, ours: list[Download], theirs: list[Download]) -> Row:
    rates = ([each.rate for each in ours], [each.rate for each in theirs])
    processor = ([each.program for each in ours], [each.ssh for each in ours], [each.ssh for each in theirs])
    return Row.share(words, rates, ratios(*rates), AIM, *(f"{Spread.of(values).median:.2f}" for values in processor))


def _download(session: Session, size: int) -> Download:
    """The whole file: what is left on its way would be in the way of the next. Raises `BenchError` where it is not `size` long."""
    before = _processor(session)
    begun = time.perf_counter()
    received, buffer = 0, bytearray(CHUNK)
    with session.asked("GET", f"/files/{FILE}", ANSWERS_WITHIN_S) as answer:
        if answer.status != OK:
            message = f"the download was answered with {answer.status}"
            raise BenchError(message)
        while count := answer.readinto(buffer):
            received += count
    seconds = time.perf_counter() - begun
    if received != size:
        message = f"the download ended after {received:,} bytes, and not {size:,}"
        raise BenchError(message)
    program, ssh = (after - earlier for after, earlier in zip(_processor(session), before, strict=True))
    return Download(received / MB / seconds, program * GB / received, ssh * GB / received)


def _processor(session: Session) -> tuple[float, float]:
    """Processor seconds so far, of what is not ssh and of what is."""
    used = {True: 0.0, False: 0.0}
    for process in session.processes():
        times = psutil.Process(process.pid).cpu_times()
        used[process.name == "ssh"] += times.user + times.system
    return used[False], used[True]


@contextlib.contextmanager
def _shaped(where: Scene, rate: str) -> Iterator[None]:
    """Within, the host sends no faster; for an empty rate, as fast as it can."""
    if not rate:
        yield
        return
    interface = where.host.plugs[0].interface
    in_network(where.host.pid1, "tc", "qdisc", "add", "dev", interface, "root", "tbf", "rate", rate, "burst", "256kb", "latency", "50ms")
    try:
        yield
    finally:
        in_network(where.host.pid1, "tc", "qdisc", "del", "dev", interface, "root")
