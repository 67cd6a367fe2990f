"""The laptop's end of the line: a port of its loopback that stays, whatever becomes of the connection behind it.

Browsers and IDEs connect here. What comes while there is no line waits for one; what was open when a line was cut is closed, and comes
again by itself. The bytes go on to the near end of ssh's own forwarding, which only this user can reach.
"""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from jupyter_remote_kit.errors import Failed
from jupyter_remote_kit.messages import msg
from jupyter_remote_kit.plan.ssh import Near

# How long a request waits for a line that is being mended. Browsers give up on nothing sooner.
_WAITS_S = 60.0
# What is read and not yet taken is held; more than this, and reading waits.
_HIGH_WATER = 1 << 20
_BACKLOG = 256
_CROWDED_S = 0.02
_MAX_CONNECTIONS = 512


@dataclass
class Traffic:
    """Bytes that went each way, since the forwarder was made."""

    down: int = 0
    up: int = 0


@dataclass
class Forwarder:
    """Listens on one port of the loopback, of both families where there are two."""

    port: int
    traffic: Traffic = field(default_factory=Traffic)
    _servers: list[asyncio.Server] = field(default_factory=list)
    _pairs: set[_Pipe] = field(default_factory=set)
    _near: Near | None = None
    _has_line: asyncio.Event = field(default_factory=asyncio.Event)

    async def listen(self) -> None:
        """Take the port. Raises `Failed` when another holds it, on either family: a browser might ask that one."""
        try:
            for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
                listener = _bound(family, address, self.port)
                if listener is not None:
                    loop = asyncio.get_running_loop()
                    self._servers.append(await loop.create_server(lambda: _Near(self), sock=listener, backlog=_BACKLOG))
        except OSError as error:
            await self.close()
            if error.errno != errno.EADDRINUSE:
                raise
            raise port_taken(self.port) from None

    def line_is_up(self, near: Near) -> None:
        """From now on connections go to `near`, those that wait first."""
        self._near = near
        self._has_line.set()

    def line_is_down(self) -> None:
        """From now on connections wait. Those that went through the line are closed: nothing that is on its way would be answered."""
        self._has_line.clear()
        for pair in list(self._pairs):
            if pair.is_joined:
                pair.abort()

    async def close(self) -> None:
        """Let the port go."""
        self._has_line.clear()
        for pair in list(self._pairs):
            pair.abort()
        for server in self._servers:
            server.close()
        self._servers.clear()

    @property
    def open_connections(self) -> int:
        """How many there are just now."""
        return len(self._pairs)

    async def connect_far(self, near_end: _Near) -> None:
        """Connect what has come to the line, once there is one."""
        try:
            await asyncio.wait_for(self._connected(near_end), _WAITS_S)
        except (OSError, asyncio.TimeoutError):
            near_end.abort()

    async def _connected(self, near_end: _Near) -> None:
        while True:
            await self._has_line.wait()
            near = self._near
            assert near is not None  # noqa: S101  # the event says so
            try:
                await open_near(near, lambda: _Far(self, near_end))
            except (ConnectionRefusedError, FileNotFoundError):
                # ssh is gone, and nobody has told yet: this waits for the next line as others do.
                if self._near is near:
                    self._has_line.clear()
            else:
                return

    def joined(self, pair: _Pipe) -> bool:
        """Keep track of a connection; `False` when there are too many."""
        if len(self._pairs) >= _MAX_CONNECTIONS:
            return False
        self._pairs.add(pair)
        return True

    def left(self, pair: _Pipe) -> None:
        """It is closed."""
        self._pairs.discard(pair)


async def open_near(near: Near, protocol: Callable[[], asyncio.Protocol]) -> None:
    """Connect to the near end of ssh's forwarding. Raises OSError."""
    loop = asyncio.get_running_loop()
    if near.path is not None:
        await loop.create_unix_connection(protocol, sock=await _connected(near.path))
    else:
        await loop.create_connection(protocol, "127.0.0.1", near.port)


async def _connected(path: str) -> socket.socket:
    """A socket that is connected to `path`. Where more connections wait there than may (ssh: 128), it tries again until there is room.

    asyncio's own takes EAGAIN, which on a UNIX socket means just that (connect(2)), for a connection that is under way.
    """
    client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    client.setblocking(False)
    try:
        while True:
            try:
                client.connect(path)
            except BlockingIOError:
                await asyncio.sleep(_CROWDED_S)
            else:
                return client
    except BaseException:
        client.close()
        raise


def is_free(port: int) -> bool:
    """Whether the port could be taken now, on every family that this machine has."""
    try:
        for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
            listener = _bound(family, address, port)
            if listener is not None:
                listener.close()
    except OSError:
        return False
    return True


def free_port() -> int:
    """A port of the loopback that is free now."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def port_taken(port: int) -> Failed:
    """The local port belongs to another program."""
    return Failed.of(
        "local-port-taken",
        msg("Port {port} of this machine is taken by another program.", port=port),
        msg(
            "End that program, or choose another port, which changes the URL: --local-port {port}",
            port=port + 1 if port < 65535 else port - 1,
        ),
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
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRNOTAVAIL:
            return None
        raise
    return listener


class _Pipe(asyncio.Protocol):
    """One end of a connection; what it receives goes to the other, at the other's pace."""

    def __init__(self, forwarder: Forwarder) -> None:
        self._forwarder = forwarder
        self._transport: asyncio.Transport | None = None
        self._other: _Pipe | None = None
        self._ended = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101  # a stream's
        transport.set_write_buffer_limits(_HIGH_WATER)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._count(len(data))
        if self._other is not None and self._other._transport is not None:
            self._other._transport.write(data)

    def eof_received(self) -> bool:
        """Pass the end on; a connection that has ended both ways is closed, once all is written. `True`: this way only, for now."""
        self._ended = True
        other = self._other
        if other is not None and other._transport is not None and not other._ended:
            other._transport.write_eof()
            return True
        if other is not None and other._transport is not None:
            other._transport.close()
        return False

    def pause_writing(self) -> None:
        if self._other is not None and self._other._transport is not None:
            self._other._transport.pause_reading()

    def resume_writing(self) -> None:
        if self._other is not None and self._other._transport is not None:
            self._other._transport.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._other is not None and self._other._transport is not None:
            # What is still to be written goes out first.
            self._other._transport.close()

    @property
    def is_joined(self) -> bool:
        """Whether it has its other end."""
        return self._other is not None

    def abort(self) -> None:
        """Close both ends at once."""
        for end in (self, self._other):
            if end is not None and end._transport is not None:
                end._transport.abort()

    def _count(self, size: int) -> None:
        raise NotImplementedError


class _Near(_Pipe):
    """The browser's end."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        if not self._forwarder.joined(self):
            self.abort()
            return
        assert self._transport is not None  # noqa: S101  # set above
        self._transport.pause_reading()
        self._connecting: Awaitable[None] = asyncio.ensure_future(self._forwarder.connect_far(self))

    def connection_lost(self, exc: Exception | None) -> None:
        self._forwarder.left(self)
        super().connection_lost(exc)

    def _count(self, size: int) -> None:
        self._forwarder.traffic.up += size


class _Far(_Pipe):
    """The line's end."""

    def __init__(self, forwarder: Forwarder, near: _Near) -> None:
        super().__init__(forwarder)
        self._other = near

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        near = self._other
        assert near is not None and near._transport is not None  # noqa: S101, PT018  # given, and connected before this
        if near._transport.is_closing():
            self.abort()
            return
        near._other = self
        near._transport.resume_reading()

    def _count(self, size: int) -> None:
        self._forwarder.traffic.down += size
