"""The gate in front of every route of a managed server: closed until the extension has set up everything that protects it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tornado.routing import Matcher, Rule
from tornado.web import RequestHandler

if TYPE_CHECKING:
    from tornado.httputil import HTTPServerRequest
    from tornado.web import Application

RETRY_SECONDS = 1


class Gate(Matcher):
    """Matches every request while it is closed, and none once it is open.

    As the first rule of the router it decides when the headers have arrived: before any handler, static files and websockets
    included. `settings["identity_provider"]` alone would leave the public handlers of other extensions answering.
    """

    def __init__(self) -> None:
        self.is_open = False

    def open(self) -> None:
        """Let requests through to the other rules."""
        self.is_open = True

    def match(self, request: HTTPServerRequest) -> dict[str, Any] | None:
        """No parameters (so: a match) while closed, else `None`."""
        return None if self.is_open else {}

    def install(self, web_app: Application) -> None:
        """Become the first rule of `web_app`; a second call changes nothing."""
        router = web_app.default_router
        if not router.rules or router.rules[0].matcher is not self:
            router.rules.insert(0, router.process_rule(Rule(self, ClosedHandler)))


class ClosedHandler(RequestHandler):
    """Answers 503 to whatever is asked, and asks to come back."""

    def prepare(self) -> None:
        """Answer before any verb is looked at."""
        self.set_status(503)
        self.set_header("Retry-After", str(RETRY_SECONDS))
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.finish("The server is starting.\n")
