"""A session of `plan.shell`, as sshd starts it on a host: the login shell is given one command, and requests come by a pipe."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType, TracebackType

from jupyter_remote_kit.plan import shell
from jupyter_remote_kit.plan.shell import Greeting

MARK = shell.mark("0123456789abcdef" * 2)
ENDS_S = 30.0


class Session:
    """`with Session("/bin/bash", home) as session: session.ask("echo one")`. `noise` is what came before the greeting.

    `sh` is the program that stands for the host's /bin/sh, `before` what sshd itself was started by. Raises `AssertionError` where there
    is no greeting, or no answer.
    """

    def __init__(  # noqa: PLR0913  # each is another thing that a host may have
        self,
        login_shell: str,
        home: Path,
        *,
        profile_s: int = shell.PROFILE_S,
        environ: Mapping[str, str] = MappingProxyType({}),
        sh: str = "/bin/sh",
        mark: str = MARK,
        before: tuple[str, ...] = (),
    ) -> None:
        self.mark = mark
        self.noise: list[str] = []
        self.process = subprocess.Popen(
            [*before, login_shell, "-c", shell.session_command(mark, profile_s).replace("/bin/sh", sh)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=home,
            env={"SHELL": login_shell, "HOME": str(home), "PATH": os.defpath, "LANG": "C.UTF-8", **environ},
        )
        # A session that says nothing ends the test, and not the run.
        self._patience = threading.Timer(ENDS_S, self.process.kill)
        self._patience.start()

    def __enter__(self) -> Session:
        self.greeting = self.greeted()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.end()

    def greeted(self) -> Greeting:
        """Wait for a greeting."""
        while True:
            line = self._line()
            found = shell.greeting(line, self.mark)
            if found is not None:
                return found
            self.noise.append(line)

    def ask(self, request: str, payload: bytes = b"") -> tuple[int, list[str]]:
        """The exit code of a request, and the lines that it has printed."""
        assert self.process.stdin is not None
        self.process.stdin.write(shell.framed(request) + payload)
        self.process.stdin.flush()
        lines: list[str] = []
        while True:
            line = self._line()
            code = shell.trailer(line, self.mark)
            if code is not None:
                return code, lines[:-1] if lines and not lines[-1] else lines
            lines.append(line)

    def leave_profile(self) -> Greeting:
        """Have it go on without the profile."""
        assert self.process.stdin is not None
        self.process.stdin.write(shell.framed(shell.LEAVE))
        self.process.stdin.flush()
        return self.greeted()

    def hang_up(self) -> None:
        """The line is gone."""
        assert self.process.stdin is not None
        self.process.stdin.close()

    def end(self) -> None:
        """Hang up, and wait for the end."""
        self.hang_up()
        self.process.wait(ENDS_S)
        self._patience.cancel()
        assert self.process.stdout is not None
        self.process.stdout.close()

    def _line(self) -> str:
        assert self.process.stdout is not None
        line = self.process.stdout.readline().decode(errors="replace")
        assert line.endswith("\n"), f"the session has ended; before: {self.noise[-5:]}"
        return line[:-1]
