"""Ports of this machine's loopback, on every address family that it has: a browser may ask either."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator

from jupyter_remote_kit.errors import Failed
from jupyter_remote_kit.messages import msg

BACKLOG = 256
_LOOPBACKS = ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1"))


def listeners(port: int) -> Iterator[socket.socket]:
    """Sockets that listen on the port, one for each family that this machine has. Raises OSError when another holds it."""
    for family, address in _LOOPBACKS:
        listener = _bound(family, address, port)
        if listener is not None:
            yield listener


def is_free(port: int) -> bool:
    """Whether the port could be taken now, on every family that this machine has."""
    try:
        for listener in listeners(port):
            listener.close()
    except OSError:
        return False
    return True


def free() -> int:
    """A port of the loopback that is free now."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def taken(port: int) -> Failed:
    """The local port belongs to another program."""
    return Failed.of(
        "local-port-taken",
        msg("Port {port} of this machine is taken by another program.", port=port),
        msg(
            "End that program, or choose another port, which changes the URL: --local-port {port}",
            port=port + 1 if port < 65535 else port - 1,
        ),
    )


def no_loopback() -> Failed:
    """There is no address that a browser of this machine could ask."""
    return Failed.of(
        "no-loopback", msg("This machine has neither 127.0.0.1 nor ::1."), msg("Bring its loopback up: sudo ip link set lo up")
    )


def _bound(family: socket.AddressFamily, address: str, port: int) -> socket.socket | None:
    """A socket that holds the port; `None` where this machine lacks the family. Raises OSError when another holds it."""
    try:
        listener = socket.socket(family, socket.SOCK_STREAM)
    except OSError:
        return None
    try:
        if hasattr(socket, "SO_EXCLUSIVEADDRUSE"):
            # On Windows SO_REUSEADDR would let two programs have one port.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        else:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.setblocking(False)
        listener.bind((address, port))
        # Bound alone takes no port from another that is bound alone.
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRNOTAVAIL:
            return None
        raise
    return listener
