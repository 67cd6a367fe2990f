"""Puts the routing of `plan.languageserver` into jupyter_lsp's manager, so that every page of a server has completion."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any, Protocol, cast
from weakref import WeakKeyDictionary

from tornado.websocket import WebSocketClosedError

from jupyter_remote_kit.plan.languageserver import Routed, Router

if TYPE_CHECKING:
    from jupyter_server.serverapp import ServerApp


class Page(Protocol):
    """jupyter_lsp's `LanguageServerWebSocketHandler`."""

    language_server: str

    def write_message(self, message: str) -> object: ...

    def __hash__(self) -> int: ...


class Session(Protocol):
    """jupyter_lsp's `LanguageServerSession`; `process` is `None` while it has no page."""

    process: object | None
    handlers: Collection[Page]

    def write(self, message: str) -> None: ...


class Manager(Protocol):
    """Of jupyter_lsp's `LanguageServerManager` what is used or replaced here."""

    sessions: Mapping[str, Session]

    async def on_client_message(self, message: str, handler: Page) -> None: ...

    async def on_server_message(self, message: str, session: Session) -> None: ...

    def unsubscribe(self, handler: Page) -> None: ...

    async def wait_for_listeners(self, scope: object, message_str: str, language_server: str) -> None: ...


USED = ("sessions", "on_client_message", "on_server_message", "unsubscribe", "wait_for_listeners")


def share(app: ServerApp) -> None:
    """Have the pages of `app` share its language servers. Without jupyter_lsp, or with one of another shape, all stays as it is."""
    manager = getattr(app, "language_server_manager", None)
    if all(hasattr(manager, name) for name in USED):
        page = app.web_app.settings.get("page_config_data", {})
        _Shared(cast("Manager", manager), str(page.get("rootUri", "")), str(page.get("virtualDocumentsUri", ""))).install()


class _Shared:
    """The manager's three methods through which messages and pages come, with a router per process."""

    def __init__(self, manager: Manager, root_uri: str, virtual_root_uri: str) -> None:
        self._manager = manager
        self._roots = root_uri, virtual_root_uri
        self._pass_on, self._unsubscribe = manager.on_client_message, manager.unsubscribe
        # A server that is started again is another process, which knows nothing of what the one before was told.
        self._routers: WeakKeyDictionary[object, Router[Page]] = WeakKeyDictionary()

    def install(self) -> None:
        for name in ("on_client_message", "on_server_message", "unsubscribe"):
            setattr(self._manager, name, getattr(self, name))

    async def on_client_message(self, text: str, handler: Page) -> None:
        """As jupyter_lsp's: to the listeners, then to the server."""
        session = self._manager.sessions.get(handler.language_server)
        router, message = self._router(session), _parsed(text)
        if session is None or router is None or message is None:
            await self._pass_on(text, handler)
            return
        routed = router.from_page(handler, message, session.handlers)
        for row in routed.to_server:
            await self._pass_on(text if row is message else json.dumps(row), handler)
        _send(routed, message, text)

    async def on_server_message(self, text: str, session: Session) -> None:
        """As jupyter_lsp's: to the listeners, then to the pages."""
        from jupyter_lsp.types import MessageScope

        for name, known in self._manager.sessions.items():
            if known is session:
                await self._manager.wait_for_listeners(MessageScope.SERVER, text, name)
        router, message = self._router(session), _parsed(text)
        if router is not None and message is not None:
            _send(router.from_server(message, session.handlers), message, text)
            return
        for handler in session.handlers:
            handler.write_message(text)

    def unsubscribe(self, handler: Page) -> None:
        """As jupyter_lsp's, which ends the server with its last page."""
        session = self._manager.sessions.get(handler.language_server)
        router = self._router(session)
        self._unsubscribe(handler)
        if session is not None and session.process is not None and router is not None:
            for message in router.leave(handler).to_server:
                session.write(json.dumps(message))

    def _router(self, session: Session | None) -> Router[Page] | None:
        if session is None or session.process is None:
            return None
        return self._routers.setdefault(session.process, Router(*self._roots))


def _parsed(text: str) -> dict[str, Any] | None:
    """A message; `None` where it is none, which is passed on as it is."""
    try:
        message = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return message if isinstance(message, dict) else None


def _send(routed: Routed[Page], message: dict[str, Any], text: str) -> None:
    for handler, row in routed.to_pages:
        try:
            handler.write_message(text if row is message else json.dumps(row))
        # It closes at this moment; the others are there.
        except WebSocketClosedError:
            continue
