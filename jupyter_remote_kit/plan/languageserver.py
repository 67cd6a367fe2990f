"""Messages between several pages and one language server, routed so that each page works as if the server were its own.

jupyter_lsp (2.3.1, `manager.py`) starts one process per language server and sends whatever it says to every page. The server refuses a
second `initialize`, so that a second page, or one that is loaded again, gets no completion; and two pages count their requests alike, so
that each may read the answer to the other's.

Source: https://microsoft.github.io/language-server-protocol/specifications/lsp/3.17/specification/
"""

from __future__ import annotations

from collections.abc import Collection, Hashable
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

Page = TypeVar("Page", bound=Hashable)
# A JSON-RPC message, parsed.
Message = dict[str, Any]


@dataclass(frozen=True)
class Routed(Generic[Page]):
    """What goes to the language server, and what to which page, each in this order."""

    to_server: tuple[Message, ...] = ()
    to_pages: tuple[tuple[Page, Message], ...] = ()


@dataclass(frozen=True)
class _Request(Generic[Page]):
    """A page's request that the server has not answered; `ident` is the page's own id of it."""

    page: Page
    ident: object
    method: str


@dataclass
class Router(Generic[Page]):
    """The state of one language server process. `pages`, where a method takes it, are those that are connected now.

    `root_uri` is sent as the root in the place of `virtual_root_uri`, the folder of the notebooks' shadows: JupyterLab sends the latter
    where a notebook is opened first. One process serves notebooks and files, and the modules beside them are below the root alone.
    """

    root_uri: str = ""
    virtual_root_uri: str = ""
    _last_ident: int = 0
    # By the id that the server knows.
    _requests: dict[int, _Request[Page]] = field(default_factory=dict)
    # Requests of the server that no page has answered.
    _asked: set[object] = field(default_factory=set)
    _initialize_result: object = None
    _initializing: bool = False
    _initialized: bool = False
    # Pages whose `initialize` waits for the first one's answer, each with its id.
    _waiting: list[tuple[Page, object]] = field(default_factory=list)
    # By id: what the server registered by `client/registerCapability`, which a later page has not seen.
    _registrations: dict[str, Message] = field(default_factory=dict)
    # By URI: the pages in which the document is open.
    _documents: dict[str, set[Page]] = field(default_factory=dict)

    # -- from a page -----------------------------------------------------------------------------------------------------------------

    def from_page(self, page: Page, message: Message, pages: Collection[Page]) -> Routed[Page]:
        """Where `message` of `page` goes."""
        method, asks = message.get("method"), "id" in message
        if method is None:
            return self._answer(message)
        if asks:
            return self._request(page, message, pages)
        return self._notification(page, message, pages)

    def _answer(self, message: Message) -> Routed[Page]:
        """The first page that answers a request of the server answers it for all."""
        ident = _hashable(message.get("id"))
        if ident not in self._asked:
            return Routed()
        self._asked.discard(ident)
        return Routed((message,))

    def _request(self, page: Page, message: Message, pages: Collection[Page]) -> Routed[Page]:
        method, ident = message["method"], message["id"]
        if method == "initialize":
            if self._initialize_result is not None:
                return Routed(to_pages=((page, _result(ident, self._initialize_result)),))
            if self._initializing:
                self._waiting.append((page, ident))
                return Routed()
            self._initializing = True
            message = self._rooted(message)
        elif method == "shutdown" and _others(page, pages):
            return Routed(to_pages=((page, _result(ident, None)),))
        self._last_ident += 1
        self._requests[self._last_ident] = _Request(page, ident, method)
        return Routed(({**message, "id": self._last_ident},))

    def _rooted(self, message: Message) -> Message:
        params = _params(message)
        if not self.virtual_root_uri or params.get("rootUri") != self.virtual_root_uri:
            return message
        return {**message, "params": {**params, "rootUri": self.root_uri}}

    def _notification(self, page: Page, message: Message, pages: Collection[Page]) -> Routed[Page]:
        method = message["method"]
        if method == "initialized":
            return self._initialized_by(page, message)
        if method == "exit" and _others(page, pages):
            return Routed()
        if method == "$/cancelRequest":
            return self._cancel(page, message)
        if method == "textDocument/didOpen":
            return self._open(page, message)
        if method == "textDocument/didClose":
            return self._close(page, message)
        return Routed((message,))

    def _initialized_by(self, page: Page, message: Message) -> Routed[Page]:
        if not self._initialized:
            self._initialized = True
            return Routed((message,))
        if not self._registrations:
            return Routed()
        # Its answer is to nothing that the server has asked, and goes nowhere.
        ident = "remotekit-registrations"
        params = {"registrations": list(self._registrations.values())}
        return Routed(to_pages=((page, {"jsonrpc": "2.0", "id": ident, "method": "client/registerCapability", "params": params}),))

    def _cancel(self, page: Page, message: Message) -> Routed[Page]:
        ident = _params(message).get("id")
        for known, request in self._requests.items():
            # `initialize` may have others that wait for it.
            if (request.page, request.ident) == (page, ident) and request.method != "initialize":
                return Routed(({**message, "params": {"id": known}},))
        return Routed()

    def _open(self, page: Page, message: Message) -> Routed[Page]:
        uri = _uri(message)
        if uri is None:
            return Routed((message,))
        opened = self._documents.setdefault(uri, set())
        # "An open notification must not be sent more than once without a corresponding close notification send before."
        first = (_closed(uri),) if opened else ()
        opened.add(page)
        return Routed((*first, message))

    def _close(self, page: Page, message: Message) -> Routed[Page]:
        opened = self._documents.get(_uri(message) or "")
        if opened is None or page not in opened:
            return Routed((message,))
        return Routed((message,)) if self._forget(page, _uri(message) or "") else Routed()

    def leave(self, page: Page) -> Routed[Page]:
        """What `page`, whose connection has ended, leaves to be said to the server: that what it alone had open is closed."""
        for ident, request in list(self._requests.items()):
            # The others wait for the answer to an `initialize`, too.
            if request.page == page and request.method != "initialize":
                del self._requests[ident]
        self._waiting = [row for row in self._waiting if row[0] != page]
        opened = [uri for uri, holders in self._documents.items() if page in holders]
        return Routed(tuple(_closed(uri) for uri in opened if self._forget(page, uri)))

    def _forget(self, page: Page, uri: str) -> bool:
        """Whether `page` was the last in which `uri` was open."""
        holders = self._documents[uri]
        holders.discard(page)
        if holders:
            return False
        del self._documents[uri]
        return True

    # -- from the server -------------------------------------------------------------------------------------------------------------

    def from_server(self, message: Message, pages: Collection[Page]) -> Routed[Page]:
        """To which pages `message` of the server goes: an answer to the one that asked, everything else to all."""
        if "method" in message:
            if "id" in message:
                self._asked.add(_hashable(message["id"]))
                self._note_registrations(message)
            return _to_all(message, pages)
        request = self._requests.pop(message["id"], None) if isinstance(message.get("id"), int) else None
        if request is None:
            # An answer to a page that has gone; or an error without an id, which is for every one of them.
            return _to_all(message, pages) if message.get("id") is None else Routed()
        answered = [(request.page, request.ident)]
        if request.method == "initialize":
            answered += self._waiting
            self._waiting, self._initializing = [], False
            self._initialize_result = message.get("result")
        return Routed(to_pages=tuple((page, {**message, "id": ident}) for page, ident in answered if page in pages))

    def _note_registrations(self, message: Message) -> None:
        if message["method"] == "client/registerCapability":
            self._registrations.update({row["id"]: row for row in _rows(message, "registrations")})
        elif message["method"] == "client/unregisterCapability":
            # "This should correctly be named `unregistrations`. However changing this is a breaking change."
            for row in _rows(message, "unregisterations"):
                self._registrations.pop(row["id"], None)


def _result(ident: object, result: object) -> Message:
    return {"jsonrpc": "2.0", "id": ident, "result": result}


def _closed(uri: str) -> Message:
    return {"jsonrpc": "2.0", "method": "textDocument/didClose", "params": {"textDocument": {"uri": uri}}}


def _to_all(message: Message, pages: Collection[Page]) -> Routed[Page]:
    return Routed(to_pages=tuple((page, message) for page in pages))


def _others(page: Page, pages: Collection[Page]) -> bool:
    return any(other != page for other in pages)


def _params(message: Message) -> Message:
    params = message.get("params")
    return params if isinstance(params, dict) else {}


def _uri(message: Message) -> str | None:
    document = _params(message).get("textDocument")
    uri = document.get("uri") if isinstance(document, dict) else None
    return uri if isinstance(uri, str) else None


def _rows(message: Message, key: str) -> list[Message]:
    rows = _params(message).get(key)
    return [row for row in rows if isinstance(row, dict) and isinstance(row.get("id"), str)] if isinstance(rows, list) else []


def _hashable(ident: object) -> object:
    """An id as a key; what is neither number nor text, which JSON-RPC does not allow, by its spelling."""
    return ident if isinstance(ident, int | str) else repr(ident)
