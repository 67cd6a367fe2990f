"""Accepted sockets that no stream reads: one whose first bytes are awaited, and one whose remaining input is discarded."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable
from contextlib import suppress

from tornado.ioloop import IOLoop

# Enough for the longest registered method and the space after it (https://www.iana.org/assignments/http-methods).
PEEKED = 24
# A method in capitals and a space, or as much of it as has arrived. A TLS record begins with 0x16 (RFC 8446, 5.1), SSH's banner with
# `SSH-2.`; a line of the PROXY protocol looks like a request, but what follows it is TLS.
_REQUEST = re.compile(rb"(?!PROXY )[A-Z][A-Z-]*(?: |\Z)")
# Of a connection whose turn has not come: a header as strangers may send it, a ClientHello in one record.
MOST_PEEKED = 16 * 1024
# A header of that size comes in twelve segments of Ethernet, if each is waited for; a client that sends byte by byte is looked at no more.
MOST_LOOKS = 16
# So much of a body is discarded after an answer that came before it.
DRAINED = 1024 * 1024
CHUNK = 64 * 1024


class Watched:
    """A socket that the event loop watches: `readable` is called with it. Closing it twice does no harm."""

    def __init__(self, peer: socket.socket, readable: Callable[[socket.socket], None]) -> None:
        self._peer: socket.socket | None = peer
        self._loop = IOLoop.current()
        self._loop.add_handler(peer, lambda peer, _events: readable(peer), IOLoop.READ)

    def closed(self) -> bool:
        """Whether the socket is closed, or was handed on."""
        return self._peer is None

    def reading(self) -> bool:
        """As tornado's streams: whether more is expected from the peer."""
        return True

    def writing(self) -> bool:
        """As tornado's streams: whether something has yet to be sent."""
        return False

    def close(self) -> None:
        """Close the socket."""
        if self._peer is not None:
            self._release().close()

    def _release(self) -> socket.socket:
        peer = self._peer
        assert peer is not None  # noqa: S101  # every caller has looked
        self._loop.remove_handler(peer)
        self._peer = None
        return peer


class FirstBytes(Watched):
    """Waits for the first bytes of a connection, and leaves them unread.

    Calls `arrived` with the socket and whether it begins as an HTTP request does, or `gone` where the peer has closed the connection.
    """

    def __init__(self, peer: socket.socket, arrived: Callable[[socket.socket, bool], None], gone: Callable[[], None]) -> None:
        super().__init__(peer, self._peek)
        self._arrived, self._gone = arrived, gone

    def _peek(self, peer: socket.socket) -> None:
        try:
            first = peer.recv(PEEKED, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except BlockingIOError:
            return
        except OSError:
            first = b""
        if first:
            self._arrived(self._release(), begins_as_http(first))
        else:
            self._gone()


class Peeking(Watched):
    """Shows what a connection has sent so far, and leaves it unread.

    `look` is called with that whenever there is more of it, until it says that nothing more is needed; `gone` where the peer has closed
    the connection. The socket belongs to the caller still, who ends this by `release`.
    """

    def __init__(self, peer: socket.socket, look: Callable[[bytes], bool], gone: Callable[[], None]) -> None:
        self._look, self._gone = look, gone
        self._seen = 0
        self._looks = 0
        super().__init__(peer, self._peek)

    def release(self) -> None:
        """Watch no longer."""
        if not self.closed():
            peer = self._release()
            if self._seen:
                _wait_for(peer, 1)

    def _peek(self, peer: socket.socket) -> None:
        seen = peek(peer)
        if seen is None:
            return
        # Once it has said that it will send no more, it is readable for ever.
        if len(seen) <= self._seen:
            self.release()
            self._gone()
            return
        self._looks += 1
        if self._look(seen) or self._looks == MOST_LOOKS:
            self.release()
            return
        self._seen = len(seen)
        # What is left unread keeps the socket readable: from here on it counts as such when there is more.
        _wait_for(peer, self._seen + 1)


def peek(peer: socket.socket) -> bytes | None:
    """What has arrived and was not read, up to `MOST_PEEKED` bytes; `None` for nothing yet, and nothing where nothing more will come."""
    try:
        return peer.recv(MOST_PEEKED, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    except BlockingIOError:
        return None
    except OSError:
        return b""


def _wait_for(peer: socket.socket, count: int) -> None:
    with suppress(OSError):
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, count)


class Draining(Watched):
    """Discards what the peer still sends, up to `DRAINED` bytes, and closes at the end of it.

    Closing a socket with unread input sends a reset, which can take the answer away from the peer before it is read (RFC 9112, 9.6).
    """

    def __init__(self, peer: socket.socket, gone: Callable[[], None]) -> None:
        self._left = DRAINED
        self._gone = gone
        with suppress(OSError):
            peer.shutdown(socket.SHUT_WR)
        super().__init__(peer, self._discard)

    def _discard(self, peer: socket.socket) -> None:
        try:
            count = len(peer.recv(CHUNK, socket.MSG_DONTWAIT))
        except BlockingIOError:
            return
        except OSError:
            count = 0
        self._left -= count
        if not count or self._left <= 0:
            self._gone()


def begins_as_http(first: bytes) -> bool:
    """Whether the first bytes of a connection are those of an HTTP request."""
    return _REQUEST.match(first) is not None
