"""What lies on a machine's disk, to be compared with what lay there before."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

# What every machine writes by itself, or what is not on the disk at all.
LEFT_OUT = frozenset({"/proc", "/sys", "/dev", "/run", "/tmp", "/var/tmp", "/var/log"})
# Of this one, what keeps a user manager up after log-out counts.
SYSTEMD = "/var/lib/systemd"
LINGER = f"{SYSTEMD}/linger"

Entry = tuple[object, ...]


class Listing:
    """Lists one tree again and again; a file that has not changed since is not read again."""

    def __init__(self, left_out: frozenset[str]) -> None:
        self._left_out = LEFT_OUT | left_out
        self._known: dict[tuple[int, ...], str] = {}

    def of(self, tree: Path) -> dict[str, Entry]:
        """Path to (kind, mode, uid, gid), then the link's target, or the file's size and digest."""
        return {path: self._entry(tree / path[1:]) for path in self._paths(tree)}

    def _paths(self, tree: Path) -> Iterator[str]:
        start = len(str(tree).rstrip("/"))
        for folder, folders, files in os.walk(tree):
            here = folder[start:].rstrip("/")
            folders[:] = [name for name in folders if self._counts(f"{here}/{name}")]
            yield from (path for name in [*folders, *files] if self._counts(path := f"{here}/{name}"))

    def _counts(self, path: str) -> bool:
        if path.startswith(f"{SYSTEMD}/"):
            return path == LINGER or path.startswith(f"{LINGER}/")
        return path not in self._left_out

    def _entry(self, path: Path) -> Entry:
        told = path.lstat()
        common = (stat.S_IMODE(told.st_mode), told.st_uid, told.st_gid)
        if stat.S_ISLNK(told.st_mode):
            return ("link", *common, str(path.readlink()))
        if stat.S_ISREG(told.st_mode):
            return ("file", *common, told.st_size, self._digest(path, told))
        return ("folder" if stat.S_ISDIR(told.st_mode) else f"{stat.S_IFMT(told.st_mode):o}", *common)

    def _digest(self, path: Path, told: os.stat_result) -> str:
        # Whoever sets the time of modification back moves the time of change.
        key = (told.st_dev, told.st_ino, told.st_size, told.st_mtime_ns, told.st_ctime_ns)
        if key not in self._known:
            self._known[key] = hashlib.sha256(path.read_bytes()).hexdigest()
        return self._known[key]
