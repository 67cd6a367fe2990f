"""Streams that tell what passes through them, by the methods that tornado leaves to subclasses (`tornado.iostream.BaseIOStream`)."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

from tornado.httputil import HTTPInputError
from tornado.iostream import IOStream, SSLIOStream, StreamClosedError

from jupyter_remote_kit.grammar import IPAddress
from jupyter_remote_kit.server.deadlines import Deadlines, Progress, State
from jupyter_remote_kit.server.sockets import Draining, Watched

# Node takes as much (`--max-http-header-size`), so that whoever has more cookies of `localhost` has met that bound elsewhere. A header line
# is 3 us of the event loop's time, and a browser sends some 20 of them; Apache takes 100.
MOST_HEADER = 16 * 1024
MOST_LINES = 128
# One that is larger than `MOST_HEADER` is told so, up to this; beyond it the connection is closed.
MOST_READ = 2 * MOST_HEADER
TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


class Connection:
    """One connection that was taken up: whose it is, and what it is doing.

    `source` is what it is counted by; `exempt` says that the peer is a proxy or on this machine, so that each of its requests may be from
    somebody else; `paid` are the turns that it has had, `requests` the requests that it was ready for. Of the last one, `header` is the
    bytes of its header, and `vouched` whether that was found to be of somebody signed in. `plain` is the address that the client connected
    to where it speaks plain HTTP to a server of HTTPS, which is answered with where that is; `None` otherwise. `body_due` says that the
    request's body has yet to come, and `answered` that it has been answered: then the socket discards the body before it is closed.
    """

    __slots__ = (
        "answered",
        "body_due",
        "clock",
        "exempt",
        "header",
        "paid",
        "peer",
        "plain",
        "progress",
        "requests",
        "source",
        "stream",
        "vouched",
    )

    def __init__(  # noqa: PLR0913  # what is known of it when it comes
        self, source: str, deadlines: Deadlines, clock: Callable[[], float], paid: float, peer: IPAddress | None, *, exempt: bool
    ) -> None:
        self.source = source
        self.peer = peer
        self.exempt = exempt
        self.clock = clock
        self.progress = Progress(deadlines, clock())
        self.stream: GuardedStream | GuardedSSLStream | Watched | None = None
        self.paid = paid
        self.requests = 0
        self.header = 0
        self.vouched = False
        self.plain: str | None = None
        self.body_due = False
        self.answered = False

    @property
    def closed(self) -> bool:
        """Whether its socket is."""
        return self.stream is None or self.stream.closed()

    def close(self) -> None:
        """Close its socket; what waits for it hears of that from tornado."""
        self.body_due = False
        if self.stream is not None:
            self.stream.close()

    def drain(self, peer: socket.socket) -> None:
        """Discard what still comes on the socket of a stream that is closed, and close it then."""
        self.stream = Draining(peer, self.close)
        self.enter(State.DRAINING)

    def enter(self, state: State) -> None:
        """From now on it is doing this."""
        self.progress.enter(state, self.clock())

    def came(self, count: int) -> None:
        """Note that `count` bytes came."""
        if self.progress.state is State.IDLE:
            self.enter(State.HEADER)
        self.progress.receive(count)


class _Guarded(IOStream):
    """What both kinds have: they tell their connection what passes through, and send each thing at once."""

    guarded: Connection

    def read_from_fd(self, buf: bytearray | memoryview) -> int | None:
        count = super().read_from_fd(buf)
        if count:
            self.guarded.came(count)
        return count

    def write_to_fd(self, data: memoryview) -> int:
        count = super().write_to_fd(data)
        self.guarded.progress.written += count
        self.guarded.answered = True
        return count

    def close(self, exc_info: Any = False) -> None:  # noqa: ANN401  # whatever tornado takes for one
        """As tornado's, and let go of the frames that a reset connection's error came from.

        One of them holds the read buffer of 64 KiB and this stream, which holds the error: a cycle that waits for a full collection, far
        away in a process of 100,000 lasting objects and more. 2,000 guesses a second left 60 MB of them (measured), and 6 MB like this.
        """
        super().close(exc_info)
        if self.error is not None:
            self.error.__traceback__ = None

    def close_fd(self) -> None:
        """tornado's hook, which has the socket closed."""
        if self.guarded.body_due and self.guarded.answered:
            peer, self.socket = socket.socket(fileno=self.socket.detach()), None  # type: ignore[assignment]  # as tornado's
            self.guarded.drain(peer)
        else:
            super().close_fd()

    async def read_until_regex(self, regex: bytes, max_bytes: int | None = None) -> bytes:
        """As tornado's, which reads nothing but headers by it, and makes objects of all that this returns."""
        header = await super().read_until_regex(regex, max_bytes)
        self.guarded.header = len(header)
        if len(header) > MOST_HEADER:
            self.write(TOO_LARGE)
            self.close()
            raise StreamClosedError
        if header.count(b"\n") > MOST_LINES:
            message = "too many header lines"
            raise HTTPInputError(message)
        return header

    def set_nodelay(self, value: bool) -> None:
        """Nothing to change: the listening socket has the flag, and what is accepted inherits it.

        tornado takes it off between requests, and so for websockets too: of the four small frames that a kernel answers with, the second
        then waits until the client has acknowledged the first (RFC 896), 40 ms by Linux's delayed acknowledgements.
        """


class GuardedStream(_Guarded, IOStream):
    """Without TLS."""


class GuardedSSLStream(_Guarded, SSLIOStream):
    """With TLS."""
