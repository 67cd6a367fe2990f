"""A command on a real pseudo-terminal, and whoever sits at it."""

from __future__ import annotations

import errno
import fcntl
import os
import select
import subprocess
import termios
import time
from pathlib import Path
from types import TracebackType

from tests.commands.host import PATIENCE_S, Host, console_script

_POLL_S = 0.01
CTRL_C = "\x03"
CTRL_D = "\x04"


class Terminal:
    """Types and reads. `seen` is all that has appeared on the screen, with what the terminal echoed."""

    def __init__(self, host: Host, *argv: str) -> None:
        self.seen = ""
        self._read_to = 0
        self._raw = b""
        self._ours, theirs = os.openpty()

        def take_terminal() -> None:
            # getpass opens /dev/tty, and Ctrl-C goes to the terminal's foreground group: it has to be the controlling one.
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)

        self._process = subprocess.Popen(
            [console_script(), *argv],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env={**host.environment, "TERM": "xterm", "COLUMNS": "200"},
            cwd=host.home,
            start_new_session=True,
            preexec_fn=take_terminal,
        )
        os.close(theirs)

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._ours)

    def until(self, text: str) -> str:
        """Read until `text` appears after what was read before; what came up to it."""
        deadline = time.monotonic() + PATIENCE_S
        while text not in self.seen[self._read_to :]:
            assert self._more(deadline), f"{text!r} did not appear; the screen shows:\n{self.seen}"
        start, self._read_to = self._read_to, self.seen.index(text, self._read_to) + len(text)
        return self.seen[start : self._read_to]

    def answer(self, question: str, text: str) -> None:
        """Wait for `question`, then type `text` and Enter."""
        self.until(question)
        self._await_reading()
        os.write(self._ours, f"{text}\n".encode())

    def press(self, question: str, key: str) -> None:
        """Wait for `question`, then press one key."""
        self.until(question)
        self._await_reading()
        os.write(self._ours, key.encode())

    def finish(self) -> int:
        """Read to the end; the exit code. A question that nobody answers is a failure."""
        deadline = time.monotonic() + PATIENCE_S
        while self._more(deadline):
            pass
        assert self._process.poll() is not None or self._process.wait(timeout=10) is not None, self.seen
        return self._process.returncode

    def _await_reading(self) -> None:
        """Wait until the whole question is there and its reader sleeps.

        getpass drains what was typed before it switched the echo off, and a Ctrl-C that comes just before `input` blocks is looked at
        after the next key only (CPython checks for signals between two instructions).
        """
        deadline = time.monotonic() + PATIENCE_S
        while not (self.seen.endswith(": ") and self._sleeps()):
            assert time.monotonic() < deadline, self.seen
            self._more(time.monotonic() + _POLL_S, must=False)

    def _sleeps(self) -> bool:
        return Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()[0] == "S"

    def _more(self, deadline: float, *, must: bool = True) -> bool:
        """Read what there is; whether there may be more. Nothing until the deadline is a failure, unless nothing `must` come."""
        if not select.select([self._ours], [], [], max(0, deadline - time.monotonic()))[0]:
            assert not must, f"nothing more came; the screen shows:\n{self.seen}"
            return True
        try:
            data = os.read(self._ours, 65536)
        except OSError as error:
            # Linux: the other end of the terminal is closed.
            if error.errno != errno.EIO:
                raise
            data = b""
        self._raw += data
        self.seen = self._raw.decode(errors="ignore").replace("\r\n", "\n")
        return bool(data)
