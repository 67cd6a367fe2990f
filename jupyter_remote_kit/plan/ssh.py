"""How the system's `ssh` is called. Its configuration, agent, keys, jump hosts, prompts and known_hosts are the user's own.

The one connection is the master of a multiplexed session (`-M`), so that a port is forwarded once the host has said which. OpenSSH for
Windows has no multiplexing: there the port is forwarded from the start, to the one that the server had the last time.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

from jupyter_remote_kit.plan.target import Target

# Ours are sooner (`host/line.py`); these end an ssh whose kit was killed.
_ALIVE_S, _ALIVE_TIMES = 15, 2
# `-L` takes a colon for the end of a path, and `ControlPath` a blank. A socket's path may have 104 bytes, of which ssh adds 17 by itself.
_SOCKET_FOLDER = re.compile(r"/[A-Za-z0-9_./%+-]{0,59}\Z")


class Platform(str, Enum):
    """The laptop's system, as far as ssh differs."""

    POSIX = "posix"
    WINDOWS = "windows"

    @property
    def multiplexes(self) -> bool:
        """Whether its ssh can be a master (https://github.com/PowerShell/Win32-OpenSSH/issues/405)."""
        return self is Platform.POSIX


@dataclass(frozen=True)
class Near:
    """The laptop's end of a forwarding, which only this user reaches: a UNIX socket, or on Windows a port of its loopback."""

    path: str | None = None
    port: int = 0

    @property
    def word(self) -> str:
        """As `-L` has it."""
        return self.path if self.path is not None else f"127.0.0.1:{self.port}"


@dataclass(frozen=True)
class Opening:
    """One connection to open.

    `control` is the master's socket (`None`: no multiplexing); `forward` a port of the host's loopback that is forwarded from the start,
    and the near end; `batch`: nobody is there to answer a question; `connect_s` bounds the way to a first answer of the host, in seconds.
    """

    target: Target
    control: str | None = None
    forward: tuple[Near, int] | None = None
    batch: bool = False
    connect_s: int = 10


def open_argv(opening: Opening, remote_command: str) -> tuple[str, ...]:
    """The connection that carries a session, and perhaps a forwarding. `remote_command` is a constant of `plan.shell`."""
    options = [
        f"BatchMode={'yes' if opening.batch else 'no'}",
        f"ConnectTimeout={opening.connect_s}",
        f"ServerAliveInterval={_ALIVE_S}",
        f"ServerAliveCountMax={_ALIVE_TIMES}",
        "ExitOnForwardFailure=yes",
        "StreamLocalBindMask=0177",
        "StreamLocalBindUnlink=yes",
        "EscapeChar=none",
        "ForwardX11=no",
        "PermitLocalCommand=no",
        # What goes wrong is told from its words, neither more nor less of them (`plan.sshtrouble`).
        "LogLevel=INFO",
        # What a Host of the user's starts by itself would take the place of ours.
        "RemoteCommand=none",
        "RequestTTY=no",
    ]
    if opening.control is not None:
        # Those of the user's configuration may be taken by another connection. Without a master it would clear ours as well.
        options += ["ControlMaster=yes", f"ControlPath={_escaped(opening.control)}", "ControlPersist=no", "ClearAllForwardings=yes"]
    else:
        options += ["ControlMaster=no", "ControlPath=none"]
    forward = ("-L", _forwarding(*opening.forward)) if opening.forward else ()
    return ("ssh", *_options(options), *forward, *opening.target.words, remote_command)


def forward_argv(control: str, target: Target, near: Near, far: int | str) -> tuple[str, ...]:
    """Have the master forward `near` from now on: to a port of the host's loopback, or to a UNIX socket there."""
    bind = _options(["StreamLocalBindMask=0177", "StreamLocalBindUnlink=yes"])
    return ("ssh", "-O", "forward", *bind, "-o", f"ControlPath={_escaped(control)}", "-L", _forwarding(near, far), *target.words)


def settings_argv(target: Target) -> tuple[str, ...]:
    """Have ssh say what its configuration makes of a host; it connects to nothing."""
    return ("ssh", "-G", *target.words)


def host_name(settings: str) -> str | None:
    """The name or the address that ssh would connect to, in what it says then."""
    return next((words[1] for words in map(str.split, settings.splitlines()) if words[:1] == ["hostname"] and len(words) > 1), None)


def is_socket_folder(path: str) -> bool:
    """Whether ssh can be told of sockets in a folder below this one."""
    return bool(_SOCKET_FOLDER.match(path))


def _forwarding(near: Near, far: int | str) -> str:
    return f"{near.word}:{far}" if isinstance(far, str) else f"{near.word}:127.0.0.1:{far}"


def _options(options: list[str]) -> tuple[str, ...]:
    return tuple(word for option in options for word in ("-o", option))


def _escaped(path: str) -> str:
    """ssh_config(5) expands `%` in a ControlPath."""
    return path.replace("%", "%%")
