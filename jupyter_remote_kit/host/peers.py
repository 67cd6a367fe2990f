"""Whose connection to this machine's loopback is: the port of a laptop is for its owner's programs, not for other accounts."""

from __future__ import annotations

import ipaddress
import os
import socket
import sys
from asyncio.trsock import TransportSocket
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jupyter_remote_kit.errors import Failed
from jupyter_remote_kit.host import surroundings
from jupyter_remote_kit.messages import msg

_TABLES = {socket.AF_INET: Path("/proc/net/tcp"), socket.AF_INET6: Path("/proc/net/tcp6")}
_LOCAL, _REMOTE, _UID, _INODE = 1, 2, 7, 9
_ESTABLISHED = 1


@dataclass(frozen=True)
class _Row:
    """A socket as proc_pid_net(5) has it. A closed one belongs to no file, has the inode 0, and 0 for its user."""

    uid: int
    inode: int


def check() -> None:
    """Raises `Failed` where Linux does not tell whose a socket is, as on a machine that hides its /proc."""
    if not _tells():
        return
    try:
        with _TABLES[socket.AF_INET].open("rb") as table:
            table.read(1)
    except OSError as error:
        path = _TABLES[socket.AF_INET]
        raise Failed.of(
            "peers-unknown",
            msg(
                "{path} cannot be read ({reason}): nothing tells which user connects to a port of this machine.",
                path=path,
                reason=error.strerror or str(error),
            ),
            msg("What stands in the way: {command}", command=f"ls -lL {path}"),
        ) from error


def is_own(connection: socket.socket | TransportSocket, peer: Any, own: Any) -> bool:  # noqa: ANN401  # addresses as sockets have them
    """Whether the other end of a connection on the loopback is this user's or root's.

    `peer` and `own` are the addresses as our end sees them. On Linux who is not known is not this user: a program that connects and closes
    at once has sent its request all the same. Elsewhere the system does not tell, and everybody is let in.
    """
    if not _tells():
        return True
    try:
        row = _find(connection.family, peer, own)
    except (OSError, ValueError, IndexError, KeyError, TypeError):
        return False
    if row is None:
        # Windows' own programs reach WSL by its loopback where networks are mirrored, and their sockets are in Windows.
        return surroundings.here() is surroundings.Surroundings.WSL and _is_open(connection)
    # SUDO_UID: who has made this process root's, and has the browser.
    return row.inode != 0 and row.uid in {0, os.geteuid(), _behind_sudo()}


def _tells() -> bool:
    return sys.platform.startswith("linux")


def _find(family: int, peer: Any, own: Any) -> _Row | None:  # noqa: ANN401
    """The peer's own socket: its local address is our remote one. `None`: it was closed, or is another kernel's."""
    wanted = _written(peer), _written(own)
    lines = _TABLES[socket.AddressFamily(family)].read_text().splitlines()[1:]
    fields = next((row for row in map(str.split, lines) if (row[_LOCAL], row[_REMOTE]) == wanted), None)
    return _Row(int(fields[_UID]), int(fields[_INODE])) if fields is not None else None


def _is_open(connection: socket.socket | TransportSocket) -> bool:
    """Whether the other end is still there. Asked after the table was read: it was there then as well."""
    try:
        return connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] == _ESTABLISHED
    except OSError:
        return False


def _behind_sudo() -> int:
    return int(os.environ.get("SUDO_UID", "0")) if os.geteuid() == 0 else 0


def _written(address: Any) -> str:  # noqa: ANN401
    """An address as the kernel writes it: 32-bit words in the machine's byte order, in hexadecimal."""
    packed = ipaddress.ip_address(address[0].partition("%")[0]).packed
    words = [int.from_bytes(packed[start : start + 4], sys.byteorder) for start in range(0, len(packed), 4)]
    return f"{''.join(f'{word:08X}' for word in words)}:{address[1]:04X}"
