"""Who is let in before its turn, by the first bytes of its connection: real sockets, and a server whose turns are all but used up."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import ssl
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tornado.httputil import HTTPServerRequest
from tornado.web import create_signed_value

from jupyter_remote_kit.server import clienthello, cookies, firstrequest, offers
from jupyter_remote_kit.server.arrivals import shown_by_request
from jupyter_remote_kit.server.authenticator import Authenticator
from jupyter_remote_kit.server.bounds import Bounds, Rules
from jupyter_remote_kit.server.deadlines import Deadlines
from jupyter_remote_kit.server.resumption import EACH, LIFETIME_S, SignedInSessions
from jupyter_remote_kit.server.sessions import Sessions
from jupyter_remote_kit.server.sources import Pace, Paces
from jupyter_remote_kit.server.undecided import Undecided
from tests.server.test_connections import GET, HOST, KEY, SOON, Served, ended, in_a_loop, is_open, leaf, say, serving, until

__all__ = ["leaf"]

# One turn at once, and the next after a minute.
STUCK = Pace(1 / 60, 1)
PACES = Paces(everybody=Pace(1e6, 1e6), source=STUCK, known=STUCK, known_arrivals=STUCK)
QUEUE = Bounds(each=64, overall=64, waiting=4, undecided=4)
CROWDED = Rules(Deadlines(), PACES, QUEUE, sweep_s=0.05)
WRONG = f"{GET}Authorization: token wrong\r\n\r\n"


@contextlib.asynccontextmanager
async def crowded(rules: Rules = CROWDED, tls: Path | None = None) -> AsyncIterator[Served]:
    """A server whose queue is full of connections from the owner's address."""
    async with serving(rules, tls) as served:
        served.server.recognises = is_good
        await crowd(served)
        yield served


async def crowd(served: Served) -> None:
    """Use up the turn, and fill the queue with strangers that say something."""
    bounds = QUEUE
    crowd = [await served.plain() for _ in range(bounds.waiting + 1)]
    for _, writer in crowd:
        writer.write(b"GET /login HTTP/1.1\r\nHost: a\r\n\r\n")
    await until(lambda: len(served.server._door) >= bounds.waiting)
    await asyncio.sleep(0.05)


def is_good(request: HTTPServerRequest) -> bool:
    """What the look makes of a request has nothing but the host and credentials: hence a token here."""
    return request.headers.get("Authorization") == "token good"


TOKEN = f"{GET}Authorization: token good\r\n{KEY}\r\n"

# -- plain HTTP ------------------------------------------------------------------------------------------------------------------------


@in_a_loop
async def test_a_good_credential_waits_for_no_turn_and_finds_a_place_in_a_full_queue() -> None:
    async with crowded() as served:
        begun = time.monotonic()
        for _ in range(20):
            assert await say(*await served.open(), TOKEN) == 200
        assert time.monotonic() - begun < SOON, "else after minutes"


@in_a_loop
async def test_a_wrong_one_waits_like_any_other_and_is_sent_away_where_there_is_no_place() -> None:
    async with crowded() as served:
        for sent in (WRONG, f"{GET}\r\n", "nonsense\r\n\r\n", "POST /login HTTP/1.1\r\nHost: a\r\n\r\npassword=token good"):
            reader, writer = await served.open()
            writer.write(sent.encode())
            await ended(reader)


@in_a_loop
async def test_one_in_the_queue_is_let_in_once_it_shows_its_credential() -> None:
    async with serving(CROWDED) as served:
        served.server.recognises = is_good
        await served.plain()
        friend, stranger = await served.open(), await served.open()
        await until(lambda: len(served.server._door) == 2)
        stranger[1].write(WRONG.encode())
        assert await say(*friend, TOKEN) == 200
        assert await is_open(stranger[0], 0.2), "it waits"
        assert len(served.server._door) == 1


