"""The laptop's end of the line: a port of its loopback that stays, whatever becomes of the connection behind it.

Browsers and IDEs connect here. What comes while there is no line waits for one; what was open when a line was cut is closed, and comes
again by itself. The bytes go on to the near end of ssh's own forwarding, which only this user can reach.
"""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Callable
from dataclasses import dataclass, field

from jupyter_remote_kit.host import descriptors, localports, peers
from jupyter_remote_kit.host.pipes import FarEnd, NearEnd, Pipe
from jupyter_remote_kit.plan.localname import LocalName
from jupyter_remote_kit.plan.ssh import Near

# How long a request waits for a line that is being mended. Browsers give up on nothing sooner.
_WAITS_S = 60.0
_CROWDED_S = 0.02
_MAX_CONNECTIONS = 512
# Of the descriptors that there are, half for connections, of two ends each. asyncio takes as many more at once as the backlog has room for,
# before any of them is asked, and two turns later those that were too many are closed: three times a sixth.
_OF_CONNECTION, _OF_BACKLOG = 4, 6


@dataclass
class Traffic:
    """Bytes that went each way, since the forwarder was made."""

    down: int = 0
    up: int = 0


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
