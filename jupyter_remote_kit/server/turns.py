"""Who waits for a turn (server/door.py): connections that were accepted, and further requests of strangers."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import ClassVar, Protocol, cast

from tornado.httputil import HTTPConnection, HTTPHeaders, HTTPMessageDelegate, HTTPServerRequest, RequestStartLine, ResponseStartLine

from jupyter_remote_kit.server.deadlines import State
from jupyter_remote_kit.server.sockets import Draining, Peeking
from jupyter_remote_kit.server.sources import Lane
from jupyter_remote_kit.server.streams import Connection, GuardedSSLStream, GuardedStream


@dataclass(eq=False)
class Arrival:
    """A connection that waits to be taken up: a descriptor, and nothing else yet.

    `take_up` is called with whether it has shown that its client is signed in. `watch` looks at what it sends meanwhile, and `decided` says
    that it has sent enough of that.
    """

    source: str
    cost: float
    peer: socket.socket
    take_up: Callable[[bool], None]
    watch: Peeking | None = None
    waits: bool = True
    decided: bool = False
    lane: ClassVar[Lane] = Lane.NEWCOMERS

    def is_there(self) -> bool:
        """Whether the peer still is; looking costs a hundredth of a handshake with somebody who has left."""
        try:
            return self.peer.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) != b""
        except BlockingIOError:
            return True
        except OSError:
            return False

    def admit(self) -> None:
        """Let it in: its turn has come."""
        self._leave()
        self.take_up(False)

    def admit_signed_in(self) -> None:
        """Let it in before its turn."""
        self._leave()
        self.take_up(True)

    def dismiss(self) -> None:
        """Close it: before any handshake that is a handful of microseconds."""
        self._leave()
        self.peer.close()

    def unwatch(self) -> None:
        """Look at it no longer."""
        if self.watch is not None:
            self.watch.release()
            self.watch = None

    def _leave(self) -> None:
        self.waits = False
        self.unwatch()


@dataclass(eq=False)
class Queued:
    """A stranger's request, after its header; `turn` comes to `False` when its connection is to be dropped."""

    source: str
    cost: float
    connection: Connection
    turn: asyncio.Future[bool]
    lane: ClassVar[Lane] = Lane.INSIDE

    def is_there(self) -> bool:
        """Whether the peer still is."""
        return not self.connection.closed

    def admit(self) -> None:
        """Let it be answered."""
        self.connection.paid += self.cost
        if not self.turn.done():
            self.turn.set_result(True)

    def dismiss(self) -> None:
        """Drop it."""
        if not self.turn.done():
            self.turn.set_result(False)


Visitor = Arrival | Queued


class Host(Protocol):
    """Who gives turns to requests."""

    def turn_of(self, connection: Connection, heads: Heads) -> Awaitable[bool] | None:
        """What the request has to wait for; `None`: nothing. It comes to `False` when the connection is to be dropped."""

    def seen(self, connection: Connection) -> None:
        """The gate has looked at the request's header."""


@dataclass(frozen=True)
class Heads:
    """What came before a request's body, and what it came by."""

    via: HTTPConnection
    start_line: RequestStartLine
    headers: HTTPHeaders

    def request(self) -> HTTPServerRequest:
        """As tornado makes one of it for the application. Raises `HTTPInputError`."""
        return HTTPServerRequest(connection=self.via, start_line=self.start_line, headers=self.headers)


class Request(HTTPMessageDelegate):
    """Stands before the delegate of one request: lets it wait for its turn, and notes how far it is."""

    def __init__(self, connection: Connection, via: HTTPConnection, delegate: HTTPMessageDelegate, host: Host) -> None:
        self._connection = connection
        self._via = via
        self._delegate = delegate
        self._host = host
        self._passed = False

    def headers_received(self, start_line: RequestStartLine | ResponseStartLine, headers: HTTPHeaders) -> Awaitable[None] | None:
        """tornado waits for what this returns, and reads no body before."""
        self._connection.answered = False
        self._connection.body_due = "Transfer-Encoding" in headers or headers.get("Content-Length", "0") != "0"
        turn = self._host.turn_of(self._connection, Heads(self._via, cast("RequestStartLine", start_line), headers))
        return self._pass(start_line, headers) if turn is None else self._wait(turn, start_line, headers)

    def data_received(self, chunk: bytes) -> Awaitable[None] | None:
        """A piece of the body."""
        return self._delegate.data_received(chunk) if self._passed else None

    def finish(self) -> None:
        """All of the request is there."""
        self._connection.body_due = False
        if self._passed:
            self._connection.enter(State.ANSWERING)
            self._delegate.finish()

    def on_connection_close(self) -> None:
        """The rest will not come."""
        if self._passed:
            self._delegate.on_connection_close()

    async def _wait(self, turn: Awaitable[bool], start_line: RequestStartLine | ResponseStartLine, headers: HTTPHeaders) -> None:
        stream = self._connection.stream
        if not await turn or not isinstance(stream, GuardedStream | GuardedSSLStream) or stream.closed():
            # Not an exception: tornado would log it with its traceback. One that is being drained is closed when it has been.
            if not isinstance(stream, Draining):
                self._connection.close()
            return
        stream.set_close_callback(None)
        passed = self._pass(start_line, headers)
        if passed is not None:
            await passed

    def _pass(self, start_line: RequestStartLine | ResponseStartLine, headers: HTTPHeaders) -> Awaitable[None] | None:
        self._passed = True
        self._connection.vouched = False
        result = self._delegate.headers_received(start_line, headers)
        self._host.seen(self._connection)
        self._connection.enter(State.BODY)
        return result
