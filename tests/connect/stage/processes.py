"""The processes of a machine, as /proc tells of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Process:
    """One process: its numbers as the tests' machine counts them, what the kernel calls it, and its command line."""

    pid: int
    parent: int
    uid: int
    name: str
    argv: tuple[str, ...]


def running(pid1: int) -> list[Process]:
    """Those in the same process namespace as `pid1`; zombies are not among them."""
    mine = Path(f"/proc/{pid1}/ns/pid").readlink()
    return list(_of(mine))


def _of(namespace: Path) -> Iterator[Process]:
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if (folder / "ns/pid").readlink() != namespace:
                continue
            status = dict(line.split(":", 1) for line in (folder / "status").read_text().splitlines())
            argv = tuple((folder / "cmdline").read_text(errors="replace").rstrip("\0").split("\0"))
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
        if not status["State"].strip().startswith(("Z", "X")):
            yield Process(int(folder.name), int(status["PPid"]), int(status["Uid"].split()[0]), status["Name"].strip(), argv)


def descendants(pid: int, among: list[Process]) -> list[Process]:
    """Those that process `pid` has started, and those that they have."""
    children = [process for process in among if process.parent == pid]
    return children + [below for child in children for below in descendants(child.pid, among)]
