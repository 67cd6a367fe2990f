"""The HTTP server of a managed instance: tornado's, with bounds on what strangers can hold and how fast they can make it work.

tornado alone waits an hour for a header, for ever for a TLS handshake or a body, and takes up 128 connections in one go.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import socket
import ssl
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from tornado.httpserver import HTTPServer
from tornado.httputil import HTTPConnection, HTTPHeaders, HTTPInputError, HTTPMessageDelegate, HTTPServerRequest
from tornado.ioloop import IOLoop, PeriodicCallback
from tornado.iostream import IOStream
from tornado.netutil import ssl_wrap_socket
from tornado.web import Application

from jupyter_remote_kit.grammar import IPAddress
from jupyter_remote_kit.plan import networks
from jupyter_remote_kit.server import plainhttp
from jupyter_remote_kit.server.arrivals import Arrivals, shown_by_handshake, shown_by_request
from jupyter_remote_kit.server.bounds import Rules
from jupyter_remote_kit.server.deadlines import State
from jupyter_remote_kit.server.door import Door
from jupyter_remote_kit.server.listener import Listener
from jupyter_remote_kit.server.resumption import SignedInSessions
from jupyter_remote_kit.server.seats import Seats
from jupyter_remote_kit.server.sockets import Draining, FirstBytes, Watched
from jupyter_remote_kit.server.streams import MOST_READ, Connection, GuardedSSLStream, GuardedStream
from jupyter_remote_kit.server.turns import Arrival, Heads, Queued, Request, Visitor
from jupyter_remote_kit.server.undecided import Undecided

log = logging.getLogger(__name__)

# In turns (server/door.py): what comes with a connection, a TLS handshake or something to read that is no request; and a request.
CONNECTION_COST = 1.0
REQUEST_COST = 1.0
# A request with so many bytes of header, or fewer, is one turn; one of twice as many two.
HEADER_A_TURN = 4096
# Two turns fall due in it: whatever else is ready waits for no more.
TICK_S = 0.01
# As many as one round of the listener accepts.
ROOM_MADE = 32


class GuardedServer(HTTPServer):
    """Takes the place of jupyter_server's `http_server` before it is bound."""

    # tornado's Configurable calls this in the place of __init__.
    def initialize(  # type: ignore[override]
        self,
        request_callback: Application,
        *,
        exempt: Callable[[IPAddress], bool] = lambda _: False,
        client_of: Callable[[IPAddress | None, HTTPHeaders], IPAddress | None] = lambda peer, _: peer,
        rules: Rules | None = None,
        clock: Callable[[], float] = time.monotonic,
        **options: Any,
    ) -> None:
        super().initialize(request_callback, **options)
        # Ours know what the connection is waiting for, and this one would also be a timer for each.
        self.conn_params.header_timeout = None
        self._rules = rules or Rules()
        self._exempt = exempt
        self._client_of = client_of
        # Whether a request carries a cookie or token that is good. Asked for those only that would have to wait.
        self.recognises: Callable[[HTTPServerRequest], bool] = lambda _: False
        # Whether a `Host` header means this host: a plain HTTP request is redirected to no other.
        self.admits_host: Callable[[str], bool] = lambda _: False
        self._clock = clock
        bounds = self._rules.bounds
        self._door: Door[Visitor] = Door(self._rules.paces, waiting=bounds.waiting, patience=self._rules.deadlines.turn)
        undecided: Undecided[Arrival] = Undecided(bounds.undecided, self._rules.deadlines.undecided)
        self._arrivals = Arrivals(self._door, undecided, self._shown, clock)
        self._resumable = SignedInSessions()
        self._seats: Seats[Connection] = Seats(
            lambda connection: connection.progress.gives_way(clock()),
            each=bounds.each,
            overall=bounds.overall,
            within_source=State.BODY.gives_way,
            last=State.UPGRADED.gives_way,
        )
        # Of those, the ones with a header of more than `MOST_HEADER`: 200 KiB each while it waits, so 6 MB in all.
        self._large: Seats[Connection] = Seats(
            lambda connection: connection.progress.state.gives_way,
            each=bounds.large_each,
            overall=bounds.large,
            within_source=State.UPGRADED.gives_way,
            last=State.UPGRADED.gives_way,
        )
        self._all: set[Connection] = set()
        self._numbers = itertools.count()
        self._listeners: list[Listener] = []
        self._tick: object | None = None
        self._sweeper: PeriodicCallback | None = None

    @classmethod
    def instead_of(
        cls,
        server: HTTPServer,
        app: Application,
        exempt: Callable[[IPAddress], bool],
        client_of: Callable[[IPAddress | None, HTTPHeaders], IPAddress | None] = lambda peer, _: peer,
    ) -> GuardedServer:
        """A server for `app` with the limits of `server`, which must not listen yet.

        `exempt` are the peers that speak for others, and `client_of` tells for whom, by a request's headers.
        """
        given = server.conn_params
        return cls(
            app,
            exempt=exempt,
            client_of=client_of,
            ssl_options=server.ssl_options,
            protocol=server.protocol,
            xheaders=server.xheaders,
            trusted_downstream=server.trusted_downstream,
            max_buffer_size=server.max_buffer_size,
            chunk_size=given.chunk_size,
            max_header_size=MOST_READ,
            max_body_size=given.max_body_size,
            decompress_request=given.decompress,
            no_keep_alive=given.no_keep_alive,
        )

    # -- what the gate tells -------------------------------------------------------------------------------------------------------

    def signed_in(self, request: HTTPServerRequest) -> None:
        """The connection of `request` belongs to somebody who is signed in: it is counted no more, and its body may take its time."""
        connection = _connection_of(request.server_connection)
        if connection is None:
            return
        connection.vouched = True
        if connection.progress.signed_in:
            return
        now = self._clock()
        connection.progress.sign_in(now)
        self._shrink(connection)
        self._seats.give_up(connection, connection.source)
        self._door.welcome(connection.ahead or connection.source, connection.paid, now)
        connection.paid = 0.0
        if isinstance(connection.stream, GuardedSSLStream) and not connection.exempt:
            self._resumable.note(connection.stream.session, now)

    def credentials_changed(self) -> None:
        """Whoever was signed in is not any more."""
        self._resumable.clear()

    def heat(self, address: IPAddress | None, seconds: float) -> None:
        """`address`, a client's, is guessing: for so long what comes from it has its turn slowly, and after that of all others."""
        if address is not None:
            self._door.heat(_crowd_of(address), seconds, self._clock())

    # -- accepting -----------------------------------------------------------------------------------------------------------------

    def add_sockets(self, sockets: Iterable[socket.socket]) -> None:
        """As tornado's, with an accept handler of our own."""
        self._listeners += [Listener(listener, self._arrive, self._make_room) for listener in sockets]
        if self._sweeper is None:
            self._sweeper = PeriodicCallback(self._sweep, self._rules.sweep_s * 1000)
            self._sweeper.start()

    def stop(self) -> None:
        """Stop listening. Who waits for a turn is sent away; requests in progress may go on."""
        for listener in self._listeners:
            listener.close()
        self._listeners.clear()
        if self._sweeper is not None:
            self._sweeper.stop()
            self._sweeper = None
        if self._tick is not None:
            IOLoop.current().remove_timeout(self._tick)
            self._tick = None
        for visitor in [*self._door.clear(), *self._arrivals.clear()]:
            visitor.dismiss()
        for connection in [one for one in self._all if isinstance(one.stream, Watched)]:
            self._turn_out(connection)
        super().stop()

    def _make_room(self) -> None:
        """There are no descriptors left."""
        for arrival in self._arrivals.clear():
            arrival.dismiss()
        for _ in range(ROOM_MADE):
            leaver = self._seats.leaver()
            if leaver is None:
                return
            self._turn_out(leaver)

    def _arrive(self, peer: socket.socket, address: Any) -> None:  # noqa: ANN401  # what the socket's family makes of it
        where = _address_of(peer, address)
        if where is None or self._exempt(where):
            self._take_up(peer, address, self._connection(self._name(), 0.0, where, exempt=True))
            return
        source = _crowd_of(where)

        def take_up(ahead: bool) -> None:
            connection = self._connection(self._name() if ahead else source, 0.0 if ahead else CONNECTION_COST, where, exempt=False)
            connection.ahead = source if ahead else ""
            self._take_up(peer, address, connection)

        arrival = Arrival(source, CONNECTION_COST, peer, take_up)
        outsider = self._door.knock(arrival, source, arrival.cost, self._clock())
        self._give_turns_soon()
        self._arrivals.watch(arrival, outsider)

    def _shown(self, data: bytes) -> bool | None:
        """Whether the first bytes of a connection show that its client is signed in; `None` while there are too few of them."""
        if self.ssl_options is None:
            return shown_by_request(data, self.recognises)
        return shown_by_handshake(data, lambda offered: self._resumable.admit(offered, self._clock()))

    def _connection(self, source: str, paid: float, peer: IPAddress | None, *, exempt: bool) -> Connection:
        connection = Connection(source, self._rules.deadlines, self._clock, paid, peer, exempt=exempt)
        connection.grown = self._grow
        return connection

    def _grow(self, connection: Connection) -> None:
        """The header of `connection` is a large one. Where there are too many, another of them is closed for it."""
        if connection.progress.signed_in:
            return
        _, leaver = self._large.room_for(connection.source)
        if leaver is not None:
            self._turn_out(leaver)
        connection.large = connection.source
        self._large.take(connection, connection.large)

    def _shrink(self, connection: Connection) -> None:
        if connection.large is not None:
            self._large.give_up(connection, connection.large)
            connection.large = None

    def _name(self) -> str:
        """What a proxy's connection is counted by while nobody knows for whom it is: a source of its own."""
        return f"proxy {next(self._numbers)}"

    def _give_turns_soon(self) -> None:
        """Now, unless a tick is due: then others wait already, and the order is worked out for all of them at once."""
        if self._tick is None:
            self._give_turns()

    def _give_turns(self) -> None:
        self._tick = None
        for visitor in self._door.turns(self._clock()):
            if visitor.is_there():
                visitor.admit()
            else:
                self._door.give_back(visitor.source, visitor.cost, self._clock(), visitor.lane)
                visitor.dismiss()
        if self._door and self._tick is None:
            self._tick = IOLoop.current().call_later(TICK_S, self._give_turns)

    def _take_up(self, peer: socket.socket, address: Any, connection: Connection) -> None:  # noqa: ANN401
        room, leaver = self._seats.room_for(connection.source)
        if not room:
            peer.close()
            return
        if leaver is not None:
            self._turn_out(leaver)
        self._seats.take(connection, connection.source)
        self._all.add(connection)
        if self.ssl_options is None:
            self._converse(peer, address, connection, tls=False)
            return

        def arrived(peer: socket.socket, http: bool) -> None:
            connection.plain = plainhttp.local_address(peer) if http else None
            self._converse(peer, address, connection, tls=not http)

        connection.stream = FirstBytes(peer, arrived, lambda: self._turn_out(connection))

    def _converse(self, peer: socket.socket, address: Any, connection: Connection, *, tls: bool) -> None:  # noqa: ANN401
        try:
            stream = self._stream(peer, tls=tls)
        except (OSError, ssl.SSLError) as error:
            # Gone already, as a port scan is: ENOTCONN, ECONNABORTED, EINVAL.
            log.debug("A connection could not be taken up: %s", error)
            self._forget(connection)
            peer.close()
            return
        connection.stream = stream
        stream.guarded = connection
        self.handle_stream(stream, address)

    def _stream(self, peer: socket.socket, *, tls: bool) -> GuardedStream | GuardedSSLStream:
        if not tls or self.ssl_options is None:
            return GuardedStream(peer, max_buffer_size=self.max_buffer_size, read_chunk_size=self.read_chunk_size)
        secured = ssl_wrap_socket(peer, self.ssl_options, server_side=True, do_handshake_on_connect=False)
        return GuardedSSLStream(secured, max_buffer_size=self.max_buffer_size, read_chunk_size=self.read_chunk_size)

    # -- what tornado tells --------------------------------------------------------------------------------------------------------

    def start_request(self, server_conn: object, request_conn: HTTPConnection) -> HTTPMessageDelegate:
        """A connection is ready for its next request."""
        connection = _connection_of(server_conn)
        if connection is None:
            return super().start_request(server_conn, request_conn)
        delegate: HTTPMessageDelegate
        if connection.plain is None:
            delegate = super().start_request(server_conn, request_conn)
        else:
            delegate = plainhttp.PlainHTTP(request_conn, self.admits_host, connection.plain)
        if connection.requests:
            connection.enter(State.IDLE)
        connection.requests += 1
        if connection.exempt:
            # The next request is somebody else's.
            connection.progress.signed_in = False
            connection.paid = 0.0
            self._count_by(connection, self._name())
        return Request(connection, request_conn, delegate, self)

    def on_close(self, server_conn: object) -> None:
        """tornado is through with a connection: it is closed, or it is a websocket."""
        super().on_close(server_conn)
        connection = _connection_of(server_conn)
        if connection is None or isinstance(connection.stream, Draining):
            return
        if connection.closed or connection.progress.signed_in:
            self._forget(connection)
        else:
            connection.enter(State.UPGRADED)

    def turn_of(self, connection: Connection, heads: Heads) -> Awaitable[bool] | None:
        """What a stranger's request has to wait for; `None`: nothing. It comes to `False` when the connection is to be dropped."""
        # Stopped, nobody gives turns any more, and nobody new can come.
        if connection.progress.signed_in or not self._listeners:
            return None
        stream = connection.stream
        if not isinstance(stream, GuardedStream | GuardedSSLStream):
            # Answered before its body, and closed. tornado goes on with the requests that it has read already, up to 1,000 of them.
            return _dropped()
        if connection.exempt and not self._count_by_client(connection, heads):
            return None
        if connection.ahead and connection.plain is None and self._is_recognised(heads):
            return None
        self._count_among_others(connection)
        connection.enter(State.QUEUED)
        cost = REQUEST_COST * max(1.0, connection.header / HEADER_A_TURN)
        visitor = Queued(connection.source, cost, connection, asyncio.get_running_loop().create_future())
        self._door.ask(visitor, visitor.source, visitor.cost, self._clock())
        self._give_turns_soon()
        if visitor.turn.done():
            return None if visitor.turn.result() else visitor.turn
        if connection.plain is None and self._is_recognised(heads):
            self._door.leave(visitor, visitor.source)
            return None
        # Nobody reads meanwhile, so that nobody else would notice the end.
        stream.set_close_callback(lambda: self._gone(visitor))
        return visitor.turn

    def header_size(self, request: HTTPServerRequest) -> int:
        """The bytes of the header of `request`, its first line included."""
        connection = _connection_of(request.server_connection)
        return 0 if connection is None else connection.header

    def seen(self, connection: Connection) -> None:
        """The gate has looked at a header. Whoever came after somebody signed in, on the same connection, is a stranger for all that."""
        self._shrink(connection)
        self._count_among_others(connection)
        if connection.progress.signed_in and not connection.vouched:
            connection.progress.signed_in = False
            self._seats.take(connection, connection.source)

    def _is_recognised(self, heads: Heads) -> bool:
        try:
            return self.recognises(heads.request())
        except HTTPInputError:
            return False

    def _count_by(self, connection: Connection, source: str) -> None:
        """A proxy's connection is somebody else's from here on. Where that one has too many, another of them is closed for it."""
        if (connection, connection.source) in self._seats:
            self._seats.give_up(connection, connection.source)
            _, leaver = self._seats.room_for(source)
            if leaver is not None:
                self._turn_out(leaver)
            self._seats.take(connection, source)
        connection.source = source

    def _count_by_client(self, connection: Connection, heads: Heads) -> bool:
        """A proxy's connection is the client's for the time of this request; whether anybody knows who that is."""
        client = self._client_of(connection.peer, heads.headers)
        # Whoever asked last on this connection may have been signed in, and have given its place up.
        self._seats.take(connection, connection.source)
        self._count_by(connection, connection.source if client is None else _crowd_of(client))
        return client is not None

    def _count_among_others(self, connection: Connection) -> None:
        """One that was taken up before its turn is a connection of its source like any other from here on."""
        if connection.ahead:
            self._count_by(connection, connection.ahead)
            connection.ahead = ""

    def _gone(self, visitor: Queued) -> None:
        self._door.leave(visitor, visitor.source)
        visitor.dismiss()

    # -- looking after -------------------------------------------------------------------------------------------------------------

    def _sweep(self) -> None:
        """Close what is overdue. One look at all of them costs less than a timer for each."""
        now = self._clock()
        for visitor in [*self._door.impatient(now), *self._arrivals.impatient(now)]:
            visitor.dismiss()
        bounds = self._rules.bounds
        crowded = len(self._seats) > bounds.overall // 2
        short = len(self._all) - len(self._seats) > bounds.overall
        for connection in list(self._all):
            stream, progress = connection.stream, connection.progress
            if stream is None or stream.closed():
                # A websocket's end is told to its handler alone.
                self._forget(connection)
                continue
            overdue = progress.due <= now and progress.overdue(now, reading=stream.reading(), writing=stream.writing())
            if overdue or (progress.state is State.IDLE and self._is_squeezed(connection, crowded, short) and progress.squeezed(now)):
                self._turn_out(connection)

    def _is_squeezed(self, connection: Connection, crowded: bool, short: bool) -> bool:
        if connection.progress.signed_in:
            return short
        return crowded or self._door.guesses(connection.source, self._clock())

    def _turn_out(self, connection: Connection) -> None:
        log.debug("A connection of %s is closed: %s", connection.source, connection.progress.state.label)
        self._forget(connection)
        connection.close()

    def _forget(self, connection: Connection) -> None:
        self._all.discard(connection)
        self._shrink(connection)
        self._seats.give_up(connection, connection.source)


def _connection_of(server_conn: object) -> Connection | None:
    """Ours, of what tornado calls a server connection; `None` for a stream that came by another way."""
    stream: IOStream | None = getattr(server_conn, "stream", None)
    return stream.guarded if isinstance(stream, GuardedStream | GuardedSSLStream) else None


def _dropped() -> Awaitable[bool]:
    turn = asyncio.get_running_loop().create_future()
    turn.set_result(False)
    return turn


def _crowd_of(address: IPAddress | None) -> str:
    """By what strangers are counted here: an IPv4 address, an IPv6 /48, `unix`, or all link-local neighbours together.

    Not by a /64, as guesses are: with one /48, which a tunnel broker gives away, a single machine would be 65,536 newcomers.
    Colleagues on one /48 or one link then share places and turns, 64 and 100 a second, until they are signed in: nobody is counted then.
    """
    source = networks.source_of(address)
    return networks.wide_source_of(source) or source


def _address_of(peer: socket.socket, address: Any) -> IPAddress | None:  # noqa: ANN401
    """The peer's address; `None` on a UNIX socket, where it is an empty string or bytes."""
    return networks.plain(address[0]) if peer.family in (socket.AF_INET, socket.AF_INET6) else None
