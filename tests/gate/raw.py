"""Requests as bytes, where a client library would put them right."""

from __future__ import annotations

import socket
from contextlib import suppress
from dataclasses import dataclass

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
NO_BODY = frozenset({SWITCHING, 204, 304})
TIMEOUT_S = 20.0


@dataclass(frozen=True)
class Answer:
    """`status` is 0 where the connection was closed without an answer. Header names are in lower case."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""

    def header(self, name: str) -> str | None:
        """The first value of a header."""
        return next((value for found, value in self.headers if found == name.lower()), None)


def ask(server: Server, target: str, *fields: tuple[str, str], source: str = "127.0.0.1", method: str = "GET") -> Answer:
    """One request on a connection of its own; `fields` are sent in order, one character a byte. No `Host` is added."""
    lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in fields)]
    port = int(server.url.rpartition(":")[2])
    family = socket.AF_INET6 if ":" in source else socket.AF_INET
    with socket.socket(family) as connection:
        connection.settimeout(TIMEOUT_S)
        connection.bind((source, 0))
        connection.connect(("::1" if ":" in source else "127.0.0.1", port))
        connection.sendall("\r\n".join([*lines, "", ""]).encode("latin-1"))
        return read(connection)


def read(connection: socket.socket) -> Answer:
    """The next answer on `connection`."""
    data = b""
    with suppress(ConnectionError):
        while b"\r\n\r\n" not in data and (received := connection.recv(1 << 16)):
            data += received
    head, _, body = data.partition(b"\r\n\r\n")
    if not head:
        return Answer(0)
    first, *lines = head.decode("latin-1").split("\r\n")
    fields = [line.partition(":") for line in lines]
    headers = tuple((name.lower(), value.strip()) for name, _, value in fields)
    status = int(first.split(" ")[1])
    length = 0 if status in NO_BODY else int(dict(headers).get("content-length", "0"))
    while len(body) < length and (received := connection.recv(1 << 16)):
        body += received
    return Answer(status, headers, body)
