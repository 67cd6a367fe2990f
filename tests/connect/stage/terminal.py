"""A terminal on a machine, and whoever sits at it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Sequence

import pexpect
from pexpect.fdpexpect import fdspawn

LINES, COLUMNS = 40, 200
# Colours, cursor movements, titles.
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b\][^\x07]*\x07|\x1b[()=>][A-Z0-9]?")


class Terminal:
    """A program on a real pseudo-terminal. To be used as a context manager: leaving it closes the window."""

    def __init__(self, argv: Sequence[str], seconds: float = 60.0) -> None:
        ours, theirs = os.openpty()
        os.set_inheritable(theirs, True)
        self._process = subprocess.Popen(argv, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True)
        os.close(theirs)
        self._seen = ""
        self._screen: fdspawn[str] = fdspawn(ours, timeout=seconds, encoding="utf-8", codec_errors="replace")
        self._ours: int | None = ours

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *exc: object) -> None:
        self._process.kill()
        self._process.wait()
        if self._ours is not None:
            os.close(self._ours)

    @property
    def seen(self) -> str:
        """All that was read so far, without control characters."""
        return _CONTROL.sub("", self._seen + (self._screen.buffer or ""))

    def until(self, pattern: str, seconds: float | None = None) -> re.Match[str]:
        """Read until `pattern` appears after what was read before. Raises `AssertionError` with what the screen shows."""
        try:
            self._screen.expect(pattern, timeout=-1 if seconds is None else seconds)
        except (pexpect.TIMEOUT, pexpect.EOF) as error:
            self._seen += self._screen.before if isinstance(self._screen.before, str) else ""
            message = f"{pattern!r} did not appear ({type(error).__name__}); the screen shows:\n{self.seen}"
            raise AssertionError(message) from None
        assert isinstance(self._screen.match, re.Match)
        self._seen += f"{self._screen.before}{self._screen.match[0]}"
        return self._screen.match

    def type(self, text: str) -> None:
        """Type a line."""
        self._write(f"{text}\n".encode())

    def press(self, key: str) -> None:
        """Press Ctrl and a key."""
        self._write(bytes([ord(key.upper()) - 64]))

    def _write(self, keys: bytes) -> None:
        assert self._ours is not None
        os.write(self._ours, keys)

    def finish(self, seconds: float = 60.0) -> int:
        """Read to the end; the exit code, negative for a signal."""
        try:
            self._screen.expect(pexpect.EOF, timeout=seconds)
        except pexpect.TIMEOUT:
            message = f"it does not end; the screen shows:\n{self.seen}"
            raise AssertionError(message) from None
        self._seen += self._screen.before if isinstance(self._screen.before, str) else ""
        return self._process.wait(seconds)

    def close(self) -> None:
        """Close the window over it. The program may go on."""
        assert self._ours is not None
        os.close(self._ours)
        self._ours = None

    def hang_up(self, seconds: float = 20.0) -> int:
        """Tell the program alone that the window is closed; how it ended."""
        self._process.send_signal(signal.SIGHUP)
        return self._process.wait(seconds)
