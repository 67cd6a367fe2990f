"""The sessions that a TLS client offers to resume, as its first message names them in the clear (RFC 8446, 4.1.2 and 4.2.11)."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

RECORD_HEADER = 5
_HANDSHAKE, _MAJOR = 0x16, 3
_CLIENT_HELLO = 1
_VERSION_AND_RANDOM = 2 + 32
_PRE_SHARED_KEY = 41
_AGE = 4
# With its header as much as is looked at (server/sockets.py). Browsers send one of some 2 KB, the keys of post-quantum groups included.
_LARGEST = 2**14 - RECORD_HEADER
# Browsers send some 20 of them. Each is 1 us: a flood could have 4,000 of them read for each of its connections.
_MOST_EXTENSIONS = 64
# OpenSSL offers two, browsers one.
_OFFERS = 4


class _Reader:
    """Reads vectors with a length in front; raises `ValueError` where there is less."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def __bool__(self) -> bool:
        return self._at < len(self._data)

    def take(self, count: int) -> bytes:
        if self._at + count > len(self._data):
            raise ValueError(count)
        self._at += count
        return self._data[self._at - count : self._at]

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size), "big")

    def vector(self, size: int) -> bytes:
        return self.take(self.number(size))


def offered(data: bytes) -> tuple[bytes, ...] | None:
    """The ids of the sessions that are offered; `None` while more bytes have to come. What is no ClientHello offers none.

    In TLS 1.2 it is the session id; in 1.3 the identities of the pre-shared keys, of which a stateful ticket is one.
    """
    if len(data) < RECORD_HEADER:
        return None
    length = int.from_bytes(data[3:RECORD_HEADER], "big")
    if data[0] != _HANDSHAKE or data[1] != _MAJOR or length > _LARGEST:
        return ()
    if len(data) < RECORD_HEADER + length:
        return None
    try:
        return tuple(islice(_sessions(_Reader(data[RECORD_HEADER : RECORD_HEADER + length])), _OFFERS))
    except ValueError:
        return ()


def _sessions(record: _Reader) -> Iterator[bytes]:
    if record.number(1) != _CLIENT_HELLO:
        return
    hello = _Reader(record.vector(3))
    hello.take(_VERSION_AND_RANDOM)
    if session := hello.vector(1):
        yield session
    hello.vector(2)  # cipher suites
    hello.vector(1)  # compression methods
    extensions = _Reader(hello.vector(2))
    for _ in range(_MOST_EXTENSIONS):
        if not extensions:
            return
        kind, content = extensions.number(2), extensions.vector(2)
        if kind == _PRE_SHARED_KEY:
            identities = _Reader(_Reader(content).vector(2))
            while identities:
                yield identities.vector(2)
                identities.take(_AGE)
