"""Log records for journald with their level, place and traceback, where standard error is the journal.

As text on standard error a record is one entry a line, all of one level. In the journal's native protocol it is one entry with fields:
`journalctl -p warning`, `journalctl REMOTEKIT_INSTANCE=name`.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Mapping
from functools import cache

from jupyter_remote_kit.server.journald import SOCKET, WARNING, Journal

STREAM = "JOURNAL_STREAM"
IDENTIFIER = "jupyter-remotekit"
STANDARD_ERROR = 2
# syslog(3), which `PRIORITY` is in terms of.
DEBUG = "7"
PRIORITIES = ((logging.CRITICAL, "2"), (logging.ERROR, "3"), (logging.WARNING, WARNING), (logging.INFO, "6"))
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


@cache
def is_diverted() -> bool:
    """Whether this process's standard error is the journal; found out once, before the variable is taken out of the environment."""
    return is_standard_error()


def divert(instance: str, path: str = SOCKET) -> None:
    """Where standard error is the journal, have every handler that writes there write to its socket at `path`; those that come later
    want another call.

    Their levels and filters stay in force, and filters that are added to them from now on are, too.
    """
    if not is_diverted():
        return
    journal = _opened(path)
    loggers = [logging.getLogger(), *(known for known in logging.root.manager.loggerDict.values() if isinstance(known, logging.Logger))]
    for logger in loggers:
        logger.handlers[:] = [_diverted(handler, journal, instance) for handler in logger.handlers]
    if logging.lastResort is not None:
        # What reaches no handler at all, asyncio's among them.
        logging.lastResort = _diverted(logging.lastResort, journal, instance)


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
        """What a stranger chooses is in values alone, and a value ends where its length says (journald.py, `_lines`)."""
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