@in_a_loop
async def test_a_request_that_comes_late_or_in_pieces_is_waited_for() -> None:
    async with crowded() as served:
        reader, writer = await served.open()
        for at in range(0, len(TOKEN), 30):
            await asyncio.sleep(0.02)
            if at + 30 < len(TOKEN):
                writer.write(TOKEN[at : at + 30].encode())
            else:
                assert await say(reader, writer, TOKEN[at:]) == 200


@in_a_loop
async def test_who_says_nothing_beyond_the_queue_has_a_short_time_and_makes_room() -> None:
    rules = replace(CROWDED, deadlines=replace(Deadlines(), undecided=0.3))
    async with crowded(rules) as served:
        begun = time.monotonic()
        silent = [await served.plain() for _ in range(QUEUE.undecided + 1)]
        await ended(silent[0][0])
        assert time.monotonic() - begun < 0.3, "room was needed"
        assert await say(*await served.open(), TOKEN) == 200
        for reader, _ in silent[1:]:
            await ended(reader)
        assert time.monotonic() - begun > 0.2
        await until(lambda: not served.server._arrivals)


@in_a_loop
async def test_one_that_closes_while_it_is_looked_at_leaves_nothing(caplog: pytest.LogCaptureFixture) -> None:
    async with crowded() as served:
        for sent in (b"", b"GET / HT"):
            _, writer = await served.plain()
            writer.write(sent)
            await until(lambda: len(served.server._arrivals) == 1)
            writer.close()
            await until(lambda: not served.server._arrivals)
    assert not caplog.records


@in_a_loop
async def test_one_that_was_let_in_and_is_not_signed_in_after_all_is_counted_and_waits() -> None:
    async with crowded() as served:
        friend = await served.open()
        assert await say(*friend, TOKEN) == 200
        # The one that had the turn, and the one that had the first of an address from which somebody signed in.
        await until(lambda: served.server._seats.of(HOST) == 2)
        stranger = await served.open()
        # Recognised, and yet the gate signs nobody in, as where the address is not served.
        assert await say(*stranger, f"{GET}Authorization: token good\r\n\r\n") == 200
        assert served.server._seats.of(HOST) == 3
        stranger[1].write(f"{GET}\r\n".encode())
        assert await is_open(stranger[0], 0.2)


# -- TLS -------------------------------------------------------------------------------------------------------------------------------


@dataclass
class Browser:
    """A TLS client that resumes its sessions, which asyncio's does not."""

    served: Served
    context: ssl.SSLContext
    session: ssl.SSLSession | None = None
    handshakes: int = 0

    async def ask(self, text: str) -> int:
        """The status of one request on a connection of its own; 0 where the connection was cut."""
        return await asyncio.get_running_loop().run_in_executor(None, self._ask, text)

    def _ask(self, text: str) -> int:
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            raw = socket.create_connection((HOST, self.served.port), timeout=SOON)
            with self.context.wrap_socket(raw, session=self.session) as line:
                self.handshakes += 1
                line.sendall(text.encode())
                answer = line.recv(65536)
                self.session = line.session
                return int(answer.split()[1]) if answer else 0
        return 0


def browser(served: Served, version: ssl.TLSVersion) -> Browser:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode, context.maximum_version = False, ssl.CERT_NONE, version
    return Browser(served, context)


VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]
FREE_FIRST = replace(CROWDED, paces=replace(PACES, source=Pace(1, 8)))


