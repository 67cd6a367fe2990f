"""Streams that tell what passes through them, by the methods that tornado leaves to subclasses (`tornado.iostream.BaseIOStream`)."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from tornado.iostream import IOStream, SSLIOStream, StreamClosedError, UnsatisfiableReadError

from jupyter_remote_kit.grammar import IPAddress
from jupyter_remote_kit.server import refusals, responses
from jupyter_remote_kit.server.deadlines import Deadlines, Progress, State
from jupyter_remote_kit.server.refusals import Refusal
from jupyter_remote_kit.server.sockets import Draining, Watched

# Before it is known who sends it. Node takes as much in all (`--max-http-header-size`), so that who has more cookies of `localhost` has met
# that bound elsewhere.
MOST_HEADER = 16 * 1024
# Of those signed in: cookies ignore ports, and every service of the host adds to them. 64 KB of them, and whatever else there is.
MOST_READ = 72 * 1024
# A header line is 3 us of the event loop's time, and a browser sends some 20 of them; Apache takes 100.
MOST_LINES = 128
# Matches where tornado's own `\r?\n\r?\n` does, and begins with a letter to look for: 20 us instead of 600 for 64 KiB without an end.
HEADER_END = rb"\n\r?\n"


class Connection:
    """One connection that was taken up: whose it is, and what it is doing.

    `source` is what it is counted by; `exempt` says that the peer is a proxy or on this machine, so that each of its requests may be from
    another client; `paid` are the turns that it has had, `requests` the requests that it was ready for. `plain` is the address that the
    client connected to where it speaks plain HTTP to a server of HTTPS, which is answered with where that is; `None` otherwise.

    Of the last request, `header` is the bytes of its header, and `vouched` whether a client that is signed in sent it. `body_due`
    says that its body has yet to come, and `answered` that it has been answered: then the body is discarded before the socket is closed.
    `ahead` is the source of a connection that was taken up before its turn, until its first request has been judged: it is counted apart
    until then. Empty for others.
    `grown` is called when a header is larger than `MOST_HEADER`, and `large` is the source that it is counted by from then on.
    """

    __slots__ = (
        "ahead",
        "answered",
        "body_due",
        "clock",
        "exempt",
        "grown",
        "header",
        "large",
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
        self.grown: Callable[[Connection], None] = lambda _: None
        self.large: str | None = None
        self.ahead = ""

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
        self.enter(State.DRAINING)
        self.stream = Draining(peer, self.close)

    def enter(self, state: State) -> None:
        """From now on it is doing this. Draining is the last state, whatever tornado still finds in its buffer."""
        if not isinstance(self.stream, Draining):
            self.progress.enter(state, self.clock())

    def came(self, count: int) -> None:
        """Note that `count` bytes came."""
        if self.progress.state is State.IDLE:
            self.enter(State.HEADER)
        self.progress.receive(count)
        if self.large is None and self.progress.header_bytes > MOST_HEADER:
            self.grown(self)


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
        if isinstance(exc_info, UnsatisfiableReadError) and not self.closed():
            # What tornado closes without an answer: there is no end of the header in `MOST_READ`.
            self._refuse_header(refusals.endless_header(MOST_READ))
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
        header = await super().read_until_regex(HEADER_END, max_bytes)
        self.guarded.header = len(header)
        if header.count(b"\n") > MOST_LINES:
            self._refuse_header(refusals.too_many_lines(MOST_LINES))
            self.close()
            raise StreamClosedError
        return header

    def _refuse_header(self, refusal: Refusal) -> None:
        """Answer a header that is not worth parsing, as far as it can be sent at once. What follows it is discarded."""
        with suppress(OSError):
            self.write_to_fd(memoryview(responses.unasked(refusal)))
        self.guarded.body_due = True

    def set_nodelay(self, value: bool) -> None:
        """Nothing to change: the listening socket has the flag, and what is accepted inherits it.

        tornado takes it off between requests, and so for websockets too: of the four small frames that a kernel answers with, the second
        then waits until the client has acknowledged the first (RFC 896), 40 ms by Linux's delayed acknowledgements.
        """


class GuardedStream(_Guarded, IOStream):
    """Without TLS."""


class GuardedSSLStream(_Guarded, SSLIOStream):
    """With TLS."""

    @property
    def session(self) -> bytes:
        """The id by which the client can ask to resume its TLS session; empty where there is none."""
        session: ssl.SSLSession | None = self.socket.session
        return b"" if session is None else session.id
