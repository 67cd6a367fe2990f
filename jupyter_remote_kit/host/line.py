"""One connection to a host: the system's ssh, and a session in it that answers one request after the other (`plan.shell`)."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from jupyter_remote_kit.errors import Failed
from jupyter_remote_kit.host import sshprocess
from jupyter_remote_kit.messages import msg
from jupyter_remote_kit.plan import shell, ssh, sshtrouble
from jupyter_remote_kit.plan.shell import Greeting, Profile
from jupyter_remote_kit.plan.ssh import Near, Opening

# What sshd's own shell reads before our command (`.bashrc`, `.zshenv`, `config.fish`) may take its time, conda's and a network's.
_SHELL_STARTS_S = 45.0
_LOOKS_S = 0.5
_CLOSES_S = 2.0
_FORWARDS_S = 10.0
# What ssh ends with when it is for its own reasons; else it ends as the host's shell did.
_SSH_FAILED = 255
# A host may be anybody's: neither what it answers nor what it says beside that fills this machine.
_LONGEST_ANSWER = 1 << 23
_KEPT_WORDS = 200
_LONGEST_WORDS = 1000
_PAYLOAD_CHUNK = 1 << 18


class LineCut(Exception):
    """The connection is gone, or was not made. `trouble` says why."""

    def __init__(self, trouble: sshtrouble.Trouble) -> None:
        super().__init__(str(trouble.problem.message))
        self.trouble = trouble


@dataclass(frozen=True)
class Answer:
    """What a request came to: the exit code of its script, and the lines that it printed."""

    code: int
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Pong:
    """A sign of life: when it came (seconds, monotonic), how long there and back took, and whether the process is there."""

    at: float
    round_trip_s: float
    alive: bool


class Line:
    """An open connection. Every method raises `LineCut` when it is gone."""

    def __init__(self, process: asyncio.subprocess.Process, opening: Opening, mark: str) -> None:
        assert process.stdin is not None  # noqa: S101  # three pipes were asked for
        assert process.stdout is not None  # noqa: S101
        assert process.stderr is not None  # noqa: S101
        self._process = process
        self._in, self._out = process.stdin, process.stdout
        self._opening = opening
        self._turn = asyncio.Lock()
        self._owed = 0
        self._came = 0
        self._show: Callable[[str], None] | None = None
        self._said: deque[str] = deque(maxlen=_KEPT_WORDS)
        self._listening = asyncio.ensure_future(self._listen(process.stderr))
        self.mark = mark
        self.greeting = Greeting(0)

    @classmethod
    @asynccontextmanager
    async def open(cls, opening: Opening, show: Callable[[str], None] | None = None) -> AsyncIterator[Line]:
        """Connect, and close in the end. `show` is handed what ssh says on the way: banners, and what it asks about.

        Questions themselves go to the terminal, which ssh opens by itself. Raises `LineCut`, and `Failed` where there is no ssh.
        """
        mark = shell.mark(secrets.token_hex(16))
        process = await sshprocess.start(ssh.open_argv(opening, shell.session_command(mark, opening.profile_s)), asks=not opening.batch)
        line = cls(process, opening, mark)
        line._show = show
        try:
            line.greeting = await line._greeted()
            line._show = None
            yield line
        finally:
            await line.close()

    async def ask(
        self,
        request: str,
        *,
        payload: Iterable[bytes] = (),
        on_line: Callable[[str], None] | None = None,
    ) -> Answer:
        """Run a request of `plan.shell` there, one at a time.

        `payload` are the bytes that it reads; `on_line` is handed lines as they come.
        """
        async with self._turn:
            # One that was cancelled while it waited: its answer comes first, and is nobody's any more.
            while self._owed:
                await self._answer(None)
            await self._send(request, payload)
            return await self._answer(on_line)

    async def leave_profile(self) -> None:
        """Go on without the login profile, where the session uses it."""
        async with self._turn:
            while self._owed:
                await self._answer(None)
            if self.greeting.profile is Profile.USED:
                await self._send(shell.LEAVE, ())
                self._owed -= 1
                self.greeting = await self._greeted()

    async def ping(self, pid: int | None = None) -> Pong:
        """Ask for a sign of life, and whether the process `pid` of the host is there."""
        begun = time.monotonic()
        answer = await self.ask(":" if pid is None else shell.looking_after(pid))
        now = time.monotonic()
        return Pong(now, now - begun, answer.code == 0)

    async def forward(self, near: Near, far: int | str) -> None:
        """Forward `near` to a port of the host's loopback or to a UNIX socket there, where ssh multiplexes.

        Raises `LineCut`, and `Failed` when ssh refuses.
        """
        assert self._opening.control is not None  # noqa: S101  # who asks has a master
        process = await sshprocess.start(ssh.forward_argv(self._opening.control, self._opening.target, near, far))
        try:
            _, said = await asyncio.wait_for(process.communicate(), _FORWARDS_S)
        except asyncio.TimeoutError:
            # The master does not answer: it waits for a host that is gone.
            raise LineCut(sshtrouble.silent(self._opening.target)) from None
        finally:
            if process.returncode is None:
                process.kill()
        if process.returncode:
            if self._process.returncode is not None:
                raise await self._cut()
            words = said.decode(errors="replace").splitlines()
            raise Failed(sshtrouble.explain(self._opening.target, words, batch=True).problem)

    async def gone(self) -> None:
        """Wait until ssh has ended."""
        await self._process.wait()

    @property
    def words(self) -> tuple[str, ...]:
        """The last lines that ssh has said."""
        return tuple(self._said)

    @property
    def far_pid(self) -> int:
        """The process id of the session on the host; 0 before there is one."""
        return self.greeting.pid

    @property
    def pid(self) -> int:
        """The process id of ssh."""
        return self._process.pid

    async def close(self) -> None:
        """End ssh, and with it the session and every forwarding."""
        with contextlib.suppress(ConnectionError, OSError):
            self._in.close()
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.terminate()
            try:
                await asyncio.wait_for(self._process.wait(), _CLOSES_S)
            except asyncio.TimeoutError:
                with contextlib.suppress(ProcessLookupError):
                    self._process.kill()
                await self._process.wait()
        # What a host still writes is not waited for, nor what holds its pipe; asyncio closes only pipes that have come to their end.
        self._process._transport.close()  # type: ignore[attr-defined]
        self._listening.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._listening

    async def _send(self, request: str, payload: Iterable[bytes]) -> None:
        try:
            self._in.write(shell.framed(request))
            self._owed += 1
            for part in payload:
                for start_at in range(0, len(part), _PAYLOAD_CHUNK):
                    self._in.write(part[start_at : start_at + _PAYLOAD_CHUNK])
                    await self._in.drain()
            await self._in.drain()
        except OSError:
            raise await self._cut() from None

    async def _answer(self, on_line: Callable[[str], None] | None) -> Answer:
        lines: list[str] = []
        before = self._came
        while True:
            line = await self._read()
            if self._came - before > _LONGEST_ANSWER:
                raise Failed.of(
                    "host-answer",
                    msg("{host} answers with more than {size} MiB.", host=str(self._opening.target), size=_LONGEST_ANSWER >> 20),
                    msg("Look at what its kit and its profile print"),
                )
            code = shell.trailer(line, self.mark)
            if code is not None:
                self._owed -= 1
                # The trailer begins on a line of its own: what was printed without an end is told from it, and the rest has one too many.
                return Answer(code, tuple(lines[:-1] if lines and not lines[-1] else lines))
            lines.append(line)
            if on_line is not None:
                on_line(line)

    async def _greeted(self) -> Greeting:
        """What the session says once it is ready; what sshd's own shell prints before is none of ours."""
        greeting = asyncio.ensure_future(self._greeting())
        shell_s = self._opening.profile_s + _SHELL_STARTS_S
        try:
            while not (greeting.done() or self._is_let_in()):
                await asyncio.wait({greeting}, timeout=_LOOKS_S)
            # Where nobody is asked, it is not known when the host has let us in.
            connects_s = self._opening.connect_s if self._opening.batch else 0
            return await asyncio.wait_for(greeting, connects_s + shell_s)
        except asyncio.TimeoutError:
            raise LineCut(sshtrouble.slow_shell(self._opening.target, round(shell_s))) from None
        finally:
            greeting.cancel()

    def _is_let_in(self) -> bool:
        """Whether only the host's shell is waited for: a person takes as long as they like to answer, and then ssh makes its socket."""
        control = self._opening.control
        return self._opening.batch or (control is not None and Path(control).exists())

    async def _greeting(self) -> Greeting:
        printed = ""
        while True:
            try:
                line = await self._read()
            except LineCut:
                code = self._process.returncode
                if code is None or code < 0 or code == _SSH_FAILED:
                    raise
                raise LineCut(sshtrouble.no_shell(self._opening.target, printed, self.words, code)) from None
            greeting = shell.greeting(line, self.mark)
            if greeting is not None:
                # What a `.bashrc` has said on standard error is no word of ssh's.
                self._said.clear()
                return greeting
            printed = line.strip() or printed

    async def _read(self) -> str:
        try:
            data = await self._out.readline()
        except ValueError:
            # Longer than any answer of ours: somebody's binary, which is not kept.
            self._came += sshprocess.LONGEST_LINE
            return ""
        self._came += len(data)
        if not data.endswith(b"\n"):
            raise await self._cut()
        return data[:-1].decode(errors="replace")

    async def _cut(self) -> LineCut:
        """Why the line is gone; ssh is given a moment to say so, and to end."""
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._ended(), _CLOSES_S)
        if self.far_pid:
            return LineCut(sshtrouble.cut(self._opening.target, self.words))
        return LineCut(sshtrouble.explain(self._opening.target, self.words, batch=self._opening.batch))

    async def _ended(self) -> None:
        await asyncio.shield(self._listening)
        await self._process.wait()

    async def _listen(self, said: asyncio.StreamReader) -> None:
        """Keep what ssh says, and show it while somebody may have to answer."""
        while data := await _line_of(said):
            line = data.decode(errors="replace").rstrip("\r\n")[:_LONGEST_WORDS]
            self._said.append(line)
            if self._show is not None:
                self._show(line)


async def _line_of(stream: asyncio.StreamReader) -> bytes:
    try:
        return await stream.readline()
    except ValueError:
        return b"\n"
