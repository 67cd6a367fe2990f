"""How the system's ssh is started: deaf to Ctrl-C and to hanging up, and at our terminal only where somebody was promised a question."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from contextlib import suppress
from typing import Any

from jupyter_remote_kit.errors import Failed
from jupyter_remote_kit.messages import msg
from jupyter_remote_kit.plan import ssh
from jupyter_remote_kit.plan.ssh import Settings
from jupyter_remote_kit.plan.target import Target

LONGEST_LINE = 1 << 20
"""Bytes of a line that is read as one."""

# A `Match exec` of the user's may take its time.
_TELLS_S = 10.0


async def start(argv: tuple[str, ...], *, asks: bool = False) -> asyncio.subprocess.Process:
    """Start ssh with three pipes; on our terminal if it `asks`. Raises `Failed` where there is none.

    Otherwise it has no terminal, and no window to ask in: `BatchMode` keeps ssh itself from questions, but not the one that it starts for a
    jump host (`ssh.c`, where `jump_host` becomes a `proxy_command`).
    """
    apart: dict[str, Any] = {"start_new_session": not asks}
    if sys.platform == "win32":
        # A group of its own hears no Ctrl-C, as `_deaf` has it elsewhere; without a console there is nowhere to ask.
        apart = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP if asks else subprocess.CREATE_NO_WINDOW}
    pipe = asyncio.subprocess.PIPE
    env = None if asks else {**os.environ, "SSH_ASKPASS_REQUIRE": "never"}
    try:
        with _deaf:
            return await asyncio.create_subprocess_exec(*argv, stdin=pipe, stdout=pipe, stderr=pipe, limit=LONGEST_LINE, env=env, **apart)
    except FileNotFoundError:
        raise Failed.of(
            "no-ssh", msg("There is no ssh on this machine."), msg("Install OpenSSH's client, such as: sudo apt install openssh-client")
        ) from None


async def settings(target: Target) -> Settings:
    """What the user's configuration makes of a host; where ssh does not tell, nothing. Raises `Failed` where there is no ssh."""
    process = await start(ssh.settings_argv(target))
    try:
        out, _ = await asyncio.wait_for(process.communicate(), _TELLS_S)
    except asyncio.TimeoutError:
        return Settings()
    finally:
        with suppress(ProcessLookupError):
            if process.returncode is None:
                process.kill()
    return Settings.parse(out.decode(errors="replace"))


class _Deaf:
    """Within, this process ignores SIGINT and SIGHUP, so that what it starts does so as well; several may be within at once.

    Ctrl-C on the terminal, and its end, are for us, who may still have to stop a server over this line. What is ignored stays so across
    an exec, and ssh sets its own handlers only where it finds none (`clientloop.c`, `client_loop`); its prompts listen by themselves.
    """

    _NUMBERS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGHUP") if hasattr(signal, name))

    def __init__(self) -> None:
        self._within = 0
        self._before: list[Any] = []

    def __enter__(self) -> None:
        if not self._within:
            self._before = [signal.signal(number, signal.SIG_IGN) for number in self._NUMBERS]
        self._within += 1

    def __exit__(self, *_: object) -> None:
        self._within -= 1
        if not self._within:
            for number, handler in zip(self._NUMBERS, self._before, strict=True):
                signal.signal(number, handler)


_deaf = _Deaf()
