"""Puts `plan.lsp`'s router into jupyter_lsp's manager, so that every page of a server has completion."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any, Protocol, cast
from weakref import WeakKeyDictionary, WeakSet

from tornado.websocket import WebSocketClosedError

from jupyter_remote_kit.plan.lsp import Router
from jupyter_remote_kit.server import jediserver

if TYPE_CHECKING:
    from jupyter_server.serverapp import ServerApp


class Page(Protocol):
    """jupyter_lsp's `LanguageServerWebSocketHandler`."""

    language_server: str

    def write_message(self, message: str) -> object: ...

    def close(self) -> None: ...

    def __hash__(self) -> int: ...


class Process(Protocol):
    """The language server's `Popen`."""

    def poll(self) -> int | None: ...


class Session(Protocol):
    """jupyter_lsp's `LanguageServerSession`; `process` is `None` while it has no page."""

    spec: dict[str, Any]
    process: Process | None
    handlers: Collection[Page]

    def initialize(self) -> None: ...

    def write(self, message: str) -> None: ...


class Manager(Protocol):
    """The part of jupyter_lsp's `LanguageServerManager` that is used or replaced here."""

    sessions: Mapping[str, Session]

    async def on_client_message(self, message: str, handler: Page) -> None: ...

    async def on_server_message(self, message: str, session: Session) -> None: ...

    def subscribe(self, handler: Page) -> None: ...

    def unsubscribe(self, handler: Page) -> None: ...

    async def wait_for_listeners(self, scope: object, message_str: str, language_server: str) -> None: ...


# A page that is loaded again is soon there, and finds its server warm.
GRACE_S = 30.0
USED = ("sessions", "on_client_message", "on_server_message", "subscribe", "unsubscribe", "wait_for_listeners")


def share(app: ServerApp) -> None:
    """Have the pages of `app` share its language servers. Without jupyter_lsp, or with one of another shape, nothing changes."""
    manager = getattr(app, "language_server_manager", None)
    if manager is None:
        return
    if not all(hasattr(manager, name) for name in USED):
        app.log.warning("jupyter_lsp has changed: one page at a time has completion from language servers")
        return
    configuration = app.web_app.settings.get("page_config_data", {})
    roots = str(configuration.get("rootUri", "")), str(configuration.get("virtualDocumentsUri", ""))
    _Shared(cast("Manager", manager), *roots).install()


class _Shared:
    """The manager's methods through which messages and pages come, with a router per process."""

    def __init__(self, manager: Manager, root_uri: str, virtual_root_uri: str) -> None:
        self._manager = manager
        self._roots = root_uri, virtual_root_uri
        self._pass_on, self._subscribe, self._unsubscribe = manager.on_client_message, manager.subscribe, manager.unsubscribe
        # A server that is started again is another process, which knows nothing of what the one before was told.
        self._routers: WeakKeyDictionary[Process, Router[Page]] = WeakKeyDictionary()
        # Closed, and still subscribed for their `GRACE_S`.
        self._closed: WeakSet[Page] = WeakSet()

    def install(self) -> None:
        for name in ("on_client_message", "on_server_message", "subscribe", "unsubscribe"):
            setattr(self._manager, name, getattr(self, name))

    async def on_client_message(self, text: str, handler: Page) -> None:
        """As jupyter_lsp's: to the listeners, then to the server."""
        from jupyter_lsp.types import MessageScope

        session, message = self._manager.sessions.get(handler.language_server), _parsed(text)
        if session is None or message is None:
            await self._pass_on(text, handler)
            return
        await self._manager.wait_for_listeners(MessageScope.CLIENT, text, handler.language_server)
        # No await from here on: what is routed first is sent first. And the page may have gone meanwhile.
        if handler not in self._connected(session):
            return
        if message.get("method") == "initialize":
            self._restart_if_ended(session, handler)
        router = self._router(session)
        if router is None:
            return
        routed = router.from_page(handler, message)
        for row in routed.to_server:
            session.write(text if row is message else _dumped(row))
        for page, row in routed.to_pages:
            _send(page, _dumped(row))

    async def on_server_message(self, text: str, session: Session) -> None:
        """As jupyter_lsp's: to the listeners, then to the pages."""
        from jupyter_lsp.types import MessageScope

        for name, known in self._manager.sessions.items():
            if known is session:
                await self._manager.wait_for_listeners(MessageScope.SERVER, text, name)
        router, message = self._router(session), _parsed(text)
        if router is None or message is None:
            return
        for page, row in router.from_server(message, self._connected(session)).to_pages:
            _send(page, text if row is message else _dumped(row))

    def subscribe(self, handler: Page) -> None:
        """As jupyter_lsp's, which starts the server for its first page."""
        session = self._manager.sessions.get(handler.language_server)
        # Only the first page changes it: it is held to a schema each time that it is set.
        if session is not None and (argv := jediserver.guarded(session.spec["argv"])) != session.spec["argv"]:
            session.spec = {**session.spec, "argv": argv}
        self._subscribe(handler)

    def unsubscribe(self, handler: Page) -> None:
        """As jupyter_lsp's, `GRACE_S` later: it ends the server with its last page."""
        session = self._manager.sessions.get(handler.language_server)
        router = self._router(session)
        if session is None or router is None:
            self._unsubscribe(handler)
            return
        self._closed.add(handler)
        for message in router.leave(handler).to_server:
            session.write(_dumped(message))
        asyncio.get_running_loop().call_later(GRACE_S, self._unsubscribe, handler)

    def _connected(self, session: Session) -> list[Page]:
        return [page for page in session.handlers if page not in self._closed]

    def _restart_if_ended(self, session: Session, page: Page) -> None:
        """Start a server that has ended (killed, out of memory) for `page`, and disconnect the pages that still wait for the old one."""
        if session.process is None or session.process.poll() is None:
            return
        session.initialize()
        for other in self._connected(session):
            if other is not page:
                other.close()

    def _router(self, session: Session | None) -> Router[Page] | None:
        if session is None or session.process is None:
            return None
        return self._routers.setdefault(session.process, Router(*self._roots))


def _parsed(text: str) -> dict[str, Any] | None:
    """A JSON-RPC message, or `None` where `text` is something else."""
    try:
        message = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return message if isinstance(message, dict) else None


def _dumped(message: dict[str, Any]) -> str:
    """As short as it came: not escaped, unless half a surrogate pair makes it unencodable."""
    text = json.dumps(message, ensure_ascii=False, separators=(",", ":"))
    try:
        text.encode()
    except UnicodeEncodeError:
        return json.dumps(message, separators=(",", ":"))
    return text


def _send(page: Page, text: str) -> None:
    try:
        page.write_message(text)
    except WebSocketClosedError:
        # It is about to unsubscribe. The other pages still get the message.
        return
