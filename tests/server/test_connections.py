"""Real sockets against a real server in this process, with times that a test can wait for."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import functools
import os
import resource
import socket
import ssl
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from ipaddress import IPv4Address, ip_address
from pathlib import Path
from typing import Any

import pytest
from tornado.httpclient import HTTPRequest
from tornado.httpserver import HTTPServer
from tornado.httputil import HTTPHeaders, HTTPServerRequest
from tornado.netutil import bind_unix_socket
from tornado.routing import Matcher, Rule
from tornado.web import Application, RequestHandler, stream_request_body
from tornado.websocket import WebSocketHandler, websocket_connect

from jupyter_remote_kit.grammar import IPAddress
from jupyter_remote_kit.host import certificates
from jupyter_remote_kit.server.bounds import Bounds, Rules
from jupyter_remote_kit.server.connections import GuardedServer
from jupyter_remote_kit.server.deadlines import Deadlines, State
from jupyter_remote_kit.server.listener import Listener
from jupyter_remote_kit.server.sources import Pace, Paces
from jupyter_remote_kit.server.streams import MOST_READ
from jupyter_remote_kit.server.tls import server_context

HOST = "127.0.0.1"
KEY = "X-Signed-In: yes\r\n"
GET = f"GET / HTTP/1.1\r\nHost: {HOST}\r\n"
SWIFT = Deadlines(header=0.5, turn=0.3, idle=1.0, idle_stranger_squeezed=0.2, body_stranger=0.5, body_window=0.4, answer_stalled=0.4)
FREE = Paces(everybody=Pace(1e6, 1e6), source=Pace(1e6, 1e6))
RULES = Rules(SWIFT, FREE, Bounds(each=8, overall=20, waiting=8), sweep_s=0.05)
BIG = 30_000_000
# Where something happens at once or after tens of seconds, this tells them apart, on however busy a machine.
SOON = 5.0


class Hello(RequestHandler):
    answered = 0

    async def get(self) -> None:
        Hello.answered += 1
        await asyncio.sleep(float(self.get_argument("sleep", "0")))
        self.finish(bytes(int(self.get_argument("size", "5"))))

    def put(self) -> None:
        self.finish(str(len(self.request.body)))


@stream_request_body
class Refusing(RequestHandler):
    """Answers before the body has been read, as the gate does."""

    def data_received(self, chunk: bytes) -> None:
        pass

    def prepare(self) -> None:
        self.set_status(413)
        self.finish(b"too large")


class Echo(WebSocketHandler):
    def on_message(self, message: str | bytes) -> None:
        self.write_message(message)


class KeyHolder(Matcher):
    """As the gate does: says at header time who is signed in, and matches nothing."""

    server: GuardedServer

    def match(self, request: HTTPServerRequest) -> None:
        if "X-Signed-In" in request.headers:
            self.server.signed_in(request)


@dataclass
class Served:
    """A server that listens, and ways to it."""

    server: GuardedServer
    port: int
    context: ssl.SSLContext | None
    clients: list[asyncio.StreamWriter] = field(default_factory=list)

    async def plain(self, source: str = HOST) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """TCP, and nothing more."""
        return self._kept(await asyncio.open_connection(HOST, self.port, local_addr=(source, 0)))

    async def open(self, source: str = HOST) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """As a client would."""
        return self._kept(await asyncio.open_connection(HOST, self.port, local_addr=(source, 0), ssl=self.context))

    async def local(self, path: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """By a UNIX socket."""
        return self._kept(await asyncio.open_unix_connection(path))

    async def ask(self, more: str = "", source: str = HOST) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection whose first request has been answered."""
        reader, writer = await self.open(source)
        assert await say(reader, writer, f"{GET}{more}\r\n") == 200
        return reader, writer

    def _kept(self, client: tuple[asyncio.StreamReader, asyncio.StreamWriter]) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        self.clients.append(client[1])
        return client

    async def close_clients(self) -> None:
        for writer in self.clients:
            writer.transport.abort()
            with contextlib.suppress(OSError, asyncio.TimeoutError):
                await asyncio.wait_for(writer.wait_closed(), 1)


async def say(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, text: str) -> int:
    """Send one request; the status of its answer, which is read whole."""
    writer.write(text.encode())
    return await answer(reader)


async def answer(reader: asyncio.StreamReader) -> int:
    head = (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)).decode()
    length = next(int(line.partition(":")[2]) for line in head.splitlines() if line.lower().startswith("content-length"))
    await reader.readexactly(length)
    return int(head.split()[1])


