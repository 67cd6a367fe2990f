"""Keeps strangers from filling the disk with log lines, and leaves every line of those signed in.

A flood makes lines in three ways: the access log, what a handler logs while it answers a stranger ("Clearing invalid/expired login
cookie"), and what tornado and asyncio log below any handler ("Malformed HTTP message", "SSL Error"). Each has an allowance in characters,
since a stranger also chooses how long a URI is; and all of them share one. What an allowance does not cover is counted, and told when it
covers lines again. Everything else is untouched: lines of requests that are signed in and of what they began (kernels, terminals), of the
server itself, and whatever was asked for with `--debug`.

| allowance | at once | then | in lines of some 200 characters |
|---|---|---|---|
| one source in the access log | 16,000 | 100 a second | 80, then one in 2 s |
| one place in the code that logs | 64,000 | 200 a second | 320, then one a second |
| all of these together | 320,000 | 1,000 a second | 1,600, then 5 a second |

So a flood of 60 s leaves 380 kB, and one that lasts all day 87 MB.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from contextvars import ContextVar
from enum import Enum
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING

import tornado
from tornado.log import access_log

from jupyter_remote_kit.server.visits import visit_of

if TYPE_CHECKING:
    from tornado.web import RequestHandler

    from jupyter_remote_kit.server.visits import Visit

# Characters at once, and characters a second.
OF_A_SOURCE = (16_000, 100)
OF_A_PLACE = (64_000, 200)
OF_ALL = (320_000, 1_000)
# How many sources, and how many places, are remembered.
MOST = 2048
# A limited line is cut here, its traceback there: a header may be 64 KiB.
LONGEST_LINE = 1_000
LONGEST_TRACEBACK = 8_000
# What a formatter puts before a line: level, time, name.
PREFIX = 50
SUMMARY = 80
# They log below the handlers, where nobody knows yet who it is.
BELOW_HANDLERS = ("tornado", "asyncio")
TORNADO = str(Path(tornado.__file__).parent)
_DECIDED = "remotekit_kept"


class Cause(Enum):
    """On whose behalf the code runs that logs."""

    TRUSTED = "somebody signed in, or the server itself"
    STRANGER = "somebody who is not"


_cause: ContextVar[Cause | None] = ContextVar("remotekit_cause", default=None)
# The allowance that an access line is charged to; the line is written while it is set.
_charged: ContextVar[_Allowance | None] = ContextVar("remotekit_charged", default=None)


def caused_by(visit: Visit) -> None:
    """Put down what is logged from here on to `visit`, in this context and all that it starts. Called at header time."""
    _cause.set(Cause.TRUSTED if visit.signed_in else Cause.STRANGER)


class LogLimit(logging.Filter):
    """A filter for handlers: those of a logger see the records of its children too, its own filters do not."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` tells monotonic seconds."""
        super().__init__()
        self._clock = clock
        # Threads log, too.
        self._lock = threading.Lock()
        self._all = _Allowance(*OF_ALL)
        self._sources = _Allowances(*OF_A_SOURCE)
        self._places = _Allowances(*OF_A_PLACE)

    def install(self, *loggers: logging.Logger) -> None:
        """Put this on all handlers that the records of `loggers` reach, and on the one that stands in where there is none (asyncio)."""
        handlers = [logging.lastResort] if logging.lastResort else []
        for start in loggers:
            logger: logging.Logger | None = start
            while logger is not None:
                handlers += logger.handlers
                logger = logger.parent if logger.propagate else None
        for handler in handlers:
            handler.addFilter(self)

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether `record` is written. Decided once, whatever number of handlers asks."""
        decided: bool | None = record.__dict__.get(_DECIDED)
        if decided is None:
            decided = not _is_limited(record) or self._covers(record)
            setattr(record, _DECIDED, decided)
        return decided

    def covers(self, source: str) -> _Allowance | None:
        """The allowance of `source` for a line of the access log; `None`, and one more left out, where it or that of all is used up."""
        with self._lock:
            now = self._clock()
            allowance = self._sources.of(source)
            return allowance if self._is_open(allowance, now) else None

    def tell(self, log: logging.Logger) -> None:
        """Tell `log` what was left out and not yet told of; for when a flood is over, and nothing similar comes."""
        with self._lock:
            lines = self._sources.tell() + self._places.tell()
        if lines:
            _say(log, logging.WARNING, "%d lines of strangers left out", lines)

    def _covers(self, record: logging.LogRecord) -> bool:
        charged = _charged.get()
        with self._lock:
            now = self._clock()
            # The place, not the text: most lines are put together before they get here, from what strangers sent.
            allowance = charged or self._places.of(f"{record.name} {record.pathname}:{record.lineno}")
            if charged is None and not self._is_open(allowance, now):
                return False
            left_out = allowance.tell()
            cost = PREFIX + _cut(record) + (SUMMARY if left_out else 0)
            allowance.charge(now, cost)
            self._all.charge(now, cost)
        if left_out:
            _say(logging.getLogger(record.name), record.levelno, "%d similar lines left out", left_out)
        return True

    def _is_open(self, allowance: _Allowance, now: float) -> bool:
        if allowance.is_open(now) and self._all.is_open(now):
            return True
        allowance.left_out += 1
        return False


def limited(log_request: Callable[[RequestHandler], None], limit: LogLimit) -> Callable[[RequestHandler], None]:
    """`log_request` for `settings["log_function"]`, with the lines of strangers limited by source.

    A request that is left out is left out of the histogram of durations as well, which `log_request` fills.
    """

    def log(handler: RequestHandler) -> None:
        visit = visit_of(handler.request)
        if visit is not None and visit.signed_in:
            _as(Cause.TRUSTED, None, log_request, handler)
            return
        status = handler.get_status()
        if status < HTTPStatus.MULTIPLE_CHOICES or status == HTTPStatus.NOT_MODIFIED:
            # Not written, but with `--debug`.
            _as(Cause.STRANGER, None, log_request, handler)
            return
        charged = limit.covers(visit.peer.source if visit else str(handler.request.remote_ip))
        if charged is not None:
            # jupyter_server's histogram has a label for the method, whatever it is, and keeps 5 kB for each (measured).
            known = handler.request.method in handler.SUPPORTED_METHODS
            _as(Cause.STRANGER, charged, log_request if known else _log_plainly, handler)

    return log


def _as(cause: Cause, charged: _Allowance | None, log_request: Callable[[RequestHandler], None], handler: RequestHandler) -> None:
    caused, charging = _cause.set(cause), _charged.set(charged)
    try:
        log_request(handler)
    except ValueError:
        # It takes the URI and the referrer apart, and urllib does not read all that a client may send (`//[`).
        _log_plainly(handler)
    finally:
        _charged.reset(charging)
        _cause.reset(caused)


def _log_plainly(handler: RequestHandler) -> None:
    request = handler.request
    access_log.warning("%d %.40r %.256r (%s)", handler.get_status(), request.method, request.path, request.remote_ip)


def _say(logger: logging.Logger, level: int, sentence: str, count: int) -> None:
    caused, charging = _cause.set(Cause.TRUSTED), _charged.set(None)
    try:
        logger.log(level, sentence, count)
    finally:
        _charged.reset(charging)
        _cause.reset(caused)


def _is_limited(record: logging.LogRecord) -> bool:
    if record.levelno <= logging.DEBUG:
        return False
    cause = _cause.get()
    if cause is None:
        # By the file as well: jupyter_server gives tornado's loggers its own name (serverapp.py, `init_logging`).
        return record.name.partition(".")[0] in BELOW_HANDLERS or record.pathname.startswith(TORNADO)
    return cause is Cause.STRANGER


def _cut(record: logging.LogRecord) -> int:
    """Cut the text of `record`, and its traceback, where they are too long; how long they are then."""
    try:
        text = record.getMessage()
    except (TypeError, ValueError, KeyError):
        # The format and its values do not fit; `logging` says so when the record is written.
        return LONGEST_LINE
    if len(text) > LONGEST_LINE:
        text = text[:LONGEST_LINE] + "…"
        record.msg, record.args = text, ()
    if not record.exc_info:
        return len(text)
    if not record.exc_text:
        # Where every formatter looks first.
        record.exc_text = logging.Formatter().formatException(record.exc_info)
    if len(record.exc_text) > LONGEST_TRACEBACK:
        record.exc_text = "…" + record.exc_text[-LONGEST_TRACEBACK:]
    return len(text) + len(record.exc_text)


class _Allowance:
    """So many characters at once, and so many a second after that; open while any is left, so that the last line may overdraw it."""

    __slots__ = ("_at", "_left", "_most", "_rate", "left_out")

    def __init__(self, most: float, rate: float) -> None:
        self._most = self._left = float(most)
        self._rate = rate
        self._at = 0.0
        self.left_out = 0

    def is_open(self, now: float) -> bool:
        return self._left + (now - self._at) * self._rate > 0

    def charge(self, now: float, characters: int) -> None:
        self._left = min(self._most, self._left + (now - self._at) * self._rate) - characters
        self._at = now

    def tell(self) -> int:
        """How many lines it did not cover since this was asked last."""
        left_out, self.left_out = self.left_out, 0
        return left_out


class _Allowances:
    """Allowances by name, `MOST` of them: the one that was asked for longest ago makes room."""

    def __init__(self, most: float, rate: float) -> None:
        self._each = (most, rate)
        self._named: dict[str, _Allowance] = {}
        # Of those that made room.
        self._left_out = 0

    def of(self, name: str) -> _Allowance:
        allowance = self._named.pop(name, None)
        if allowance is None:
            while len(self._named) >= MOST:
                self._left_out += self._named.pop(next(iter(self._named))).left_out
            allowance = _Allowance(*self._each)
        self._named[name] = allowance
        return allowance

    def tell(self) -> int:
        left_out, self._left_out = self._left_out, 0
        return left_out + sum(allowance.tell() for allowance in self._named.values())

    def __len__(self) -> int:
        return len(self._named)
