"""The laptop's end of the line: a port of its loopback that stays, whatever becomes of the connection behind it.

Browsers and IDEs connect here. What comes while there is no line waits for one; what was open when a line was cut is closed, and comes
again by itself. The bytes go on to the near end of ssh's own forwarding, which only this user can reach.

Listener and connections stand in one module, of more than 300 lines: each connection is counted, bounded and joined by the forwarder, which
makes both of its ends.
"""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from jupyter_remote_kit.host import descriptors, localports, peers
from jupyter_remote_kit.plan import localname
from jupyter_remote_kit.plan.localname import LocalName
from jupyter_remote_kit.plan.ssh import Near

# How long a request waits for a line that is being mended. Browsers give up on nothing sooner.
_WAITS_S = 60.0
_CROWDED_S = 0.02
# What is read and not yet taken is held; more than this, and reading waits.
_HIGH_WATER = 1 << 20
_MAX_CONNECTIONS = 512
# Of the descriptors that there are, half for connections, of two ends each. asyncio takes as many more at once as the backlog has room for,
# before any of them is asked, and two turns later those that were too many are closed: three times a sixth.
_OF_CONNECTION, _OF_BACKLOG = 4, 6


@dataclass
class Traffic:
    """Bytes that went each way, since the forwarder was made."""

    down: int = 0
    up: int = 0


class Pipe(asyncio.Protocol):
    """One end of a connection; what it receives goes to the other, at the other's pace."""

    def __init__(self, forwarder: Forwarder) -> None:
        self._forwarder = forwarder
        self._transport: asyncio.Transport | None = None
        self._other: Pipe | None = None
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

    @property
    def waiting(self) -> int:
        """Bytes that the other end has not taken yet."""
        other = self._other
        return other._transport.get_write_buffer_size() if other is not None and other._transport is not None else 0

    def abort(self) -> None:
        """Close both ends at once."""
        for end in (self, self._other):
            if end is not None and end._transport is not None:
                end._transport.abort()

    def _count(self, size: int) -> None:
        raise NotImplementedError


class NearEnd(Pipe):
    """The browser's end. What comes is held until its first request says by what name the server is asked."""

    def __init__(self, forwarder: Forwarder) -> None:
        super().__init__(forwarder)
        self._head = bytearray()
        self._goes_on = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        socket = transport.get_extra_info("socket")
        if not peers.is_own(socket, transport.get_extra_info("peername"), transport.get_extra_info("sockname")):
            self.abort()
            return
        if not self._forwarder.joined(self):
            self.abort()
            return
        self._connecting: Awaitable[None] = asyncio.ensure_future(self._forwarder.connect_far(self))

    def data_received(self, data: bytes) -> None:
        if self._goes_on:
            super().data_received(data)
            return
        self._head += data
        decision = localname.decide(bytes(self._head), self._forwarder.local) if self._forwarder.local else localname.GOES_ON
        if decision is None:
            return
        if decision.answer:
            self._answer(decision.answer)
        else:
            self._go_on()

    def eof_received(self) -> bool:
        """As the base class; half a request is the host's to answer, and what has no other end yet waits for one."""
        if not self._goes_on:
            self._go_on()
        if self._other is None:
            self._ended = True
            return True
        return super().eof_received()

    def join(self, far: FarEnd) -> None:
        """Let what has come go to `far`, once it is known to be meant for the host."""
        self._other = far
        if self._goes_on:
            self._pass_head()

    def _go_on(self) -> None:
        self._goes_on = True
        if self._other is not None:
            self._pass_head()
        elif self._transport is not None:
            # What the line has not taken is not read.
            self._transport.pause_reading()

    def _pass_head(self) -> None:
        assert self._transport is not None  # noqa: S101  # connected before
        head, self._head = bytes(self._head), bytearray()
        if head:
            super().data_received(head)
        if self._ended and self._other is not None and self._other._transport is not None:
            self._other._transport.write_eof()
        self._transport.resume_reading()

    def _answer(self, answer: bytes) -> None:
        """Answer here, and hang up; nothing of it has gone to the host."""
        assert self._transport is not None  # noqa: S101  # connected before
        self._transport.write(answer)
        self._transport.close()
        self._head.clear()

    def connection_lost(self, exc: Exception | None) -> None:
        self._forwarder.left(self)
        super().connection_lost(exc)

    def _count(self, size: int) -> None:
        self._forwarder.traffic.up += size


class FarEnd(Pipe):
    """The line's end."""

    def __init__(self, forwarder: Forwarder, near: NearEnd) -> None:
        super().__init__(forwarder)
        self._other = near

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        near = self._other
        assert near is not None and near._transport is not None  # noqa: S101, PT018  # given, and connected before this
        if near._transport.is_closing():
            self.abort()
            return
        assert isinstance(near, NearEnd)  # noqa: S101  # given
        near.join(self)

    def _count(self, size: int) -> None:
        self._forwarder.traffic.down += size


@dataclass
class Forwarder:
    """Listens on one port of the loopback, of both families where there are two.

    `local` says by what name browsers are to ask for the server; without it every name will do.
    """

    port: int
    local: LocalName | None = None
    traffic: Traffic = field(default_factory=Traffic)
    _servers: list[asyncio.Server] = field(default_factory=list)
    _pairs: set[Pipe] = field(default_factory=set)
    _near: Near | None = None
    _has_line: asyncio.Event = field(default_factory=asyncio.Event)
    _most: int = _MAX_CONNECTIONS

    async def listen(self) -> None:
        """Take the port. Raises `Failed` when another holds it, on either family: a browser might ask that one. And where nothing tells
        whose a connection is.
        """
        peers.check()
        room = descriptors.make_room()
        self._most = min(_MAX_CONNECTIONS, max(1, room // _OF_CONNECTION))
        backlog = max(1, min(localports.BACKLOG, room // _OF_BACKLOG))
        try:
            loop = asyncio.get_running_loop()
            for listener in localports.listeners(self.port):
                self._servers.append(await loop.create_server(lambda: NearEnd(self), sock=listener, backlog=backlog))
        except OSError as error:
            await self.close()
            if error.errno != errno.EADDRINUSE:
                raise
            raise localports.taken(self.port) from None
        if not self._servers:
            raise localports.no_loopback()

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
    def has_line(self) -> bool:
        """Whether what comes goes on at once. Not so either where the near end is found gone, before anybody has told."""
        return self._has_line.is_set()

    @property
    def open_connections(self) -> int:
        """How many there are just now."""
        return len(self._pairs)

    @property
    def waiting(self) -> int:
        """Bytes that were read here, and that ssh has not taken yet."""
        return sum(pair.waiting for pair in self._pairs)

    async def connect_far(self, near_end: NearEnd) -> None:
        """Connect what has come to the line, once there is one."""
        try:
            await asyncio.wait_for(self._connected(near_end), _WAITS_S)
        except (OSError, asyncio.TimeoutError):
            near_end.abort()

    async def _connected(self, near_end: NearEnd) -> None:
        while True:
            await self._has_line.wait()
            near = self._near
            assert near is not None  # noqa: S101  # the event says so
            try:
                await open_near(near, lambda: FarEnd(self, near_end))
            except (ConnectionRefusedError, FileNotFoundError):
                # ssh is gone, and nobody has told yet: this waits for the next line as others do.
                if self._near is near:
                    self._has_line.clear()
            else:
                return

    def joined(self, pair: Pipe) -> bool:
        """Keep track of a connection; `False` when there are too many."""
        if len(self._pairs) >= self._most:
            return False
        self._pairs.add(pair)
        return True

    def left(self, pair: Pipe) -> None:
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
