"""The audit of a managed server: one JSON object a line, for every sign-in, refusal, ended session, kernel and terminal.

The file is written first, by us, and the event system of jupyter_server is told afterwards. Were the file a handler of that system, anybody
who is signed in could write into it (`POST /api/events` takes every registered schema), and another extension's modifier could change
what it says.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

from jupyter_events.schema_registry import SchemaRegistryException
from tornado.ioloop import PeriodicCallback

from jupyter_remote_kit.errors import RemoteKitError
from jupyter_remote_kit.host.audit import KEPT
from jupyter_remote_kit.host.rotating import RotatingFile
from jupyter_remote_kit.plan import audit as events
from jupyter_remote_kit.plan.audit import Action
from jupyter_remote_kit.server.redaction import redact
from jupyter_remote_kit.server.thinning import INTERVAL_S, Thinning
from jupyter_remote_kit.server.visits import visit_of
from jupyter_remote_kit.server.watching import Watch, current_request

if TYPE_CHECKING:
    from jupyter_events.logger import EventLogger
    from jupyter_server.serverapp import ServerApp
    from tornado.httputil import HTTPServerRequest

    from jupyter_remote_kit.server.session import Session, Why

__all__ = ["Action", "Audit", "current_request"]

SCHEMA = Path(__file__).with_name("audit.yaml")
SCHEMA_ID = "https://events.jupyter.org/jupyter_remote_kit/audit/v1"
MAX_BYTES = 10 * 1000 * 1000
VARIOUS = "various"
_COMPLAIN_S = 60.0
_log = logging.getLogger("ServerApp")


def _no_secrets() -> tuple[str, ...]:
    return ()


class Audit:
    """Records what happens. Nothing that goes wrong here ends a request; what could not be written is counted, and told."""

    def __init__(
        self,
        event_logger: EventLogger | None,
        path: Path | None,
        secrets: Callable[[], tuple[str, ...]] = _no_secrets,
        *,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(timezone.utc),
    ) -> None:
        """Open the file at `path`; `None`: the event system alone is told. `secrets` are those in force, and stand in no line.

        Raises `Refused` where the file is exposed, a link or somebody else's, and `Failed` where it cannot be opened: a managed server
        does not start without its audit.
        """
        self._file = RotatingFile(path, limit=MAX_BYTES, kept=KEPT) if path is not None else None
        self._path = path
        self._events = event_logger
        self._secrets, self._clock, self._now = secrets, clock, now
        self._thinning = Thinning()
        self._lost = 0
        self._complained = -_COMPLAIN_S
        self._watch: Watch | None = None
        self._timer: PeriodicCallback | None = None
        if event_logger is not None:
            # Another server of this process, as tests have it, may have registered it.
            with suppress(SchemaRegistryException):
                event_logger.register_event_schema(SCHEMA)

    def record(self, action: Action, request: HTTPServerRequest | None = None, **details: str) -> None:
        """Record that `action` happened, by whoever sent `request`. `details` are public; of refusals floods are thinned."""
        known = _of_request(request) | details
        repeated = 0
        if action.refused:
            now = self._clock()
            source = _source(request) or known.get("client", "")
            kind = reason if (reason := details.get("reason", "")) in events.HARMLESS else ""
            admitted = self._thinning.admit(action, source, now, kind)
            if admitted is None:
                return
            repeated = admitted
        size = self._write(action, known, repeated)
        if action.refused:
            self._thinning.charge(size)

    def session_ended(self, session: Session, why: Why) -> None:
        """Record that `session` ended, by whoever held it: the request if that did it, else where the session was seen last, and by what.

        The request that happens to run may be another's: a sign-in sweeps what has expired, and makes room in a full table.
        """
        request = current_request.get() if why.by_its_holder else None
        holder = {} if request is not None else {"client": session.address, "user_agent": events.header_text(session.client)}
        self.record(Action.SESSION_ENDED, request, session=session.id, reason=why.value, **holder)

    def watch(self, app: ServerApp) -> None:
        """Record the kernels and terminals of `app` from now on, and every minute what was left out of floods that are over."""
        self._watch = Watch(app, self.record)
        self._timer = PeriodicCallback(self.tell_left_out, INTERVAL_S * 1000)
        self._timer.start()

    def tell_left_out(self, *, final: bool = False) -> None:
        """One line for each flood of refusals that is over, with the number of those not recorded."""
        for action, source, reason, number in self._thinning.due(self._clock(), final=final):
            self._thinning.charge(self._write(action, {"client": source or VARIOUS, "reason": reason}, number))

    def close(self) -> None:
        """Record what ends with this server, and what was left out; nothing is recorded from then on."""
        if self._timer is not None:
            self._timer.stop()
        if self._watch is not None:
            self._watch.close()
        self.tell_left_out(final=True)
        if self._file is not None:
            self._file.close()
            self._file = None

    def _write(self, action: Action, details: Mapping[str, str], repeated: int) -> int:
        """Write a line and tell the event system; returns the line's length."""
        secrets = self._secrets()
        # Before they are cut: half a token is a secret too.
        public = {name: redact(value, secrets) for name, value in details.items()}
        happened = events.event(action, self._now(), public, repeated=repeated)
        if self._lost:
            happened["lost"] = self._lost
        line = events.line(happened)
        try:
            if self._file is not None:
                self._file.write(line)
            self._lost = 0
        except (OSError, RemoteKitError) as error:
            self._lost += 1
            self._complain("jupyter-remote-kit: the audit %s cannot be written: %s", self._path, error)
        self._tell(happened)
        return len(line)

    def _tell(self, happened: dict[str, str | int]) -> None:
        """Tell the event system: its listeners and handlers are other people's, and what they raise is told once in a while."""
        if self._events is None:
            return
        try:
            self._events.emit(schema_id=SCHEMA_ID, data=happened)
        except Exception as error:
            self._complain("jupyter-remote-kit: the event system has refused a line of the audit: %s: %s", type(error).__name__, error)

    def _complain(self, template: str, *values: object) -> None:
        now = self._clock()
        if now - self._complained >= _COMPLAIN_S:
            self._complained = now
            _log.warning(template, *values)


def _source(request: HTTPServerRequest | None) -> str:
    visit = visit_of(request) if request is not None else None
    return visit.peer.source if visit is not None else ""


def _of_request(request: HTTPServerRequest | None) -> dict[str, str]:
    """Who sent it and where to; the query is left out, which is where secrets are."""
    if request is None:
        return {}
    visit = visit_of(request)
    return {
        "client": str(visit.peer) if visit is not None else str(request.remote_ip or ""),
        "user_agent": events.header_text(request.headers.get("User-Agent", "")),
        "route": events.header_text(request.path),
        "session": visit.session.id if visit is not None and visit.session is not None else "",
    }
