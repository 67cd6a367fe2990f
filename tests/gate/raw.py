"""Requests as bytes, where a client library would put them right."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse

from tests.server.conftest import Server

WEBSOCKET = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}
# What a browser's address bar asks for.
NAVIGATION = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
SWITCHING = 101
TIMEOUT_S = 20.0
SILENCE_S = 0.5
STATUS = re.compile(rb"^HTTP/1\.1 ([0-9]{3}) [^\r\n]*\r$", re.MULTILINE)


@dataclass(frozen=True)
class Answer:
    """`status` is 0 where the connection was closed without an answer. Header names are in lower case."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""

    def header(self, name: str) -> str | None:
        """The first value of a header."""
        return next((value for found, value in self.headers if found == name.lower()), None)


@dataclass(frozen=True)
class Heard:
    """All that came back until the connection was closed; `closed` is false where the server never did."""

    data: bytes
    closed: bool

    @property
    def statuses(self) -> list[int]:
        """Of all final answers, in order."""
        return [int(match[1]) for match in STATUS.finditer(self.data) if match[1] != b"100"]

    @property
    def locations(self) -> list[bytes]:
        return re.findall(rb"^Location: ([^\r]*)\r$", self.data, re.MULTILINE)


class Line:
    """A connection that sends a target as it is, and is made again when the server has ended it."""

    def __init__(self, server: Server, source: str = "127.0.0.1") -> None:
        self._port, self._source = port_of(server), source
        self._connection: socket.socket | None = None

    def ask(self, target: str, fields: Iterable[tuple[str, str]] = (), *, method: str = "GET", body: bytes = b"") -> Answer:
        """One request; `fields` are sent in order, one character a byte. No `Host` is added."""
        self._connection = self._connection or connect(self._port, self._source)
        answer = Answer(0)
        with suppress(ConnectionError):
            self._connection.sendall(request(method, target, fields, body))
            answer = read(self._connection, method)
        if answer.status == 0 or answer.header("connection") == "close":
            self.close()
        return answer

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = None


def ask(server: Server, target: str, *fields: tuple[str, str], source: str = "127.0.0.1", method: str = "GET") -> Answer:
    """One request on a connection of its own, as `Line.ask`."""
    with connect(port_of(server), source) as connection:
        connection.sendall(request(method, target, fields))
        return read(connection, method)


def request(method: str, target: str, fields: Iterable[tuple[str, str]], body: bytes = b"") -> bytes:
    length = [f"Content-Length: {len(body)}"] if body else []
    lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in fields), *length, "", ""]
    return "\r\n".join(lines).encode("latin-1") + body


def read(connection: socket.socket, method: str = "GET") -> Answer:
    """The next answer on `connection`."""
    response = HTTPResponse(connection, method=method)
    try:
        response.begin()
        headers = tuple((name.lower(), value) for name, value in response.getheaders())
        return Answer(response.status, headers, response.read())
    except (ConnectionError, HTTPException):
        return Answer(0)
    finally:
        response.close()


def send(port: int, data: bytes, source: str = "127.0.0.1", timeout: float = TIMEOUT_S) -> Heard:
    """Send, listen until it is silent, say that no more will come, and listen to the end."""
    with connect(port, source) as connection:
        # Whoever refuses early does not read the rest.
        with suppress(ConnectionError):
            connection.sendall(data)
        connection.settimeout(SILENCE_S)
        received, closed = _listen(connection)
        if not closed:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_WR)
            connection.settimeout(timeout)
            more, closed = _listen(connection)
            received += more
    return Heard(received, closed)


def connect(port: int, source: str) -> socket.socket:
    """To loopback of the same family as `source`."""
    there = "::1" if ":" in source else "127.0.0.1"
    return socket.create_connection((there, port), TIMEOUT_S, (source, 0))


def port_of(server: Server) -> int:
    return int(server.url.rpartition(":")[2])


def _listen(connection: socket.socket) -> tuple[bytes, bool]:
    data = b""
    try:
        while received := connection.recv(1 << 16):
            data += received
    except TimeoutError:
        return data, False
    except ConnectionError:
        pass
    return data, True