@pytest.mark.parametrize("version", VERSIONS, ids=str)
@in_a_loop
async def test_who_resumes_a_session_in_which_it_was_signed_in_waits_for_no_turn(version: ssl.TLSVersion, leaf: Path) -> None:
    async with serving(FREE_FIRST, leaf) as served:
        served.server.recognises = lambda request: "X-Signed-In" in request.headers
        friend, stranger = browser(served, version), browser(served, version)
        assert await stranger.ask(f"{GET}\r\n") == 200
        assert await friend.ask(f"{GET}{KEY}\r\n") == 200
        await crowd(served)
        begun = time.monotonic()
        for _ in range(10):
            assert await friend.ask(f"{GET}{KEY}\r\n") == 200
        assert time.monotonic() - begun < SOON
        assert stranger.session is not None
        assert await stranger.ask(f"{GET}\r\n") == 0, "it resumes as well, and was never signed in"
        served.server.credentials_changed()
        assert await friend.ask(f"{GET}{KEY}\r\n") == 0


@in_a_loop
async def test_a_session_is_good_for_some_handshakes_at_once(leaf: Path) -> None:
    async with serving(replace(FREE_FIRST, deadlines=Deadlines(turn=0.5)), leaf) as served:
        friend = browser(served, ssl.TLSVersion.TLSv1_3)
        assert await friend.ask(f"{GET}{KEY}\r\n") == 200
        seen = friend.session
        await crowd(served)
        copied = [browser(served, ssl.TLSVersion.TLSv1_3) for _ in range(40)]
        for copy in copied:
            copy.context = friend.context
            copy.session = seen
        # As whoever sees it on the line could repeat it. What it gets are handshakes.
        told = await asyncio.gather(*(copy.ask(f"{GET}\r\n") for copy in copied))
        assert 200 not in told
        assert EACH.at_once <= sum(copy.handshakes for copy in copied) < 40


def test_sessions_are_remembered_for_their_time_and_within_bounds() -> None:
    sessions = SignedInSessions(each=Pace(1, 2), overall=Pace(1, 5), most=3)
    for name in (b"a", b"b", b"c", b"d", b""):
        sessions.note(name, 0.0)
    assert len(sessions) == 3
    assert not sessions.admit([b"a"], 0.0), "the oldest"
    assert [sessions.admit([b"x", b"b"], 0.0) for _ in range(3)] == [True, True, False]
    assert [sessions.admit([b"c"], 0.0) for _ in range(2)] == [True, True]
    assert [sessions.admit([b"d"], 0.0) for _ in range(2)] == [True, False], "all of them together"
    assert sessions.admit([b"d"], 9.0)
    assert not sessions.admit([b"d"], LIFETIME_S)
    assert len(sessions) == 2
    sessions.clear()
    assert not sessions.admit([b"c"], 20.0)


# -- what is read ----------------------------------------------------------------------------------------------------------------------


def hello(version: ssl.TLSVersion, session: ssl.SSLSession | None = None, context: ssl.SSLContext | None = None) -> bytes:
    if context is None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode, context.maximum_version = False, ssl.CERT_NONE, version
    outgoing = ssl.MemoryBIO()
    with contextlib.suppress(ssl.SSLWantReadError):
        context.wrap_bio(ssl.MemoryBIO(), outgoing, session=session, server_hostname="localhost").do_handshake()
    return outgoing.read()


@pytest.mark.parametrize("version", VERSIONS, ids=str)
def test_a_client_hello_is_read_when_it_is_whole(version: ssl.TLSVersion) -> None:
    whole = hello(version)
    sessions = clienthello.offered(whole)
    # For the sake of old middleboxes 1.3 sends an id that means nothing.
    assert sessions is not None
    assert len(sessions) == (1 if version is ssl.TLSVersion.TLSv1_3 else 0)
    for length in range(len(whole)):
        assert clienthello.offered(whole[:length]) is None
    for position in range(len(whole)):
        broken = bytearray(whole)
        broken[position] ^= 0xFF
        clienthello.offered(bytes(broken))


@example(b"\x16\x03\x01\x00\x00")
@example(b"\x16\x03\x01\x00\x04\x01\x00\x00\x00")
@given(st.binary(max_size=80))
def test_what_is_no_client_hello_offers_nothing(data: bytes) -> None:
    assert not clienthello.offered(b"\x16\x03\x01\x00\x20" + data[:30])
    assert clienthello.offered(b"\x17" + data + bytes(8)) == ()
    assert clienthello.offered(b"\x16\x03\x01\xff\xff" + data) == ()


