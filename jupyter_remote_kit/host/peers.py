"""Whose connection to this machine's loopback is: the port of a laptop is for its owner's programs, not for other accounts."""

from __future__ import annotations

import ipaddress
import os
import socket
import sys
from pathlib import Path
from typing import Any

_TABLES = {socket.AF_INET: Path("/proc/net/tcp"), socket.AF_INET6: Path("/proc/net/tcp6")}
_LOCAL, _REMOTE, _UID = 1, 2, 7


def is_own(family: int, peer: Any, own: Any) -> bool:  # noqa: ANN401  # addresses as sockets have them
    """Whether the other end of a connection on the loopback is this user's or root's; `True` where the system does not tell.

    Linux tells the owner of each socket (proc_pid_net(5)); `peer` and `own` are the addresses as our end sees them.
    """
    table = _TABLES.get(socket.AddressFamily(family))
    if not sys.platform.startswith("linux") or table is None:
        return True
    try:
        # The peer's own socket: its local address is our remote one.
        wanted = _written(peer), _written(own)
        rows = (line.split() for line in table.read_text().splitlines()[1:])
        owner = next((int(row[_UID]) for row in rows if (row[_LOCAL], row[_REMOTE]) == wanted), None)
    except (OSError, ValueError, IndexError):
        return True
    # None: it has hung up, or lives in another network namespace, as a container's browser does.
    return owner in {None, 0, os.geteuid(), _behind_sudo()}


def _behind_sudo() -> int:
    """Who has made this process root's, and has the browser."""
    return int(os.environ.get("SUDO_UID", "0")) if os.geteuid() == 0 else 0


def _written(address: Any) -> str:  # noqa: ANN401
    """An address as the kernel writes it: 32-bit words in the machine's byte order, in hexadecimal."""
    packed = ipaddress.ip_address(address[0].partition("%")[0]).packed
    words = [int.from_bytes(packed[start : start + 4], sys.byteorder) for start in range(0, len(packed), 4)]
    return f"{''.join(f'{word:08X}' for word in words)}:{address[1]:04X}"
