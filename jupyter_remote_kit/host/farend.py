"""What this laptop itself knows of the host at the far end of ssh, whatever that host says."""

from __future__ import annotations

import socket
from contextlib import suppress

import psutil

from jupyter_remote_kit.errors import Failed
from jupyter_remote_kit.host import programs
from jupyter_remote_kit.plan import ssh
from jupyter_remote_kit.plan.target import Target

_ASK_S = 20.0


def known(target: Target, pid: int) -> tuple[str, ...]:
    """The names and addresses of the host to which the ssh of that process id is connected, each as it was found."""
    name = configured(target) or target.host
    address = connected(pid)
    full = in_full(name, address) if address else None
    return tuple(word for word in (target.host, name, address, full) if word)


def configured(target: Target) -> str | None:
    """The name or the address that the user's configuration of ssh has for it."""
    with suppress(Failed):
        return ssh.Settings.parse(programs.call(ssh.settings_argv(target), patience_s=_ASK_S).out).host_name
    return None


def connected(pid: int) -> str | None:
    """The address at the other end of a process's first connection; `None` where it has none, as for a jump host.

    A `RemoteForward` of the user's makes more of them, to where the host says.
    """
    with suppress(psutil.Error):
        process = psutil.Process(pid)
        # psutil 6 has renamed it.
        ask = getattr(process, "net_connections", None) or process.connections
        found = sorted((connection.fd, connection.raddr.ip) for connection in ask("tcp") if connection.raddr)
        return found[0][1] if found else None
    return None


def in_full(name: str, address: str) -> str | None:
    """What the resolver calls it in full, below a search domain or by an alias; `None` unless that leads to `address`.

    Whoever has the host may have its name server too, which can call it anything, but not by a name of others that leads there.
    """
    with suppress(OSError, UnicodeError):
        found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM, flags=socket.AI_CANONNAME)
        if any(place[0] == address for *_, place in found):
            return found[0][3] or None
    return None
