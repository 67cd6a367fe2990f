"""A log of lines that is private from its first byte and rotated by size; each line is whole, or stands alone where it was cut off."""

from __future__ import annotations

import os
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

from jupyter_remote_kit.errors import Failed, Refused
from jupyter_remote_kit.host import files, trouble
from jupyter_remote_kit.plan.layout import PRIVATE_FILE

# O_RDWR: whether the last line is whole is read from the file.
_OPEN = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def generations(path: Path, kept: int) -> tuple[Path, ...]:
    """The files of a log, newest first: `audit.jsonl`, `audit.jsonl.1` and so on."""
    return (path, *(path.with_name(f"{path.name}.{number}") for number in range(1, kept)))


class RotatingFile:
    """`kept` files of `limit` bytes at most, the newest at `path`."""

    def __init__(self, path: Path, *, limit: int, kept: int) -> None:
        """Open the file, or make it.

        Raises `Refused` when others can use it, or it is a link or somebody else's: what is written there would not be what is read.
        Raises `Failed` when the machine cannot.
        """
        self._path = path
        self._limit = limit
        self._kept = kept
        self._file: int | None = None
        self._whole = True
        files.make_directory(path.parent)
        self._open()

    def write(self, line: bytes) -> None:
        """Append one line, which ends in a newline. Raises `OSError`, or `RemoteKitError` where something else stands in its place now."""
        file = self._current(len(line))
        # A line that was cut off, by a full disk or the end of the machine, must not swallow this one.
        rest = memoryview(line if self._whole else b"\n" + line)
        while rest:
            self._whole = False
            rest = rest[os.write(file, rest) :]
        self._whole = True

    def close(self) -> None:
        """Write no more."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _current(self, length: int) -> int:
        """The file for the next line: another one when that is full, or when somebody has taken the last one away."""
        if self._file is None:
            return self._open()
        status = os.fstat(self._file)
        if status.st_size and status.st_size + length > self._limit and self._at(self._path, status):
            self._rotate()
        elif self._at(self._path, status):
            return self._file
        self.close()
        return self._open()

    def _open(self) -> int:
        try:
            with trouble.os_errors(self._path):
                file = os.open(self._path, _OPEN, PRIVATE_FILE)
        except Failed as failure:
            if failure.problems[0].code == "symlink-in-the-way":
                raise Refused(*failure.problems) from failure
            raise
        try:
            files.check_private(self._path, os.fstat(file))
            size = os.fstat(file).st_size
            self._whole = not size or os.pread(file, 1, size - 1) == b"\n"
        except BaseException:
            os.close(file)
            raise
        self._file = file
        return file

    def _rotate(self) -> None:
        """Each file becomes the next older one; a rename puts it in the place of what stood there."""
        names = generations(self._path, self._kept)
        for newer, older in reversed(list(pairwise(names))):
            with suppress(FileNotFoundError):
                newer.replace(older)

    @staticmethod
    def _at(path: Path, status: os.stat_result) -> bool:
        try:
            return os.path.samestat(path.lstat(), status)
        except OSError:
            return False