def requests() -> Iterator[tuple[str, dict[str, Any]]]:
    """What is sent, and what is found."""
    yield "GET / HTTP/1.1\r\nHost: a:1\r\nAuthorization: token x\r\n\r\n", {"host": "a:1", "Authorization": "token x"}
    yield "GET / HTTP/1.1\nhost:a\nCOOKIE:  a=b \n\n", {"host": "a", "Cookie": "a=b"}
    yield "GET / HTTP/1.1\r\nHost: a\r\nCookie: a=b\r\nCookie: c=d\r\n\r\n", {"Cookie": "a=b,c=d"}
    yield "GET /x?token=y HTTP/1.1\r\nHost: a\r\n\r\n", {"path": "/x", "query": "token=y"}
    yield "GET /x?a=b&token=n&token=y%20&c HTTP/1.1\r\nHost: a\r\n\r\n", {"query": "token=y%20"}
    yield f"GET /x?token=y{'&a=b' * 200} HTTP/1.1\r\nHost: a\r\n\r\n", {"query": "token=y"}
    yield "GET /x?a=token=n HTTP/1.1\r\nHost: a\r\nCookie: a=b\r\n\r\n", {"query": ""}
    # Cut off where no more was looked at.
    yield "GET / HTTP/1.1\r\nHost: a\r\nCookie: a=b\r\nX: " + "y" * 16_384, {"Cookie": "a=b"}


@pytest.mark.parametrize(("sent", "found"), list(requests()))
def test_credentials_of_a_first_request(sent: str, found: dict[str, Any]) -> None:
    request = firstrequest.with_credentials(sent.encode())
    assert request is not None
    for name, value in found.items():
        assert (getattr(request, name) if name in {"host", "path", "query"} else request.headers[name]) == value


@pytest.mark.parametrize(
    "sent",
    [
        b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\n\r\nCookie: a=b\r\n\r\n",
        b"POST /login HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\npassword=x",
        b"GET / HTTP/1.1\r\nHost: a\r\n" + b"Cookie: a\r\n" * 128 + b"\r\n",
        b"GET /" + b"?xtoken=x?token=x&atoken=x" + b" HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /?token=" + b"x" * 1025 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\n" + b"Cookie: a=b\r\n" * 17 + b"\r\n",
        b"GET / HTTP/1.1\r\nHost: " + b"a" * 300 + b"\r\nCookie: a=b\r\n\r\n",
        b"GET http://a/ HTTP/1.1\r\nCookie: a=b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\nCookie: a=\x00\r\n\r\n",
        b"\x16\x03\x01\r\n\r\n",
        b"",
    ],
)
def test_what_carries_none(sent: bytes) -> None:
    assert firstrequest.with_credentials(sent) is None


@given(
    st.lists(
        st.sampled_from(
            [
                b"GET / HTTP/1.1",
                b"\r\n",
                b"\n",
                b"Host:",
                b"Cookie:",
                b"Authorization: token ",
                b"?token=",
                b"a",
                b"\xff",
                b"\0",
                b"[",
                b":",
                b" ",
                b"%",
            ]
        )
    )
)
def test_whatever_is_sent_nothing_is_raised(pieces: list[bytes]) -> None:
    firstrequest.with_credentials(b"".join(pieces))
    firstrequest.with_credentials(b"GET /?token=%ff HTTP/1.1\r\nHost:" + b"".join(pieces))


