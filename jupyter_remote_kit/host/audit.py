"""Reads the audit from its files, and follows it while the server writes and rotates them."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

from jupyter_remote_kit.host import files, trouble
from jupyter_remote_kit.host.rotating import generations

# How many files there are of an audit: the newest, and those that it was rotated to.
KEPT = 5
POLL_S = 0.25
# A line of ours has some hundred bytes; what is longer was not written by us.
MAX_LINE = 64 * 1024
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def is_there(path: Path) -> bool:
    """Whether anything was ever recorded there, and is kept."""
    return any(os.path.lexists(file) for file in generations(path, KEPT))


class AuditReader:
    """Gives each line once, over any number of rotations. Use it as a context manager: it keeps the newest file open.

    Open, a file's inode cannot be used for another one, so that a file is known again whatever its name has become.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._last: int | None = None
        self._offset = 0

    def __enter__(self) -> AuditReader:
        return self

    def __exit__(self, *_: object) -> None:
        if self._last is not None:
            os.close(self._last)
            self._last = None

    def lines(self) -> Iterator[bytes]:
        """The whole lines that were written since the last call, without their newlines, oldest first; of the first call all.

        Raises `Refused` where a file can be used by others, `Failed` where it cannot be read.
        """
        opened = self._open_from_last()
        try:
            for number, file in enumerate(opened):
                known = self._last is not None and os.path.sameopenfile(file, self._last)
                # What is shorter than it was has been emptied by somebody.
                start = self._offset if known and os.fstat(file).st_size >= self._offset else 0
                newest = number == len(opened) - 1
                for line, end in _whole_lines(file, start):
                    yield line
                    start = end
                if newest:
                    self._remember(file, start)
        finally:
            for file in opened:
                if file != self._last:
                    os.close(file)

    def follow(self) -> Iterator[bytes | None]:
        """The lines from now on, as they are written; `None` whenever there is none for the moment. Never ends."""
        while True:
            yield from self.lines()
            yield None
            # There is no word for "a file has grown" that every system and file system of ours knows.
            time.sleep(POLL_S)

    def _remember(self, file: int, offset: int) -> None:
        previous, self._last, self._offset = self._last, file, offset
        if previous is not None:
            os.close(previous)

    def _open_from_last(self) -> list[int]:
        """The files from that on which was the newest at the last call, oldest first.

        Opened from the newest to the oldest: a rotation meanwhile then shows one of them twice, and hides none.
        """
        opened: list[int] = []
        try:
            for path in generations(self._path, KEPT):
                file = _open(path)
                if file is None:
                    continue
                if any(os.path.sameopenfile(file, other) for other in opened):
                    os.close(file)
                    continue
                opened.append(file)
                if self._last is not None and os.path.sameopenfile(file, self._last):
                    break
        except BaseException:
            for file in opened:
                os.close(file)
            raise
        return opened[::-1]


def _open(path: Path) -> int | None:
    """The file, open, if there is one, and it is private."""
    with trouble.os_errors(path):
        try:
            file = os.open(path, _READ)
        except FileNotFoundError:
            return None
    try:
        files.check_private(path, os.fstat(file))
    except BaseException:
        os.close(file)
        raise
    return file


def _whole_lines(file: int, start: int) -> Iterator[tuple[bytes, int]]:
    """Each line after `start` with the offset after it. A line that is still being written waits; one without end is skipped."""
    with os.fdopen(os.dup(file), "rb") as stream:
        stream.seek(start)
        skipping = False
        while part := stream.readline(MAX_LINE):
            start += len(part)
            whole = part.endswith(b"\n")
            if whole and not skipping:
                yield part[:-1], start
            if not whole and len(part) < MAX_LINE:
                return
            skipping = not whole
