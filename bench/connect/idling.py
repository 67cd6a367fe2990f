"""What a line costs the laptop while nothing goes over it."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import psutil

from bench.connect.contestants import BY_HAND, CONNECT, FORWARD, Session, by_hand, connect, forward, ready
from bench.connect.scene import scene
from bench.pairs import progress
from bench.tables import Row, Table

TITLE = "`connect`: an idle line"
HEADS = ("on the laptop", "processes", "RSS, MB", "PSS, MB", "CPU s/h")
SETTLES_S, LASTS_S = 10.0, 60.0
HOUR_S = 3600.0
MB = 1_000_000


@dataclass(frozen=True)
class Part:
    """Some processes of a contestant."""

    name: str
    processes: tuple[psutil.Process, ...]

    def used(self) -> float:
        """Their processor seconds so far."""
        times = [process.cpu_times() for process in self.processes]
        return sum(each.user + each.system for each in times)

    def row(self, seconds: float) -> Row:
        """`seconds`: what they have used in `LASTS_S`."""
        memory = [process.memory_full_info() for process in self.processes]
        sizes = (sum(each.rss for each in memory), sum(each.pss for each in memory))
        return Row((self.name, str(len(memory)), *(f"{size / MB:.1f}" for size in sizes), f"{seconds * HOUR_S / LASTS_S:.1f}"))


def table() -> Table:
    """All of them at once, each with a server of its own; no terminal shows anything."""
    with scene() as where, ready(where, connect(), forward(), by_hand()) as sessions:
        parts = list(_parts(sessions))
        time.sleep(SETTLES_S)
        progress(f"idle for {LASTS_S:.0f} s")
        before = [part.used() for part in parts]
        time.sleep(LASTS_S)
        rows = tuple(part.row(part.used() - earlier) for part, earlier in zip(parts, before, strict=True))
    return Table(TITLE, HEADS, rows)


def _parts(sessions: Sequence[Session]) -> list[Part]:
    ours, theirs, hand = ({process.pid: process.name for process in session.processes()} for session in sessions)
    return [
        Part(f"`{CONNECT}`", _of(pid for pid, name in ours.items() if name != "ssh")),
        Part("its ssh", _of(pid for pid, name in ours.items() if name == "ssh")),
        Part(f"`{FORWARD}`", _of(theirs)),
        Part(f"`{BY_HAND}`, and the ssh that the server hangs on", _of(pid for pid, name in hand.items() if name == "ssh")),
    ]


def _of(pids: Iterable[int]) -> tuple[psutil.Process, ...]:
    return tuple(psutil.Process(pid) for pid in pids)