def with_extensions(count: int) -> bytes:
    """A ClientHello with so many empty extensions, and a pre-shared key in the last one (RFC 8446, 4.2.11)."""

    def vector(size: int, content: bytes) -> bytes:
        return len(content).to_bytes(size, "big") + content

    key = b"\0\x29" + vector(2, vector(2, vector(2, b"seen") + bytes(4)))
    body = b"\3\3" + bytes(32) + b"\0" + vector(2, b"\x13\1") + vector(1, b"\0") + vector(2, b"\x0a\x0a\0\0" * count + key)
    return b"\x16\3\1" + vector(2, b"\1" + vector(3, body))


def test_of_a_client_hello_as_many_extensions_are_read_as_clients_send() -> None:
    assert clienthello.offered(with_extensions(40)) == (b"seen",)
    assert clienthello.offered(with_extensions(4000)) == ()


def test_a_client_hello_that_is_larger_than_what_is_looked_at_is_not_waited_for() -> None:
    assert clienthello.offered((b"\x16\3\1" + (2**14).to_bytes(2, "big")).ljust(2**14, b"\1")) == ()


FULL = 16_000


@pytest.mark.parametrize(
    "sent",
    [
        b"GET / HTTP/1.1\r\nHost: " + b"." * FULL + b"\r\nCookie: a=b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nCookie: " + b"username-a=" * (FULL // 11) + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nCookie: " + b"username-a=2|1:0|10:1|; " * (FULL // 24) + b"\r\n\r\n",
        b"GET /?" + b"token=%41&" * (FULL // 10) + b" HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /?token=" + b"%e4" * (FULL // 3) + b" HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\n" + b"Authorization: a\r\n" * 120 + b"\r\n",
    ],
    ids=["host", "cookie's name", "cookies", "tokens", "token", "lines"],
)
def test_whatever_a_first_request_holds_a_look_at_it_costs_little(sent: bytes) -> None:
    def recognises(request: HTTPServerRequest) -> bool:
        cookies.values(request, cookies.session_name(request), cookies.FEW_VALUES)
        return bool(offers.of(request).tokens)

    # The best of some: the machine is not ours alone. A new connection is 0.1 ms, and a Host of this size was 2.5.
    spent = []
    for _ in range(5):
        begun = time.process_time()
        shown_by_request(sent, recognises)
        spent.append(time.process_time() - begun)
    assert min(spent) < 0.001


def test_of_the_session_cookies_few_are_verified_before_a_turn() -> None:
    """Others of the name may be there, as another host of the domain sets them: ours is among the last (RFC 6265, 5.4)."""
    sessions = Sessions(None, 60.0, clock=time.time, on_end=lambda *_: None)
    sessions.use_key("key")
    provider: Any = SimpleNamespace(
        cookie_name="",
        is_token=lambda _: False,
        server=SimpleNamespace(web_app=SimpleNamespace(settings={"cookie_secret": "key"})),
        user_from_cookie=lambda _: None,
    )
    unused: Any = None
    authenticator = Authenticator(provider, sessions, unused, unused)
    payload = json.dumps({"session": sessions.open(way="password", address="192.0.2.7", client="a")})
    good = f"username-a={create_signed_value('key', 'username-a', payload).decode()}"
    planted = ["username-a=planted"] * 10
    try:
        for held, recognised in (([good], True), ([*planted, good, *planted[:7]], True), ([good, *planted], False), (planted, False)):
            request = firstrequest.with_credentials(f"GET / HTTP/1.1\r\nHost: a\r\nCookie: {'; '.join(held)}\r\n\r\n".encode())
            assert request is not None
            assert authenticator.recognises(request) is recognised
    finally:
        authenticator.close()


def test_those_without_a_place_make_room_and_have_their_time() -> None:
    undecided = Undecided[str](2, 1.0)
    assert [undecided.add(who, now) for who, now in (("a", 0.0), ("b", 0.5), ("c", 0.6))] == [None, None, "a"]
    assert "a" not in undecided
    assert undecided.overdue(1.5) == ["b"]
    undecided.discard("b")
    assert (len(undecided), undecided.clear(), len(undecided)) == (1, ["c"], 0)