async def say_and_end(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, text: str) -> int:
    """The same, where the connection ends after the answer."""
    writer.write(text.encode())
    return int((await asyncio.wait_for(reader.read(), 5)).split()[1])


async def ended(reader: asyncio.StreamReader, within: float = SOON) -> float:
    """Seconds until the server closes.

    A connection that the server closes with something unread ends with a reset, after which `at_eof` says no for ever: who writes
    until the end waits for this.
    """
    begun = time.monotonic()
    with contextlib.suppress(ConnectionError):
        while await asyncio.wait_for(reader.read(65536), within):
            pass
    return time.monotonic() - begun


async def is_open(reader: asyncio.StreamReader, seconds: float) -> bool:
    """Whether nothing is heard for so long."""
    with contextlib.suppress(asyncio.TimeoutError):
        await asyncio.wait_for(reader.read(1), seconds)
        return False
    return True


async def trickle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, pieces: Sequence[bytes], pause: float) -> bool:
    """Send piece by piece; whether the server closed before the last one."""
    gone = asyncio.ensure_future(ended(reader, len(pieces) * pause + SOON))
    for piece in pieces:
        writer.write(piece)
        await asyncio.wait([gone], timeout=pause)
        if gone.done():
            await gone
            return True
    gone.cancel()
    return False


def letters(text: str) -> list[bytes]:
    return [letter.encode() for letter in text]


async def until(condition: Callable[[], Any], seconds: float = SOON) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "not in time"
        await asyncio.sleep(0.01)


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208  # itself counts the same each time


@pytest.fixture(scope="module")
def leaf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tls") / "leaf.pem"
    now = datetime.now(timezone.utc)
    path.write_bytes(certificates.issue_leaf(certificates.make_authority(["localhost"], [HOST], now), ["localhost"], [HOST], now))
    return path


def client_of(peer: IPAddress | None, headers: HTTPHeaders) -> IPAddress | None:
    """As `plan.forwarded` does, with a header that needs no reading."""
    return ip_address(headers["X-Client"]) if "X-Client" in headers else peer


@contextlib.asynccontextmanager
async def serving(rules: Rules = RULES, tls: Path | None = None, exempt: str = "") -> AsyncIterator[Served]:
    """A server, taken down in the end; nothing of it may be left."""
    holder = KeyHolder()
    app = Application([("/", Hello), ("/refused", Refusing), ("/ws", Echo)], log_function=lambda _: None)
    app.default_router.rules.insert(0, Rule(holder, Hello))
    options = server_context({"certfile": str(tls)}) if tls else None
    limits = {"max_header_size": MOST_READ, "ssl_options": options}
    server = GuardedServer(app, rules=rules, exempt=lambda peer: str(peer) == exempt, client_of=client_of, **limits)
    holder.server = server
    before = descriptors()
    listener = socket.create_server((HOST, 0))
    listener.setblocking(False)
    server.add_socket(listener)
    context = None
    if tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    served = Served(server, listener.getsockname()[1], context)
    try:
        yield served
    finally:
        server.stop()
        await server.close_all_connections()
        await served.close_clients()
    assert len(server._seats) == 0
    assert not server._all
    assert len(server._door) == 0
    await until(lambda: descriptors() <= before, 2)


