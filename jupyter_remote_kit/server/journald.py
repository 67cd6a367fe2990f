"""journald, at the other end of its socket: entries with fields, in its native protocol.

https://systemd.io/JOURNAL_NATIVE_PROTOCOL/
"""

from __future__ import annotations

import errno
import select
import socket
import struct
import threading
from collections.abc import Iterator, Mapping

from jupyter_remote_kit import words
from jupyter_remote_kit.messages import msg

SOCKET = "/run/systemd/journal/socket"
# syslog(3), which `PRIORITY` is in terms of.
WARNING = "4"
# journald reads hundreds of records in a millisecond. One that does not read at all must not stop the server, as it would by a full pipe.
BUSY_S = 0.1
# Below it no record is shortened further: what is too large then is not the message.
SHORTEST = 256
CUT = "…"
_LENGTH = struct.Struct("<Q")


class Journal:
    """The journal's socket at `path`. One for all handlers, so that what is left out is counted once."""

    def __init__(self, path: str = SOCKET) -> None:
        self._path = path
        self._socket: socket.socket | None = None
        # Of the kind that a signal's handler may take again: jupyter_server logs in one.
        self._lock = threading.RLock()
        self._is_stuck = False
        self._left_out = 0

    def send(self, fields: Mapping[str, str]) -> bool:
        """Write one entry, its `MESSAGE` shortened as far as it has to be; `False` where there is no journal.

        An entry that a journal does not take in `BUSY_S` is left out, and so is what follows, until it takes one at once again.
        """
        with self._lock:
            try:
                if self._left_out:
                    # Before the entry that follows what is missing.
                    self._put(self._gap(fields))
                    self._left_out = 0
                self._put(fields)
                self._is_stuck = False
            except BlockingIOError:
                self._is_stuck = True
                self._left_out += 1
            except OSError:
                self._close()
                return False
            return True

    def close(self) -> None:
        """Let go of the socket; whatever is sent after that opens it again."""
        with self._lock:
            self._close()

    def _gap(self, fields: Mapping[str, str]) -> dict[str, str]:
        """An entry in the place of those that are missing, by whom `fields` are."""
        whose = {name: fields[name] for name in ("SYSLOG_IDENTIFIER", "REMOTEKIT_INSTANCE")}
        left_out = msg("Log records left out: {count}. The journal took none.", count=self._left_out)
        return {"MESSAGE": left_out.render(words.catalogue(words.terminal_locale())), "PRIORITY": WARNING, **whose}

    def _put(self, fields: Mapping[str, str]) -> None:
        message = fields["MESSAGE"]
        shown = message
        while True:
            try:
                self._deliver(b"".join(_lines({**fields, "MESSAGE": shown})))
            except OSError as error:
                # ENOBUFS: the datagram would fit, but not into the memory that sockets may have.
                if error.errno not in {errno.EMSGSIZE, errno.ENOBUFS} or len(shown) <= SHORTEST:
                    raise
                shown = message[: len(shown) // 2] + CUT
            else:
                return

    def _deliver(self, datagram: bytes) -> None:
        try:
            self._connected().send(datagram)
        except BlockingIOError:
            if self._is_stuck or not _has_room(self._connected()):
                raise
            self._connected().send(datagram)
        except (ConnectionError, FileNotFoundError):
            # Another journald than the one this socket is connected to.
            self._close()
            self._connected().send(datagram)

    def _connected(self) -> socket.socket:
        if self._socket is None:
            made = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            made.setblocking(False)
            try:
                # Connected, since only then `poll` tells whether the other end has room.
                made.connect(self._path)
            except OSError:
                made.close()
                raise
            self._socket = made
        return self._socket

    def _close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None


def _lines(fields: Mapping[str, str]) -> Iterator[bytes]:
    """The fields as the protocol has them: a value with a line break in it by its length, in eight bytes, little-endian."""
    for name, text in fields.items():
        value = text.encode("utf-8", "backslashreplace")
        if b"\n" in value:
            yield name.encode() + b"\n" + _LENGTH.pack(len(value)) + value + b"\n"
        else:
            yield name.encode() + b"=" + value + b"\n"


def _has_room(connected: socket.socket) -> bool:
    """Wait a moment until the other end has read something."""
    poll = select.poll()
    poll.register(connected, select.POLLOUT)
    return bool(poll.poll(BUSY_S * 1000))
