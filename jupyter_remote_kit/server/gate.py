"""The gate in front of every route of a managed server: closed until everything that protects it is set up, a checkpoint from then on."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Protocol

from tornado.routing import Matcher, Router, Rule

from jupyter_remote_kit.server import refusals
from jupyter_remote_kit.server.refusals import Refusal
from jupyter_remote_kit.server.responses import RefusalHandler

if TYPE_CHECKING:
    from tornado.httputil import HTTPMessageDelegate, HTTPServerRequest
    from tornado.web import Application, RequestHandler


log = logging.getLogger("tornado.application")


class Inspects(Protocol):
    """Looks at a request whose headers have arrived."""

    def inspect(self, request: HTTPServerRequest) -> Refusal | type[RequestHandler] | None:
        """Why it is refused, or who else answers it; `None` lets it through to the routes."""


class Gate(Matcher):
    """Matches what is not to reach a route, and sees to its answer.

    As the first rule of the router it decides when the headers have arrived and before a body is read: before any handler, static files
    and websockets included. `settings["identity_provider"]` alone would leave the public handlers of other extensions answering.
    """

    def __init__(self) -> None:
        self._checkpoint: Inspects | None = None
        self._application: Application | None = None

    @property
    def is_open(self) -> bool:
        """Whether requests are let through at all."""
        return self._checkpoint is not None

    def open(self, checkpoint: Inspects) -> None:
        """Let through what `checkpoint` does not refuse."""
        self._checkpoint = checkpoint

    def match(self, request: HTTPServerRequest) -> dict[str, Any] | None:
        """The parameters of `_Desk` (so: a match) for what is answered here, else `None`."""
        outcome = self._inspected(request)
        return None if outcome is None else {"outcome": outcome}

    def _inspected(self, request: HTTPServerRequest) -> Refusal | type[RequestHandler] | None:
        if self._checkpoint is None:
            return refusals.closed()
        try:
            return self._checkpoint.inspect(request)
        # A defect of ours. tornado would hang up without a word; whatever it is, nothing gets past.
        except Exception:
            log.exception("The gate could not judge a request")
            return refusals.failed()

    def install(self, web_app: Application) -> None:
        """Become the first rule of `web_app`; a second call changes nothing."""
        router = web_app.default_router
        if not router.rules or router.rules[0].matcher is not self:
            router.rules.insert(0, Rule(self, _Desk(web_app)))


class _Desk(Router):
    """Where matched requests are answered. As a router it takes the outcome that `Gate.match` hands on, whatever kind it is."""

    def __init__(self, web_app: Application) -> None:
        self._web_app = web_app

    def find_handler(self, request: HTTPServerRequest, **kwargs: Any) -> HTTPMessageDelegate:
        """The delegate that answers; tornado calls this for a rule whose target is a router."""
        outcome: Refusal | type[RequestHandler] = kwargs["outcome"]
        if isinstance(outcome, Refusal):
            return self._web_app.get_handler_delegate(request, RefusalHandler, target_kwargs={"refusal": outcome})
        return self._web_app.get_handler_delegate(request, outcome)
