"""How the system's ssh is started: deaf to Ctrl-C, and at our terminal only where somebody was promised a question."""

from __future__ import annotations

import asyncio
import os
import signal
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
    pipe = asyncio.subprocess.PIPE
    env = None if asks else {**os.environ, "SSH_ASKPASS_REQUIRE": "never"}
    try:
        with _deaf:
            return await asyncio.create_subprocess_exec(
                *argv, stdin=pipe, stdout=pipe, stderr=pipe, limit=LONGEST_LINE, env=env, start_new_session=not asks
            )
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
    """Within, this process ignores SIGINT, so that what it starts does so as well; several may be within at once.

    Ctrl-C on the terminal is for us, who still have to stop a server over this line. What is ignored stays so across an exec, and ssh sets
    its own handlers only where it finds none (`clientloop.c`, `client_loop`); its prompts listen by themselves.
    """

    def __init__(self) -> None:
        self._within = 0
        self._before: Any = None

    def __enter__(self) -> None:
        if not self._within:
            self._before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        self._within += 1

    def __exit__(self, *_: object) -> None:
        self._within -= 1
        if not self._within:
            signal.signal(signal.SIGINT, self._before)


_deaf = _Deaf()
