"""How the system's `ssh` is called. Its configuration, agent, keys, jump hosts, prompts and known_hosts are the user's own.

The one connection is the master of a multiplexed session (`-M`), so that a port is forwarded once the host has said which. OpenSSH for
Windows has no multiplexing: there the port is forwarded from the start, to the one that the server had the last time.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

from jupyter_remote_kit.plan.shell import PROFILE_S
from jupyter_remote_kit.plan.target import Target

# A host that gives no sign for 15 s is given up. Once the server is found ours are sooner (`plan.liveness`); before that, and where the kit
# was killed, ssh itself notices. An upload over a thin line brings a sign each 96 KiB, as it does there.
_ALIVE_S, _ALIVE_TIMES = 5, 2
# Two handshakes instead of one; and the seconds of whoever answers a jump host's questions: sshd gives each 120 (`LoginGraceTime`).
_HANDSHAKES_BEHIND, _ANSWERED_BEHIND_S = 2, 300
# OpenSSH 8.7 has made options of `-N` and `-s`, `-n`, and `-f`; before, they would be words that it does not know.
_OF_TUNNELS = {"sessiontype": "default", "stdinnull": "no", "forkafterauthentication": "no"}
_SECONDS = re.compile(r"[0-9]{1,6}\Z")
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
class Settings:
    """What the user's configuration makes of a host, as `ssh -G` tells it.

    `host_name` is the name or the address that ssh connects to; `connect_s` its ConnectTimeout, in seconds; `behind`: whether the way leads
    through a jump host, or whatever else ProxyCommand starts; `for_tunnels`: whether ssh would run or read nothing there, or leave.
    """

    host_name: str | None = None
    connect_s: int = 0
    behind: bool = False
    for_tunnels: bool = False

    @classmethod
    def parse(cls, said: str) -> Settings:
        """Read what `settings_argv` prints; what is missing, or is none of ssh's words, counts as not set."""
        rows = [line.split(maxsplit=1) for line in said.splitlines()]
        told = {row[0]: row[1].strip() for row in rows if len(row) > 1}
        seconds = told.get("connecttimeout", "")
        return cls(
            told.get("hostname"),
            int(seconds) if _SECONDS.match(seconds) else 0,
            any(told.get(keyword, "none") != "none" for keyword in ("proxyjump", "proxycommand")),
            any(told.get(keyword, usual) != usual for keyword, usual in _OF_TUNNELS.items()),
        )

    def patience_s(self, seconds: int, *, batch: bool) -> int:
        """How long ssh may take to a first answer of the host, where one that is reached directly has `seconds`.

        ssh counts from its start, so a jump host's questions are answered meanwhile. A configuration that gives it longer is heeded.
        """
        if self.behind:
            seconds = seconds * _HANDSHAKES_BEHIND if batch else _ANSWERED_BEHIND_S
        return max(seconds, self.connect_s)


@dataclass(frozen=True)
class Opening:
    """One connection to open.

    `control` is the master's socket (`None`: no multiplexing); `forward` a port of the host's loopback that is forwarded from the start,
    and the near end; `batch`: nobody is there to answer a question; `connect_s` bounds the way to a first answer of the host, in seconds;
    `for_tunnels` as in `Settings`: that is not heeded; `profile_s` as `shell.session_command` has it.
    """

    target: Target
    control: str | None = None
    forward: tuple[Near, int] | None = None
    batch: bool = False
    connect_s: int = 10
    for_tunnels: bool = False
    profile_s: int = PROFILE_S


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
        options += ["ControlMaster=yes", f"ControlPath={_escaped(opening.control)}", "ControlPersist=no"]
    else:
        options += ["ControlMaster=no", "ControlPath=none"]
    if opening.forward is None:
        # Those of the user's configuration may be taken by another connection. It would clear one of ours as well.
        options += ["ClearAllForwardings=yes"]
    if opening.for_tunnels:
        options += [f"{keyword}={usual}" for keyword, usual in _OF_TUNNELS.items()]
    forward = ("-L", _forwarding(*opening.forward)) if opening.forward else ()
    return ("ssh", *_options(options), *forward, *opening.target.words, remote_command)


def forward_argv(control: str, target: Target, near: Near, far: int | str) -> tuple[str, ...]:
    """Have the master forward `near` from now on: to a port of the host's loopback, or to a UNIX socket there.

    Without the user's configuration, all of whose forwardings would be asked for as well.
    """
    options = _options(["StreamLocalBindMask=0177", "StreamLocalBindUnlink=yes", f"ControlPath={_escaped(control)}"])
    return ("ssh", "-F", "/dev/null", "-O", "forward", *options, "-L", _forwarding(near, far), *target.words)


def settings_argv(target: Target) -> tuple[str, ...]:
    """Have ssh say what its configuration makes of a host; it connects to nothing."""
    return ("ssh", "-G", *target.words)


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