def in_a_loop(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Run an `async` test; a warning of its loop, such as a task that was destroyed, is an error."""

    @functools.wraps(test)
    def run(*args: Any, **kwargs: Any) -> None:
        asyncio.run(test(*args, **kwargs), debug=False)

    return run


# -- deadlines -------------------------------------------------------------------------------------------------------------------------


@in_a_loop
async def test_who_says_nothing_is_sent_away(leaf: Path) -> None:
    for tls in (None, leaf):
        async with serving(tls=tls) as served:
            begun = time.monotonic()
            reader, _ = await served.plain()
            await ended(reader)
            # From before it connected: on a busy machine this side comes to look only when a part of the time is over.
            assert time.monotonic() - begun > 0.4


@in_a_loop
async def test_a_handshake_that_stalls_is_sent_away(leaf: Path) -> None:
    async with serving(tls=leaf) as served:
        assert served.context is not None
        outgoing = ssl.MemoryBIO()
        client = served.context.wrap_bio(ssl.MemoryBIO(), outgoing)
        with contextlib.suppress(ssl.SSLWantReadError):
            client.do_handshake()
        hello = outgoing.read()
        for sent in (hello, hello[:50]):
            reader, writer = await served.plain()
            writer.write(sent)
            assert await ended(reader) > 0.3


@in_a_loop
async def test_a_header_that_comes_drop_by_drop_has_no_more_time(leaf: Path) -> None:
    for tls in (None, leaf):
        async with serving(replace(RULES, deadlines=replace(SWIFT, header_reads=10_000)), tls) as served:
            begun = time.monotonic()
            assert await trickle(*await served.open(), letters(GET * 10), 0.03)
            assert time.monotonic() - begun > 0.4


@in_a_loop
async def test_idle_connections_are_kept_and_a_later_header_has_its_time_from_its_first_byte(leaf: Path) -> None:
    for tls in (None, leaf):
        async with serving(replace(RULES, deadlines=replace(SWIFT, idle=60.0)), tls) as served:
            reader, writer = await served.ask()
            for _ in range(2):
                assert await is_open(reader, 0.7), "longer than a header may take"
                assert await say(reader, writer, f"{GET}\r\n") == 200
            writer.write(b"GET ")
            assert await ended(reader) > 0.3
        async with serving(tls=tls) as served:
            reader, _ = await served.ask(KEY)
            assert await ended(reader) > 0.7, "idle, in the end"


@in_a_loop
async def test_a_strangers_body_has_its_time_in_all() -> None:
    async with serving() as served:
        reader, writer = await served.open()
        begun = time.monotonic()
        writer.write(b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n")
        assert await trickle(reader, writer, letters("x" * 999), 0.03)
        assert time.monotonic() - begun > 0.4
        reader, writer = await served.open()
        assert await say(reader, writer, "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc") == 200


@in_a_loop
async def test_a_body_of_somebody_signed_in_may_take_its_time_but_not_stall(leaf: Path) -> None:
    for tls in (None, leaf):
        async with serving(tls=tls) as served:
            reader, writer = await served.open()
            size = 40 * 4096
            writer.write(f"PUT / HTTP/1.1\r\nHost: a\r\n{KEY}Content-Length: {size}\r\n\r\n".encode())
            for _ in range(40):
                writer.write(bytes(4096))
                await asyncio.sleep(0.05)
            assert await answer(reader) == 200
            writer.write(f"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: {size}\r\n\r\nabc".encode())
            assert await ended(reader) > 0.2


@in_a_loop
async def test_an_answer_that_nobody_takes(leaf: Path) -> None:
    for tls in (None, leaf):
        async with serving(tls=tls) as served:
            for key, kept in (("", False), (KEY, True)):
                reader, writer = await served.open()
                writer.write(f"GET /?size={BIG} HTTP/1.1\r\nHost: a\r\n{key}\r\n".encode())
                # asyncio stops reading when its own buffer is full.
                await asyncio.sleep(1.2)
                assert bool(served.server._all) == kept
                if kept:
                    assert await answer(reader) == 200
                writer.close()


@in_a_loop
async def test_an_answer_that_takes_long_to_work_out_is_no_stall() -> None:
    async with serving() as served:
        reader, writer = await served.open()
        assert await say(reader, writer, "GET /?sleep=1 HTTP/1.1\r\nHost: a\r\n\r\n") == 200


@in_a_loop
async def test_websockets_have_no_deadline(leaf: Path) -> None:
    for tls in (None, leaf):
        async with serving(tls=tls) as served:
            for headers in ({"X-Signed-In": "yes"}, {}):
                scheme = "wss" if tls else "ws"
                asked = HTTPRequest(f"{scheme}://{HOST}:{served.port}/ws", headers=headers, validate_cert=False)
                channel = await websocket_connect(asked)
                await asyncio.sleep(1.2)
                await channel.write_message("still there")
                assert await channel.read_message() == "still there"
                assert len(served.server._seats) == (0 if headers else 1)
                channel.close()
                assert await channel.read_message() is None
            await until(lambda: not served.server._all)


@in_a_loop
async def test_what_nobody_asked_for_is_not_read(leaf: Path) -> None:
    for tls in (None, leaf):
        async with serving(tls=tls) as served:
            reader, writer = await served.open()
            writer.write(b"GET /?sleep=0.5 HTTP/1.1\r\nHost: a\r\n\r\n" + bytes(4_000_000))
            await asyncio.sleep(0.3)
            (connection,) = served.server._all
            assert connection.progress.received < 200_000
            assert await answer(reader) == 200


# -- places ----------------------------------------------------------------------------------------------------------------------------


@in_a_loop
async def test_the_one_too_many_of_a_source_takes_the_oldest_place(leaf: Path) -> None:
    rules = replace(RULES, deadlines=Deadlines(fresh=0.0))
    for tls in (None, leaf):
        async with serving(rules, tls) as served:
            half_open = [await served.plain() for _ in range(8)]
            await until(lambda: len(served.server._seats) == 8)
            reader, writer = await served.ask()
            await ended(half_open[0][0])
            assert await is_open(half_open[1][0], 0.2)
            idle = [(reader, writer), *[await served.ask() for _ in range(7)]]
            assert len(served.server._seats) == 8
            _, working = idle[0]
            working.write(b"GET /?sleep=1 HTTP/1.1\r\nHost: a\r\n\r\n")
            await asyncio.sleep(0.1)
            await served.ask()
            await ended(idle[1][0])
            assert await answer(idle[0][0]) == 200, "not the one that is worked for"


@in_a_loop
async def test_who_is_signed_in_is_not_counted() -> None:
    async with serving(replace(RULES, deadlines=Deadlines())) as served:
        kept = [await served.ask(KEY) for _ in range(30)]
        for _ in range(20):
            await served.plain()
        await until(lambda: len(served.server._seats) == 8)
        for reader, writer in kept:
            assert await say(reader, writer, f"{GET}\r\n") == 200


@in_a_loop
async def test_there_is_room_for_a_newcomer_when_all_places_are_taken(leaf: Path) -> None:
    async with serving(replace(RULES, deadlines=Deadlines()), leaf) as served:
        for number in range(60):
            await served.plain(f"127.0.1.{number % 6}")
        await until(lambda: len(served.server._seats) == 20)
        await served.ask(source="127.0.2.1")
        assert served.server._seats.of("127.0.2.1") == 1


@in_a_loop
async def test_requests_that_are_worked_for_give_way_last() -> None:
    async with serving(replace(RULES, deadlines=Deadlines(), bounds=Bounds(each=3, overall=3, waiting=8))) as served:
        busy = [await served.open() for _ in range(3)]
        for _, writer in busy:
            writer.write(b"GET /?sleep=3 HTTP/1.1\r\nHost: a\r\n\r\n")
        await asyncio.sleep(0.2)
        reader, _ = await served.open()
        await ended(reader)  # It is of the same source.
        reader, writer = await served.open("127.0.2.1")
        assert await say(reader, writer, f"{GET}\r\n") == 200, "of another"
        assert await answer(busy[1][0]) == 200
        await ended(busy[0][0])


@in_a_loop
async def test_idle_strangers_go_sooner_when_places_are_scarce() -> None:
    async with serving(
        replace(RULES, deadlines=Deadlines(idle_stranger_squeezed=0.2), bounds=Bounds(each=8, overall=8, waiting=8))
    ) as served:
        stranger, friend = await served.ask(), await served.ask(KEY)
        assert await is_open(stranger[0], 0.5)
        for _ in range(5):
            await served.plain()
        await ended(stranger[0])
        assert await is_open(friend[0], 0.1)


@in_a_loop
async def test_proxies_and_unix_sockets_are_bounded_in_all_alone(tmp_path: Path) -> None:
    async with serving(replace(RULES, deadlines=Deadlines()), exempt=HOST) as served:
        served.server.heat(ip_address(HOST), 60)
        served.server.heat(None, 60)
        path = str(tmp_path / "socket")
        served.server.add_socket(bind_unix_socket(path))
        kept = [await served.ask() for _ in range(15)]
        local = [await served.local(path) for _ in range(10)]
        for reader, writer in local[-5:]:
            assert await say(reader, writer, f"{GET}\r\n") == 200
        await until(lambda: len(served.server._seats) == 20)
        for reader, writer in kept[-3:]:
            assert await say(reader, writer, f"{GET}\r\n") == 200


@in_a_loop
async def test_a_proxys_next_request_is_somebody_elses() -> None:
    async with serving(exempt=HOST) as served:
        reader, writer = await served.ask(KEY)
        writer.write(b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n")
        assert await trickle(reader, writer, [bytes(4096)] * 200, 0.05)


@in_a_loop
async def test_a_proxys_connection_is_a_strangers_again_after_somebody_who_was_signed_in() -> None:
    async with serving(replace(RULES, deadlines=Deadlines()), exempt=HOST) as served:
        lines = [await served.ask(KEY) for _ in range(RULES.bounds.overall + 4)]
        for reader, writer in lines:
            assert await say(reader, writer, f"{GET}\r\n") == 200
        await asyncio.sleep(0.1)
        # Those that asked first had to give their places to the last ones.
        assert [reader.at_eof() for reader, _ in lines] == [True] * 4 + [False] * RULES.bounds.overall


@in_a_loop
async def test_so_is_one_of_a_unix_socket_where_nobody_says_for_whom_it_is(tmp_path: Path) -> None:
    async with serving(replace(RULES, deadlines=Deadlines())) as served:
        path = str(tmp_path / "socket")
        served.server.add_socket(bind_unix_socket(path))
        lines = []
        for _ in range(RULES.bounds.overall + 4):
            lines.append(await served.local(path))
            assert await say(*lines[-1], f"{GET}{KEY}\r\n") == 200
        assert len(served.server._seats) == 0
        for line in lines:
            assert await say(*line, f"{GET}\r\n") == 200
        await until(lambda: all(reader.at_eof() for reader, _ in lines[:4]))
        assert len(served.server._seats) == RULES.bounds.overall
        assert await say(*lines[4], f"{GET}{KEY}\r\n") == 200
        assert len(served.server._seats) == RULES.bounds.overall - 1


@in_a_loop
async def test_the_networks_of_a_48_share_the_places_of_one_source() -> None:
    async with serving(replace(RULES, deadlines=Deadlines()), exempt=HOST) as served:
        clients = [*(f"2001:db8:1:{number:x}::1" for number in range(RULES.bounds.each + 2)), "2001:db8:2::1"]
        lines = [await served.open() for _ in clients]
        for client, (_, writer) in zip(clients, lines, strict=True):
            writer.write(f"PUT / HTTP/1.1\r\nHost: a\r\nX-Client: {client}\r\nContent-Length: 5\r\n\r\n".encode())
            await asyncio.sleep(0.02)
        await until(lambda: sum(reader.at_eof() for reader, _ in lines) == 2)
        assert all(reader.at_eof() for reader, _ in lines[:2]), "the oldest"


@in_a_loop
async def test_a_48_that_is_heated_is_heated_as_a_whole() -> None:
    paces = replace(FREE, guessing=Pace(4, 1), all_guessing=Pace(1000, 1000))
    async with serving(replace(RULES, paces=paces, deadlines=Deadlines()), exempt=HOST) as served:
        served.server.heat(ip_address("2001:db8:1:2::3"), 60)

        async def seconds(client: str) -> float:
            reader, writer = await served.open()
            begun = time.monotonic()
            for _ in range(3):
                assert await say(reader, writer, f"{GET}X-Client: {client}\r\n\r\n") == 200
            return time.monotonic() - begun

        assert await seconds("2001:db8:1:ffff::9") > 0.4
        for _ in range(10):
            await seconds("2001:db8:2::3")
        assert await seconds("2001:db8:2::3") < SOON, "else after eight"


# -- turns -----------------------------------------------------------------------------------------------------------------------------


@in_a_loop
async def test_a_guesser_is_taken_up_slowly_and_others_are_not(leaf: Path) -> None:
    paces = replace(FREE, guessing=Pace(20, 4), all_guessing=Pace(40, 10))
    rules = replace(RULES, paces=paces, deadlines=replace(Deadlines(), turn=1.0))
    async with serving(rules, leaf) as served:
        served.server.heat(IPv4Address("127.0.0.9"), 60)

        async def come(number: int) -> float:
            begun = time.monotonic()
            try:
                await served.ask(source="127.0.0.9")
            except (ConnectionError, asyncio.IncompleteReadError):
                return -1.0
            return time.monotonic() - begun

        tried = asyncio.gather(*[come(number) for number in range(40)])
        await asyncio.sleep(0.05)
        await served.ask()
        assert not tried.done(), "somebody else"
        taken = [seconds for seconds in await tried if seconds >= 0]
        # Two at once, eight waiting; the ninth that waits is sent away.
        assert 8 <= len(taken) <= 14
        assert max(taken) > 0.5


@in_a_loop
async def test_further_requests_of_a_guesser_have_to_wait_and_those_signed_in_do_not() -> None:
    paces = replace(FREE, guessing=Pace(1000, 1000), known_guessing=Pace(4, 1))
    async with serving(replace(RULES, paces=paces, deadlines=Deadlines())) as served:
        stranger, friend = await served.ask(), await served.ask(KEY)
        served.server.heat(ip_address(HOST), 60)
        begun = time.monotonic()
        for _ in range(5):
            assert await say(*stranger, f"{GET}\r\n") == 200
        assert time.monotonic() - begun > 0.9, "four turns, four a second"
        begun = time.monotonic()
        for _ in range(50):
            assert await say(*friend, f"{GET}{KEY}\r\n") == 200
        assert time.monotonic() - begun < SOON, "else after twelve"
        assert await say(*stranger, f"{GET}{KEY}\r\n") == 200
        begun = time.monotonic()
        for _ in range(50):
            assert await say(*stranger, f"{GET}{KEY}\r\n") == 200
        assert time.monotonic() - begun < SOON, "signed in meanwhile"


@in_a_loop
async def test_who_carries_a_key_does_not_wait_for_a_turn() -> None:
    paces = replace(FREE, guessing=Pace(0.05, 1.5), all_guessing=Pace(1000, 1000))
    async with serving(replace(RULES, paces=paces, deadlines=Deadlines())) as served:
        strangers = [await served.open() for _ in range(4)]
        friend = await served.open()
        served.server.recognises = lambda request: "X-Signed-In" in request.headers
        served.server.heat(ip_address(HOST), 60)
        for _, writer in strangers[:3]:
            writer.write(f"{GET}\r\n".encode())
        strangers[3][1].write(b"GET /?" + b"x=1&" * 2000 + b" HTTP/1.1\r\nHost: a\r\n\r\n")
        await until(lambda: len(served.server._door) == 3)
        # Else it would be sent away: a turn is twenty seconds off, and nobody waits for more than five.
        assert await say(*friend, f"{GET}{KEY}\r\n") == 200


@in_a_loop
async def test_a_stranger_on_the_connection_of_somebody_who_was_signed_in_is_counted() -> None:
    async with serving(replace(RULES, deadlines=Deadlines())) as served:
        friend = await served.ask(KEY)
        assert len(served.server._seats) == 0
        assert await say(*friend, f"{GET}\r\n") == 200
        assert len(served.server._seats) == 1
        assert await say(*friend, f"{GET}{KEY}\r\n") == 200
        assert len(served.server._seats) == 0


@in_a_loop
async def test_a_proxys_clients_have_their_own_turns_and_places() -> None:
    paces = replace(FREE, guessing=Pace(4, 1), all_guessing=Pace(1000, 1000))
    rules = replace(RULES, paces=paces, deadlines=Deadlines(), bounds=Bounds(each=2, overall=20, waiting=8))
    async with serving(rules, exempt=HOST) as served:
        guesser, other = f"{GET}X-Client: 192.0.2.1\r\n", f"{GET}X-Client: 192.0.2.2\r\n"
        through = await served.ask("X-Client: 192.0.2.1\r\n")
        served.server.heat(ip_address("192.0.2.1"), 60)
        begun = time.monotonic()
        for _ in range(4):
            assert await say(*through, f"{guesser}\r\n") == 200
        assert time.monotonic() - begun > 0.6, "the guesser, whatever connection it comes by"
        begun = time.monotonic()
        for _ in range(50):
            assert await say(*through, f"{other}\r\n") == 200
        assert time.monotonic() - begun < SOON, "somebody else on the same connection"
        busy = [await served.open() for _ in range(4)]
        for _, writer in busy[:3]:
            writer.write(b"PUT / HTTP/1.1\r\nHost: a\r\nX-Client: 192.0.2.2\r\nContent-Length: 5\r\n\r\n")
            await asyncio.sleep(0.05)
        await ended(busy[0][0])  # It is one more than a client may have.
        assert await say(*busy[3], f"{GET}X-Client: 192.0.2.3\r\n\r\n") == 200
        assert served.server._seats.of("192.0.2.2") == 2


@in_a_loop
async def test_large_headers_cost_turns_and_too_large_ones_are_refused(caplog: pytest.LogCaptureFixture) -> None:
    paces = replace(FREE, source=Pace(10, 5))
    async with serving(replace(RULES, paces=paces, deadlines=Deadlines())) as served:
        browser = "".join(f"Cookie-{number}: {'x' * 250}\r\n" for number in range(60))
        begun = time.monotonic()
        for _ in range(3):
            assert await say(*await served.open(), f"{GET}{browser}\r\n") == 200
        assert time.monotonic() - begun > 0.5, "twelve turns and more, ten a second"
        for header in ("X: y\r\n" * 200, f"X: {'y' * 80_000}\r\n", f"X: {'y' * 300_000}\r\n"):
            assert await say_and_end(*await served.open(), f"{GET}{header}\r\n") == 431
    assert all(record.levelname == "INFO" for record in caplog.records)


@in_a_loop
async def test_a_header_that_is_refused_is_told_why(leaf: Path) -> None:
    async with serving(tls=leaf) as served:
        for header, sentences in (
            ("X: y\r\n" * 200, ("more than 128 header lines", "超过 128 行")),
            (f"Cookie: {'y' * 300_000}\r\n", ("larger than 74 kB", "delete its cookies", "超过 74 kB", "Cookie")),
        ):
            reader, writer = await served.open()
            writer.write(f"{GET}{header}\r\n".encode())
            head, _, body = (await asyncio.wait_for(reader.read(), SOON)).decode().partition("\r\n\r\n")
            assert "Connection: close" in head
            assert f"Content-Length: {len(body.encode())}" in head
            assert all(sentence in body for sentence in sentences), body


@in_a_loop
async def test_few_large_headers_are_held_at_a_time(leaf: Path) -> None:
    bounds = Bounds(each=8, overall=60, waiting=60, large_each=2, large=10)
    async with serving(replace(RULES, deadlines=Deadlines(), bounds=bounds), leaf) as served:
        small = [await served.ask(source=f"127.0.3.{number}") for number in range(4)]
        half = f"{GET}Cookie: {'y' * 60_000}"
        for number in range(12):
            for _ in range(3):
                _, writer = await served.open(f"127.0.4.{number}")
                writer.write(half.encode())
        await until(lambda: len(served.server._large) == 10 and len(served.server._all) == 14)
        assert all(served.server._large.of(f"127.0.4.{number}") <= 2 for number in range(12))
        # It has a place by the time that the header is whole, and none after that.
        assert await say(*await served.open("127.0.5.1"), f"{half}\r\n\r\n") == 200
        await until(lambda: len(served.server._large) == 9)
        for line in small:
            assert await say(*line, f"{GET}\r\n") == 200
        friend = await served.ask(KEY, source="127.0.5.2")
        assert await say(*friend, f"{GET}{KEY}Cookie: {'y' * 60_000}\r\n\r\n") == 200
        assert len(served.server._large) == 9


@in_a_loop
async def test_requests_behind_one_that_was_refused_before_its_body_take_no_turn(leaf: Path) -> None:
    refused = f"POST /refused HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 1\r\n\r\nx"
    for tls, behind in ((None, 300), (leaf, 300), (leaf, 0)):
        async with serving(replace(RULES, deadlines=Deadlines()), tls) as served:
            before = Hello.answered
            assert await say_and_end(*await served.open(), refused + f"{GET}\r\n" * behind) == 413
            # What comes next is discarded, for a few seconds.
            assert [connection.progress.state for connection in served.server._all] == [State.DRAINING]
            await served.close_clients()
            await until(lambda: not served.server._connections)
            assert Hello.answered == before


@in_a_loop
async def test_a_header_in_very_many_pieces_is_work(leaf: Path) -> None:
    deadlines = replace(Deadlines(), header=60.0, header_reads=20)
    async with serving(replace(RULES, deadlines=deadlines)) as served:
        assert await trickle(*await served.open(), letters(f"{GET}{'X: y' * 500}"), 0.005)


@in_a_loop
async def test_a_request_that_waits_too_long_or_is_given_up_is_dropped(caplog: pytest.LogCaptureFixture) -> None:
    paces = replace(FREE, guessing=Pace(0.001, 1))
    async with serving(replace(RULES, paces=paces)) as served:
        patient, other = await served.ask(), await served.ask()
        served.server.heat(ip_address(HOST), 60)
        assert await say(*patient, f"{GET}\r\n") == 200
        patient[1].write(f"{GET}\r\n".encode())
        other[1].write(b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n")
        await until(lambda: len(served.server._door) == 2)
        other[1].close()
        await until(lambda: len(served.server._door) == 1)
        assert await ended(patient[0]) > 0.1
        await until(lambda: not served.server._all)
    assert not caplog.records


@in_a_loop
async def test_who_left_while_waiting_costs_no_turn(leaf: Path) -> None:
    paces, many = replace(FREE, guessing=Pace(10, 1)), Bounds(each=60, overall=60, waiting=60)
    async with serving(Rules(replace(Deadlines(), turn=3.0), paces, many, sweep_s=0.05), leaf) as served:
        served.server.heat(ip_address(HOST), 60)
        await served.plain()
        # On a busy machine some of them have had their turn before the last one is there.
        leaving = [await served.plain() for _ in range(55)]
        await until(lambda: len(served.server._door) >= 35)
        for _, writer in leaving:
            writer.close()
        # At ten turns a second it would have to wait for more than the three seconds after which it is sent away.
        await served.ask()


# -- the process -----------------------------------------------------------------------------------------------------------------------


@in_a_loop
async def test_without_descriptors_strangers_make_room(caplog: pytest.LogCaptureFixture) -> None:
    async with serving(replace(RULES, deadlines=Deadlines())) as served:
        crowd = [await served.plain() for _ in range(4)]
        await until(lambda: len(served.server._seats) == 4)
        client = socket.socket()
        client.setblocking(False)
        limits = resource.getrlimit(resource.RLIMIT_NOFILE)
        eaten = []
        resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors() + 20, limits[1]))
        try:
            with contextlib.suppress(OSError):
                while True:
                    eaten.append(os.open(os.devnull, os.O_RDONLY))
            loop = asyncio.get_running_loop()
            await loop.sock_connect(client, (HOST, served.port))
            await loop.sock_sendall(client, f"{GET}{KEY}\r\n".encode())
            begun = time.process_time()
            assert (await asyncio.wait_for(loop.sock_recv(client, 1000), SOON)).startswith(b"HTTP/1.1 200")
            assert time.process_time() - begun < 0.2, "and does not ask all the time"
        finally:
            for descriptor in eaten:
                os.close(descriptor)
            resource.setrlimit(resource.RLIMIT_NOFILE, limits)
            client.close()
        await ended(crowd[0][0])
    assert not caplog.records


@in_a_loop
async def test_nothing_is_left_when_it_stops(leaf: Path, caplog: pytest.LogCaptureFixture) -> None:
    paces = replace(FREE, guessing=Pace(1000, 1000), known_guessing=Pace(0.1, 1), known_arrivals=Pace(0.1, 1))
    async with serving(replace(RULES, paces=paces, deadlines=Deadlines()), leaf) as served:
        friend = await served.ask(KEY)
        stranger = await served.ask()
        for _ in range(3):
            await served.plain()
        served.server.heat(ip_address(HOST), 60)
        waiting = [await served.plain() for _ in range(5)]
        stranger[1].write(f"{GET}\r\n{GET}\r\n".encode())
        await until(lambda: len(served.server._door) == 9)
        served.server.stop()
        for reader, _ in (*waiting[1:], stranger):
            await ended(reader)
        assert await say(*friend, f"{GET}\r\n") == 200, "what is in progress goes on"
        served.server.stop()
    assert not caplog.records


@in_a_loop
async def test_garbage_on_the_line_leaves_nothing_behind(leaf: Path) -> None:
    for tls in (None, leaf):
        async with serving(tls=tls) as served:
            for sent in (b"\x00" * 500, b"GET / HTTP/9.9\r\n\r\n", b"\r\n\r\n", b"x" * 70_000, b"\x16\x03\x01\xff\xff" + bytes(300)):
                reader, writer = await served.plain()
                writer.write(sent)
                await ended(reader)
            reader, _ = await served.plain()
            _, writer = await served.plain()
            raw = writer.get_extra_info("socket")
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
            writer.transport.abort()
            await ended(reader)
            await until(lambda: not served.server._all)


@in_a_loop
async def test_the_place_of_jupyter_servers_own(leaf: Path) -> None:
    app = Application([("/", Hello)], log_function=lambda _: None)
    given = HTTPServer(app, ssl_options=server_context({"certfile": str(leaf)}), max_body_size=123, max_buffer_size=456_000)
    server = GuardedServer.instead_of(given, app, lambda _: False)
    assert server.ssl_options is given.ssl_options
    assert (server.conn_params.max_body_size, server.max_buffer_size) == (123, 456_000)
    assert server.conn_params.header_timeout is None
    listener = socket.create_server((HOST, 0))
    listener.setblocking(False)
    server.add_socket(listener)
    # As server/tls.py does when a certificate is renewed.
    server.ssl_options = None
    served = Served(server, listener.getsockname()[1], None)
    await served.ask()
    server.stop()
    await server.close_all_connections()
    await served.close_clients()


def test_most_descriptors_are_left_to_those_signed_in() -> None:
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        for soft, overall in ((100, 32), (1024, 128), (2048, 256), (min(20_000, limits[1]), 256)):
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, limits[1]))
            bounds = Bounds.of_this_process()
            assert (bounds.each, bounds.overall, bounds.waiting) == (64, overall, overall)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)


@in_a_loop
async def test_an_error_of_accept_that_is_not_ours_is_raised() -> None:
    class Broken(socket.socket):
        def accept(self) -> tuple[socket.socket, Any]:
            raise OSError(errno.EPERM, "not allowed")

    listener = Broken()
    listener.bind((HOST, 0))
    listening = Listener(listener, lambda *_: None, lambda: None)
    with pytest.raises(PermissionError):
        listening._accept(listener, 0)
    listening.close()
