"""Log records for journald with their level, place and traceback, where standard error is the journal.

As text on standard error a record is one entry a line, all of one level. In the journal's native protocol
(https://systemd.io/JOURNAL_NATIVE_PROTOCOL/) it is one entry with fields: `journalctl -p warning`, `journalctl REMOTEKIT_INSTANCE=name`.
"""

from __future__ import annotations

import errno
import logging
import os
import re
import select
import socket
import struct
import threading
from collections.abc import Iterator, Mapping

SOCKET = "/run/systemd/journal/socket"
STREAM = "JOURNAL_STREAM"
IDENTIFIER = "jupyter-remotekit"
STANDARD_ERROR = 2
# journald reads hundreds of records in a millisecond. One that does not read at all must not stop the server, as it would by a full pipe.
BUSY_S = 0.1
# Below it no record is shortened further: what is too large then is not the message.
SHORTEST = 256
CUT = "…"
# syslog(3), which `PRIORITY` is in terms of.
WARNING, DEBUG = "4", "7"
PRIORITIES = ((logging.CRITICAL, "2"), (logging.ERROR, "3"), (logging.WARNING, WARNING), (logging.INFO, "6"))
_LENGTH = struct.Struct("<Q")
# All but tab and line feed: with one of them in it `journalctl` shows "[40B blob data]" in the place of the message.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


def is_standard_error(environ: Mapping[str, str] = os.environ, descriptor: int = STANDARD_ERROR) -> bool:
    """Whether `descriptor` is the connection to the journal that systemd has made: systemd.exec(5), `$JOURNAL_STREAM`.

    The variable alone says nothing, since whatever a service starts inherits it.
    """
    try:
        status = os.fstat(descriptor)
    except OSError:
        return False
    return environ.get(STREAM) == f"{status.st_dev}:{status.st_ino}"


def divert(instance: str, path: str = SOCKET) -> None:
    """Where standard error is the journal, have every handler that writes there write to its socket at `path`; those that come later
    want another call.

    Their levels and filters stay in force, and filters that are added to them from now on are, too.
    """
    if not is_standard_error():
        return
    journal = _opened(path)
    loggers = [logging.getLogger(), *(known for known in logging.root.manager.loggerDict.values() if isinstance(known, logging.Logger))]
    for logger in loggers:
        logger.handlers[:] = [_diverted(handler, journal, instance) for handler in logger.handlers]
    if logging.lastResort is not None:
        # What reaches no handler at all, asyncio's among them.
        logging.lastResort = _diverted(logging.lastResort, journal, instance)


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
        return {"MESSAGE": f"{self._left_out} log records left out: the journal took none", "PRIORITY": WARNING, **whose}

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


class JournalHandler(logging.Handler):
    """Stands in for `stderr`, a handler, and leaves a record to it where the journal is gone."""

    def __init__(self, stderr: logging.Handler, journal: Journal, instance: str) -> None:
        super().__init__(stderr.level)
        # The very list: whoever kept hold of the other handler adds filters to that one.
        self.filters = stderr.filters
        self._stderr, self._journal, self._instance = stderr, journal, instance
        # The journal knows time, level and name. The traceback follows the message, as everywhere.
        self.formatter = logging.Formatter("%(message)s")

    def emit(self, record: logging.LogRecord) -> None:
        """One entry; never raises, as `logging` has it."""
        try:
            if not self._journal.send(self._fields(record)):
                self._stderr.emit(record)
        except Exception:
            # A format that its values do not fit; `logging` says so on standard error.
            self.handleError(record)

    def _fields(self, record: logging.LogRecord) -> dict[str, str]:
        """What a stranger chooses is in values alone, and a value ends where its length says (`_lines`)."""
        return {
            "MESSAGE": _CONTROL.sub(_escaped, self.format(record)),
            "PRIORITY": _priority(record.levelno),
            "SYSLOG_IDENTIFIER": IDENTIFIER,
            "LOGGER": record.name,
            "CODE_FILE": record.pathname,
            "CODE_LINE": str(record.lineno),
            "CODE_FUNC": record.funcName or "",
            "REMOTEKIT_INSTANCE": self._instance,
        }


# Of this process: handlers that are diverted later share it.
_journals: dict[str, Journal] = {}


def _opened(path: str) -> Journal:
    return _journals.setdefault(path, Journal(path))


def _diverted(handler: logging.Handler, journal: Journal, instance: str) -> logging.Handler:
    if not isinstance(handler, logging.StreamHandler) or not _is_on_standard_error(handler.stream):
        return handler
    return JournalHandler(handler, journal, instance)


def _is_on_standard_error(stream: object) -> bool:
    try:
        return stream.fileno() == STANDARD_ERROR  # type: ignore[attr-defined, no-any-return]  # where it has none, it is caught
    except (AttributeError, OSError, ValueError):
        return False


def _priority(level: int) -> str:
    return next((priority for least, priority in PRIORITIES if level >= least), DEBUG)


def _escaped(control: re.Match[str]) -> str:
    return f"\\x{ord(control[0]):02x}"


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
