"""A machine's own control groups: one of the same name in every hierarchy, version 1 and 2."""

from __future__ import annotations

import contextlib
import functools
import os
from dataclasses import dataclass
from pathlib import Path

from tests.e2e.stage.waiting import until


@functools.cache
def hierarchies() -> tuple[Path, ...]:
    """Where the hierarchies of this machine are mounted."""
    rows = [line.split() for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    return tuple(Path(row[4]) for row in rows if row[row.index("-") + 1] in {"cgroup", "cgroup2"})


def writable() -> bool:
    """Whether there are any, and groups can be made in all of them."""
    return bool(hierarchies()) and all(os.access(hierarchy, os.W_OK) for hierarchy in hierarchies())


@dataclass(frozen=True)
class Group:
    """The control group `name` below the top of every hierarchy, so that two machines do not find themselves in one.

    In version 2 processes may be at the leaves only: the launcher is in one of its own, the container's systemd has everything below
    `machine`, and what tests send into it is in `stage` below that, where it looks like any process that systemd did not start.
    """

    name: str

    def make(self) -> None:
        for hierarchy in hierarchies():
            top = hierarchy / self.name
            _make(top)
            controllers = top / "cgroup.controllers"
            if controllers.is_file():
                top.joinpath("cgroup.subtree_control").write_text(" ".join(f"+{name}" for name in controllers.read_text().split()))
            for name in ("launcher", "machine"):
                _make(top / name)

    def launcher(self, argv: list[str]) -> list[str]:
        """`argv`, to be run as the launcher."""
        return _entered([hierarchy / self.name / "launcher" for hierarchy in hierarchies()], argv)

    def machine(self, argv: list[str]) -> list[str]:
        """`argv`, to be run as the machine."""
        return _entered([hierarchy / self.name / "machine" for hierarchy in hierarchies()], argv)

    def inside(self, pid1: int, argv: list[str]) -> list[str]:
        """`argv`, to be run beside what the machine's systemd, process `pid1`, has started."""
        folders = []
        for hierarchy in hierarchies():
            systemd = _group_of(pid1, hierarchy)
            stage = (systemd.parent if systemd.name == "init.scope" else systemd) / "stage"
            _make(stage)
            folders.append(stage)
        return _entered(folders, argv)

    def remove(self) -> None:
        """Take it away with all that is below it; its processes have to be dead, or dying."""
        for hierarchy in hierarchies():
            top = hierarchy / self.name
            until(functools.partial(_gone, top), f"{top} to be empty", 10)


def _make(folder: Path) -> None:
    if folder.is_dir():
        return
    folder.mkdir(exist_ok=True)
    # Version 1 gives a new group no processor and no memory, and nothing can enter it before it has some.
    for name in ("cpuset.cpus", "cpuset.mems"):
        above = folder.parent / name
        if not folder.joinpath("cgroup.controllers").is_file() and above.is_file():
            folder.joinpath(name).write_text(above.read_text())


def _group_of(pid: int, hierarchy: Path) -> Path:
    """The group of process `pid` in a hierarchy: the two know each other by the hierarchy's number or its controllers."""
    for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers == _controllers(hierarchy):
            return hierarchy / path.lstrip("/")
    message = f"process {pid} is in no group of {hierarchy}"
    raise RuntimeError(message)


@functools.cache
def _controllers(hierarchy: Path) -> str:
    """As /proc/PID/cgroup names them: empty for version 2."""
    if hierarchy.joinpath("cgroup.controllers").is_file():
        return ""
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        words = line.split()
        if words[4] == str(hierarchy):
            options = words[-1].split(",")
            return ",".join(option for option in options if option not in {"rw", "ro", "xattr"} and not option.startswith("release_agent"))
    message = f"{hierarchy} is not mounted"
    raise RuntimeError(message)


def _entered(folders: list[Path], argv: list[str]) -> list[str]:
    enter = 'for folder in $0; do echo 0 >"$folder/cgroup.procs"; done; exec "$@"'
    return ["sh", "-c", enter, " ".join(map(str, folders)), *argv]


def _gone(top: Path) -> bool:
    for path, _, _ in os.walk(top, topdown=False):
        with contextlib.suppress(OSError):
            Path(path).rmdir()
    return not top.exists()
