"""Somebody who has logged in."""

from __future__ import annotations

import contextlib
import os
import select
import shlex
import subprocess
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from tests.e2e.stage.waiting import until
from tests.service.stage.done import checked

if TYPE_CHECKING:
    from tests.service.stage.machine import Machine

SECONDS_TO_START = 30.0
# What pam_systemd would find out from a terminal or from sshd; `su` without one would be a session of class "background".
PERSON = ("XDG_SESSION_CLASS=user", "XDG_SESSION_TYPE=tty")


class Login:
    """A session that logind knows: `su -l` through PAM, whose login shell runs what it is given. Closing it is logging out."""

    def __init__(self, machine: Machine, user: str, number: int) -> None:
        self.machine = machine
        self.user = user
        self._lock = threading.Lock()
        self._waiting = b""
        self._folder = machine.inside(f"/run/stage/{number}")
        self._here = f"/run/stage/{number}"
        self._folder.mkdir(parents=True)
        uid, gid = machine.ids(user)
        os.chown(self._folder, uid, gid)
        self._shell = subprocess.Popen(
            machine.command(["env", "-i", *PERSON, "PATH=/usr/bin:/bin", "su", "-l", user]),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        try:
            self._tell('echo "$XDG_SESSION_ID"')
            self.id = self._told(SECONDS_TO_START)
            if not self.id:
                message = f"logind has made no session for {user}"
                raise RuntimeError(message)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Login:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def run(
        self,
        *argv: str | Path,
        env: Mapping[str, str] | None = None,
        input: str | None = None,
        check: bool = True,
        timeout: float = 60.0,
    ) -> subprocess.CompletedProcess[str]:
        """Run a program to its end, at home. Raises as `subprocess.run` does; what a signal ended has 128 and its number."""
        words = [str(word) for word in argv]
        with self._lock:
            self._folder.joinpath("in").write_text(input or "")
            variables = [f"{name}={value}" for name, value in (env or {}).items()]
            command = shlex.join(["env", *variables, *words])
            here = self._here
            self._tell(f'( cd; echo "$BASHPID"; exec <{here}/in >{here}/out 2>{here}/err; exec {command} ); echo "$?"')
            deadline = time.monotonic() + timeout
            pid = self._told(timeout)
            try:
                code = int(self._told(deadline - time.monotonic()))
            except TimeoutError:
                self.machine.run("kill", "-KILL", pid, check=False)
                self._told(SECONDS_TO_START)
                raise subprocess.TimeoutExpired(words, timeout, *self._printed()) from None
            return checked(words, code, *self._printed(), check)

    def close(self) -> None:
        """Log out, and wait until logind has seen it: the session is gone, or closing for what it has left running."""
        if self._shell.stdin and not self._shell.stdin.closed:
            with contextlib.suppress(BrokenPipeError):
                self._shell.stdin.close()
        try:
            self._shell.wait(20)
        except subprocess.TimeoutExpired:
            self._shell.kill()
            self._shell.wait()
        if self._shell.stdout:
            self._shell.stdout.close()
        if self.machine.up and hasattr(self, "id"):
            until(lambda: self.state in {"", "closing"}, f"session {self.id} of {self.user} to end")

    @property
    def state(self) -> str:
        """What logind says of the session: "active", "closing", or nothing when it knows it no more."""
        return self.machine.run("loginctl", "show-session", self.id, "--property=State", "--value", check=False).stdout.strip()

    def _printed(self) -> tuple[str, str]:
        return self._folder.joinpath("out").read_text(), self._folder.joinpath("err").read_text()

    def _tell(self, line: str) -> None:
        assert self._shell.stdin is not None
        self._shell.stdin.write(f"{line}\n".encode())
        self._shell.stdin.flush()

    def _told(self, seconds: float) -> str:
        """The next line of the shell. Raises `TimeoutError`, or `RuntimeError` when the shell has ended."""
        assert self._shell.stdout is not None
        deadline = time.monotonic() + seconds
        while b"\n" not in self._waiting:
            ready, _, _ = select.select([self._shell.stdout], [], [], max(0.0, deadline - time.monotonic()))
            if not ready:
                message = f"waited {seconds} s for the login shell of {self.user}"
                raise TimeoutError(message)
            more = os.read(self._shell.stdout.fileno(), 65536)
            if not more:
                message = f"the login shell of {self.user} has ended"
                raise RuntimeError(message)
            self._waiting += more
        line, _, self._waiting = self._waiting.partition(b"\n")
        return line.decode()
