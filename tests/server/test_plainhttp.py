"""Plain HTTP, and what is neither HTTP nor TLS, on a port that serves HTTPS."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import ssl
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path

import pytest
from tornado.log import gen_log
from tornado.netutil import bind_unix_socket

from jupyter_remote_kit.plan import hosts
from jupyter_remote_kit.server.bounds import Rules
from jupyter_remote_kit.server.deadlines import Deadlines
from jupyter_remote_kit.server.plainhttp import local_address
from jupyter_remote_kit.server.sockets import DRAINED, begins_as_http
from jupyter_remote_kit.server.sources import Pace
from jupyter_remote_kit.server.tls import server_context
from tests.server.test_connections import (
    FREE,
    HOST,
    RULES,
    SOON,
    Served,
    ended,
    in_a_loop,
    is_open,
    leaf,
    letters,
    say,
    serving,
    trickle,
    until,
)

__all__ = ["leaf"]

# What `client_hello` of a browser begins with.
TLS_RECORD = b"\x16\x03\x01\x02\x00\x01"
NAMES = ("gpubox", "gpubox.lan")


def admits(header: str) -> bool:
    """As `Peers.admits_host` does, with names that need no machine."""
    return hosts.admits(hosts.host_of(header), NAMES, ())


@contextlib.asynccontextmanager
async def secured(tls: Path, rules: Rules = RULES) -> AsyncIterator[Served]:
    """A server of HTTPS that knows its names."""
    async with serving(rules, tls) as served:
        served.server.admits_host = admits
        yield served


async def heard(served: Served, data: bytes) -> bytes:
    """All that comes back until the server closes."""
    reader, writer = await served.plain()
    writer.write(data)
    received = b""
    with contextlib.suppress(ConnectionError):
        while piece := await asyncio.wait_for(reader.read(65536), SOON):
            received += piece
    return received


def head(data: bytes) -> tuple[int, dict[str, str], str]:
    """Status, headers with names in small letters, and body of an answer, which must be a single one."""
    first, _, body = data.partition(b"\r\n\r\n")
    lines = first.decode("latin-1").split("\r\n")
    assert data.count(b"HTTP/1.1 ") == 1, data
    return int(lines[0].split()[1]), {name.lower(): value for name, value in (line.split(": ", 1) for line in lines[1:])}, body.decode()


GET = b"GET %s HTTP/1.1\r\nHost: gpubox:8800\r\n\r\n"


@pytest.mark.parametrize(
    ("sent", "location"),
    [
        (GET % b"/", "https://gpubox:8800/"),
        (GET % b"/lab/tree/a%20b.ipynb?token=abc&x=%22", "https://gpubox:8800/lab/tree/a%20b.ipynb?token=abc&x=%22"),
        (GET % b"//evil.example/", "https://gpubox:8800//evil.example/"),
        (GET % b"/\\evil.example", "https://gpubox:8800/%5Cevil.example"),
        (GET % b'/"><script>', "https://gpubox:8800/%22%3E%3Cscript%3E"),
        (b"HEAD / HTTP/1.1\r\nHost: gpubox:8800\r\n\r\n", "https://gpubox:8800/"),
        # Port 80 goes without saying, and serves HTTPS.
        (b"GET / HTTP/1.1\r\nHost: gpubox.lan\r\n\r\n", "https://gpubox.lan:80/"),
        (b"GET / HTTP/1.1\r\nHost: GPUBOX.:443\r\n\r\n", "https://gpubox:443/"),
        (b"GET / HTTP/1.1\r\nHost: [::1]:8800\r\n\r\n", "https://[::1]:8800/"),
        (b"GET / HTTP/1.0\r\nHost: gpubox:8800\r\n\r\n", "https://gpubox:8800/"),
        (b"GET /lab HTTP/1.0\r\n\r\n", "https://127.0.0.1:{port}/lab"),
        (b"GET / HTTP/1.1\nHost: gpubox:8800\n\n", "https://gpubox:8800/"),
        (b"GET / HTTP/1.1\r\nHost: gpubox:8800\r\nConnection: keep-alive\r\n\r\n" * 2, "https://gpubox:8800/"),
        # None of these leads anywhere.
        (b"GET / HTTP/1.1\r\n\r\n", None),
        (b"GET / HTTP/1.1\r\nHost: gpubox:8800\r\nHost: evil.example\r\n\r\n", None),
        (b"GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n", None),
        (b"GET / HTTP/1.0\r\nHost: evil.example\r\n\r\n", None),
        (b"GET / HTTP/1.1\r\nHost: gpubox:8800@evil.example\r\n\r\n", None),
        (b"GET / HTTP/1.1\r\nHost: gpubox:8800/evil\r\n\r\n", None),
        (b"GET / HTTP/1.1\r\nHost: gpubox:99999\r\n\r\n", None),
        (b"GET / HTTP/1.1\r\nHost:\r\n\r\n", None),
        (b"GET http://evil.example/ HTTP/1.1\r\nHost: gpubox:8800\r\n\r\n", None),
        (b"GET http://gpubox:8800/ HTTP/1.1\r\nHost: gpubox:8800\r\n\r\n", None),
        (b"OPTIONS * HTTP/1.1\r\nHost: gpubox:8800\r\n\r\n", None),
        (b"CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example:443\r\n\r\n", None),
        (b"POST /login HTTP/1.1\r\nHost: gpubox:8800\r\nContent-Length: 13\r\n\r\npassword=abcd", None),
        (b"DELETE /api/sessions/1 HTTP/1.1\r\nHost: gpubox:8800\r\n\r\n", None),
        (b"PROPFIND / HTTP/1.1\r\nHost: gpubox:8800\r\n\r\n", None),
        (b"GET /ws HTTP/1.1\r\nHost: gpubox:8800\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n", None),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", None),
        (b"GET / HTTP/9.9\r\n\r\n", None),
        # A proxy that ended the TLS would be sent its own address again and again.
        (b"GET / HTTP/1.1\r\nHost: gpubox:8800\r\nX-Forwarded-Proto: https\r\n\r\n", None),
        (b"GET / HTTP/1.1\r\nHost: gpubox:8800\r\nSec-Fetch-Site: none\r\n\r\n", None),
        (b"GET / HTTP/1.1\r\nHost: 127.0.0.1:8800\r\nSec-Fetch-Site: none\r\n\r\n", "https://127.0.0.1:8800/"),
    ],
)
@in_a_loop
async def test_a_request_is_redirected_to_the_name_that_it_was_sent_to(
    sent: bytes, location: str | None, leaf: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with secured(leaf) as served:
        status, headers, body = head(await heard(served, sent))
        expected = location and location.format(port=served.port)
    assert (status, headers.get("location")) == (308, expected) if location else status == 400, body
    assert "location" not in headers or status == 308
    assert not {"strict-transport-security", "set-cookie", "server"} & set(headers)
    assert "evil.example" not in body.replace("gpubox:8800//evil.example", "").replace("%5Cevil.example", "")
    if headers.get("content-type"):
        assert headers["connection"] == "close"
        assert headers["cache-control"] == "no-store"
        assert (not body) if sent.startswith(b"HEAD") else len(body.encode()) == int(headers["content-length"])
    assert not [record for record in caplog.records if record.name != gen_log.name]
    assert "abc" not in caplog.text


@pytest.mark.parametrize(
    ("sent", "language", "sentence", "hint"),
    [
        (GET % b"/lab", "en", "This server uses HTTPS. Open https://gpubox:8800/lab", None),
        (GET % b"/lab", "zh-CN", "此服务器使用 HTTPS。请打开 https://gpubox:8800/lab", None),
        (
            b"POST /login HTTP/1.1\r\nHost: gpubox:8800\r\n\r\n",
            "en",
            "The request was sent without encryption, and this server uses HTTPS.",
            "A password or token in it was readable on the way: change it. Send the request to https://gpubox:8800/login",
        ),
        (
            b"GET /api/kernels/1/channels HTTP/1.1\r\nHost: gpubox:8800\r\nUpgrade: WebSocket\r\n\r\n",
            "en",
            "The request was sent without encryption, and this server uses HTTPS.",
            "A password or token in it was readable on the way: change it. Send the request to wss://gpubox:8800/api/kernels/1/channels",
        ),
        (
            b"GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n",
            "en",
            "The request was sent without encryption, and this server uses HTTPS.",
            "Put https:// before the address.",
        ),
        (
            b"GET / HTTP/1.1\r\nHost: lab.example\r\nX-Forwarded-Proto: https\r\n\r\n",
            "en",
            "A proxy sends requests to this server without encryption, and this server uses HTTPS.",
            "Tell the proxy to use HTTPS, in nginx: proxy_pass https://127.0.0.1:{port};",
        ),
    ],
)
@in_a_loop
async def test_the_answer_says_what_to_do(sent: bytes, language: str, sentence: str, hint: str | None, leaf: Path) -> None:
    async with secured(leaf) as served:
        asked = sent.replace(b"\r\n\r\n", f"\r\nAccept-Language: {language}\r\n".encode())
        _, _, answer = head(await heard(served, asked + b"\r\n"))
        _, headers, page = head(await heard(served, asked + b"Accept: text/html,*/*\r\n\r\n"))
        port = served.port
    told = json.loads(answer)
    assert told == {"message": sentence, "reason": None, "hint": hint and hint.format(port=port)}
    assert f'<html lang="{language}">' in page
    assert sentence in page
    assert headers["content-security-policy"] == "frame-ancestors 'self'"


@pytest.mark.parametrize(
    "sent",
    [
        b"SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n",
        b"PROXY TCP4 192.0.2.1 192.0.2.2 5000 8800\r\n" + TLS_RECORD + bytes(512),
        b"\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c" + bytes(12),
        b"\x80\x2e\x01\x00\x02\x00\x15\x00\x00\x00\x10" + bytes(64),
        b"\x15\x03\x01\x00\x02\x02\x28",
        b"\x00" * 500,
        b"\xff" * 500,
        b"\x16\x03\x01\xff\xff" + bytes(300),
        b"\x03\x00\x00\x13\x0e\xe0\x00\x00\x00\x00\x00\x01\x00\x08\x00\x03\x00\x00\x00",  # Remote Desktop
        b"get / http/1.1\r\nhost: gpubox\r\n\r\n",
    ],
    ids=["ssh", "PROXY", "PROXY 2", "SSLv2", "an alert", "zeros", "ones", "a huge record", "RDP", "small letters"],
)
@in_a_loop
async def test_what_is_neither_is_closed_at_once_and_not_answered_in_http(sent: bytes, leaf: Path) -> None:
    async with secured(leaf, replace(RULES, deadlines=Deadlines())) as served:
        assert not (await heard(served, sent)).startswith(b"HTTP")


@pytest.mark.parametrize(
    ("first", "http"),
    [
        (b"G", True),
        (b"GET ", True),
        (b"VERSION-CONTROL /a HTTP/1.1\r\n"[:24], True),
        (b"\x16", False),
        (b"SSH-2.0", False),
        (b"PROXY TCP4", False),
        (b" GET /", False),
        (b"GET\r\n", False),
        (b"\r\nGET / ", False),
    ],
)
def test_which_first_bytes_are_a_requests(first: bytes, http: bool) -> None:
    assert begins_as_http(first) is http


@in_a_loop
async def test_bytes_that_come_one_by_one(leaf: Path) -> None:
    async with secured(leaf) as served:
        assert served.context is not None
        reader, writer = await served.plain()
        for letter in letters((GET % b"/").decode()):
            writer.write(letter)
            await asyncio.sleep(0.002)
        assert (await asyncio.wait_for(reader.read(), SOON)).startswith(b"HTTP/1.1 308 ")
        # A handshake that begins late and slowly.
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        client = served.context.wrap_bio(incoming, outgoing)
        reader, writer = await served.plain()
        await asyncio.sleep(0.1)
        for _ in range(3):
            with contextlib.suppress(ssl.SSLWantReadError):
                client.do_handshake()
            hello = outgoing.read()
            for piece in (hello[:1], hello[1:3], hello[3:]):
                writer.write(piece)
                await asyncio.sleep(0.02)
            incoming.write(await asyncio.wait_for(reader.read(65536), SOON))
            with contextlib.suppress(ssl.SSLWantReadError):
                client.do_handshake()
                break
        assert client.version() == "TLSv1.3"


@in_a_loop
async def test_a_body_that_is_not_read_does_not_cost_the_answer(leaf: Path) -> None:
    async with secured(leaf) as served:
        announced = b"POST /api/contents HTTP/1.1\r\nHost: gpubox:8800\r\nContent-Length: %d\r\n\r\n"
        for size in (200_000, DRAINED - 200_000):
            assert head(await heard(served, announced % size + bytes(size)))[0] == 400
        # It is discarded for a time, and not for ever.
        reader, writer = await served.plain()
        writer.write(announced % DRAINED)
        begun = time.monotonic()
        await trickle(reader, writer, [b"x"] * 100, 0.01)
        await until(lambda: not served.server._all, 10)
        assert time.monotonic() - begun < 8


# -- limits ----------------------------------------------------------------------------------------------------------------------------


@in_a_loop
async def test_a_plain_connection_has_the_time_and_the_places_of_any_other(leaf: Path) -> None:
    async with secured(leaf) as served:
        begun = time.monotonic()
        assert await trickle(*await served.plain(), letters((GET % b"/").decode() + "X" * 100), 0.03)
        assert time.monotonic() - begun > 0.3
    async with secured(leaf, replace(RULES, deadlines=Deadlines())) as served:
        crowd = [await served.plain() for _ in range(9)]
        for _, writer in crowd[4:]:
            writer.write(b"GET / HTTP/1.1\r\n")
        await ended(crowd[0][0])
        assert await is_open(crowd[1][0], 0.2)
        assert len(served.server._seats) == 8
        await served.ask(source="127.0.2.1")


@in_a_loop
async def test_a_plain_request_costs_the_turns_of_a_handshake_and_a_request(leaf: Path) -> None:
    paces = replace(FREE, guessing=Pace(8, 2), all_guessing=Pace(1000, 1000))
    async with secured(leaf, replace(RULES, paces=paces, deadlines=Deadlines())) as served:
        served.server.heat(ip_address(HOST), 60)
        begun = time.monotonic()
        for _ in range(4):
            assert head(await heard(served, GET % b"/"))[0] == 308
        assert time.monotonic() - begun > 0.6, "eight turns, two of them at once, eight a second"
        # Who carries a key does not wait (test_connections); over plain HTTP no key is looked at.
        served.server.recognises = lambda _: True
        begun = time.monotonic()
        assert head(await heard(served, GET % b"/"))[0] == 308
        assert time.monotonic() - begun > 0.1


@in_a_loop
async def test_large_plain_headers_are_refused(leaf: Path) -> None:
    async with secured(leaf) as served:
        for header in (b"X: y\r\n" * 200, b"X: %s\r\n" % (b"y" * 200_000)):
            data = await heard(served, b"GET / HTTP/1.1\r\nHost: gpubox:8800\r\n" + header + b"\r\n")
            assert not data or head(data)[0] in {400, 431}


# -- where it listens ------------------------------------------------------------------------------------------------------------------


@in_a_loop
async def test_over_ipv6_and_a_unix_socket(leaf: Path, tmp_path: Path) -> None:
    async with secured(leaf) as served:
        listener = socket.create_server(("::1", 0), family=socket.AF_INET6)
        listener.setblocking(False)
        port = listener.getsockname()[1]
        served.server.add_socket(listener)
        reader, writer = served._kept(await asyncio.open_connection("::1", port))
        writer.write(b"GET /a HTTP/1.0\r\n\r\n")
        assert head(await reader.read())[1]["location"] == f"https://[::1]:{port}/a"
        path = str(tmp_path / "socket")
        served.server.add_socket(bind_unix_socket(path))
        reader, writer = await served.local(path)
        writer.write(b"GET /a HTTP/1.0\r\n\r\n")
        status, headers, body = head(await reader.read())
        assert (status, headers.get("location")) == (400, None)
        assert "Put https:// before the address." in body


class Accepted(socket.socket):
    """One that came over a network that this machine is not on."""

    def __init__(self, own: str, client: str) -> None:
        super().__init__(socket.AF_INET6 if ":" in own else socket.AF_INET)
        self._own, self._client = own, client

    def getsockname(self) -> tuple[str, int]:
        return self._own, 8800

    def getpeername(self) -> tuple[str, int]:
        return self._client, 50000


@pytest.mark.parametrize(
    ("own", "client", "told"),
    [
        ("192.168.0.107", "192.168.0.5", "192.168.0.107:8800"),
        ("192.168.0.107", "8.8.8.8", ""),
        ("172.17.0.2", "2001:4860::8", ""),
        ("8.8.4.4", "8.8.8.8", "8.8.4.4:8800"),
        ("8.8.4.4", "192.168.0.5", "8.8.4.4:8800"),
        ("::ffff:192.168.0.107", "::ffff:8.8.8.8", ""),
        ("2001:4860::4", "2001:4860::8", "[2001:4860::4]:8800"),
        ("fe80::1", "fe80::2", ""),
    ],
)
def test_a_private_address_is_not_told_to_the_internet(own: str, client: str, told: str) -> None:
    with Accepted(own, client) as peer:
        assert local_address(peer) == told


@in_a_loop
async def test_a_certificate_that_is_renewed_before_the_first_byte_is_the_one_that_is_served(leaf: Path) -> None:
    async with secured(leaf) as served:
        reader, writer = await served.plain()
        await until(lambda: len(served.server._all) == 1)
        served.server.ssl_options = server_context({"certfile": str(leaf)})
        writer.write(GET % b"/")
        assert head(await reader.read())[0] == 308
        await served.ask()


@in_a_loop
async def test_whoever_has_said_nothing_is_closed_when_the_server_stops(leaf: Path) -> None:
    async with secured(leaf, replace(RULES, deadlines=Deadlines())) as served:
        reader, _ = await served.plain()
        _, left = await served.plain()
        await until(lambda: len(served.server._all) == 2)
        left.close()
        await until(lambda: len(served.server._all) == 1)
        served.server.stop()
        await ended(reader)
        assert not served.server._all


@in_a_loop
async def test_a_server_of_plain_http_redirects_nobody() -> None:
    async with serving() as served:
        served.server.admits_host = admits
        reader, writer = await served.open()
        assert await say(reader, writer, (GET % b"/").decode()) == 200
