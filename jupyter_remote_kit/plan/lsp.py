"""A router of Language Server Protocol messages between several pages and one language server.

jupyter_lsp (2.3.1, `manager.py`) starts one process per language server and sends whatever it says to every page. The server refuses a
second `initialize`, so a page that is opened beside another one, or loaded again before its old connection has ended, gets no completion;
and pages use the same request ids, so one may take the answer to another's request.

What they share all the same: a document that is open in two pages has the text of the one that changed it last, and progress and
partial results are sent to every page.

Source: https://microsoft.github.io/language-server-protocol/specifications/lsp/3.17/specification/
"""

from __future__ import annotations

from collections.abc import Collection, Hashable
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

Page = TypeVar("Page", bound=Hashable)
# A JSON-RPC message, parsed.
Message = dict[str, Any]
# The answer to a request of ours, to which nothing in the server corresponds.
_REGISTRATIONS_ID = "remotekit-registrations"


@dataclass(frozen=True)
class Routed(Generic[Page]):
    """What goes to the language server, and what to which page, each in this order."""

    to_server: tuple[Message, ...] = ()
    to_pages: tuple[tuple[Page, Message], ...] = ()


@dataclass(frozen=True)
class _Request(Generic[Page]):
    """A request that the server has not answered; `ident` is the page's own id of it."""

    page: Page
    ident: object
    method: str


@dataclass
class Router(Generic[Page]):
    """The state of one language server process.

    JupyterLab sends `virtual_root_uri`, the folder of the notebooks' virtual documents, as the root where a notebook is opened first, and
    `root_uri` where a file is. One process serves both, so it is always told `root_uri`: modules in the root directory are found from
    either, and those beside a file from the file.
    """

    root_uri: str = ""
    virtual_root_uri: str = ""
    _last_ident: int = 0
    # By the id that the server knows.
    _client_requests: dict[int, _Request[Page]] = field(default_factory=dict)
    # Ids of the server's requests that no page has answered.
    _server_requests: set[object] = field(default_factory=set)
    _initialize_result: object = None
    _initializing: bool = False
    _initialized: bool = False
    # Pages whose `initialize` waits for the first one's answer, each with its id.
    _waiting: list[tuple[Page, object]] = field(default_factory=list)
    # Pages that have sent `initialized`. Before that, a client answers every request with an error.
    _ready: set[Page] = field(default_factory=set)
    # By id: what the server registered by `client/registerCapability`, which a later page has not seen.
    _registrations: dict[str, Message] = field(default_factory=dict)
    # By URI: the pages in which the document is open.
    _documents: dict[str, set[Page]] = field(default_factory=dict)

    # -- from a page -----------------------------------------------------------------------------------------------------------------

    def from_page(self, page: Page, message: Message) -> Routed[Page]:
        """Where `message` of `page` goes."""
        if "method" not in message:
            return self._answer(message)
        if "id" in message:
            return self._request(page, message)
        return self._notification(page, message)

    def _answer(self, message: Message) -> Routed[Page]:
        """The first page that answers a request of the server answers it for all."""
        ident = _hashable(message.get("id"))
        if ident not in self._server_requests:
            return Routed()
        self._server_requests.discard(ident)
        return Routed((message,))

    def _request(self, page: Page, message: Message) -> Routed[Page]:
        method, ident = message["method"], message["id"]
        if method == "initialize":
            if self._initialize_result is not None:
                return Routed(to_pages=((page, _result(ident, self._initialize_result)),))
            if self._initializing:
                self._waiting.append((page, ident))
                return Routed()
            self._initializing = True
            message = self._rooted(message)
        elif method == "shutdown":
            # The server serves other pages; jupyter_lsp ends it with the last connection.
            return Routed(to_pages=((page, _result(ident, None)),))
        self._last_ident += 1
        self._client_requests[self._last_ident] = _Request(page, ident, method)
        return Routed(({**message, "id": self._last_ident},))

    def _rooted(self, message: Message) -> Message:
        params = _params(message)
        if not self.virtual_root_uri or params.get("rootUri") != self.virtual_root_uri:
            return message
        return {**message, "params": {**params, "rootUri": self.root_uri}}

    def _notification(self, page: Page, message: Message) -> Routed[Page]:
        method = message["method"]
        if method == "initialized":
            return self._become_ready(page, message)
        if method == "exit":
            return Routed()
        if method == "$/cancelRequest":
            return self._cancel(page, message)
        if method == "textDocument/didOpen":
            return self._open(page, message)
        if method == "textDocument/didClose":
            return self._close(page, message)
        return Routed((message,))

    def _become_ready(self, page: Page, message: Message) -> Routed[Page]:
        self._ready.add(page)
        if not self._initialized:
            self._initialized = True
            return Routed((message,))
        if not self._registrations:
            return Routed()
        params = {"registrations": list(self._registrations.values())}
        told = {"jsonrpc": "2.0", "id": _REGISTRATIONS_ID, "method": "client/registerCapability", "params": params}
        return Routed(to_pages=((page, told),))

    def _cancel(self, page: Page, message: Message) -> Routed[Page]:
        ident = _params(message).get("id")
        for known, request in self._client_requests.items():
            # Other pages may wait for the answer to `initialize`.
            if (request.page, request.ident) == (page, ident) and request.method != "initialize":
                return Routed(({**message, "params": {"id": known}},))
        return Routed()

    def _open(self, page: Page, message: Message) -> Routed[Page]:
        uri = _uri(message)
        if uri is None:
            return Routed((message,))
        holders = self._documents.setdefault(uri, set())
        # "An open notification must not be sent more than once without a corresponding close notification send before."
        first = (_did_close(uri),) if holders else ()
        holders.add(page)
        return Routed((*first, message))

    def _close(self, page: Page, message: Message) -> Routed[Page]:
        uri = _uri(message)
        if uri is None or uri not in self._documents:
            return Routed((message,))
        return Routed((message,)) if self._forget(page, uri) else Routed()

    def leave(self, page: Page) -> Routed[Page]:
        """The connection of `page` has ended: forget what it waits for, and close the documents that only this page had open."""
        for ident, request in list(self._client_requests.items()):
            # Other pages may wait for the answer to `initialize`.
            if request.page == page and request.method != "initialize":
                del self._client_requests[ident]
        self._waiting = [row for row in self._waiting if row[0] != page]
        self._ready.discard(page)
        return Routed(tuple(_did_close(uri) for uri in list(self._documents) if self._forget(page, uri)))

    def _forget(self, page: Page, uri: str) -> bool:
        """Whether `page` was the last one in which `uri` was open."""
        holders = self._documents[uri]
        if page not in holders:
            return False
        holders.discard(page)
        if holders:
            return False
        del self._documents[uri]
        return True

    # -- from the server -------------------------------------------------------------------------------------------------------------

    def from_server(self, message: Message, pages: Collection[Page]) -> Routed[Page]:
        """To which of `pages`, those that are connected now, `message` of the server goes."""
        if "method" in message:
            if "id" in message:
                self._server_requests.add(_hashable(message["id"]))
                self._note_registrations(message)
            return self._broadcast(message, pages)
        ident = message.get("id")
        if ident is None:
            # An error that names no request.
            return self._broadcast(message, pages)
        # Of a page that has gone, or no request at all: nothing waits for it.
        request = self._client_requests.pop(ident, None) if isinstance(ident, int) else None
        if request is None:
            return Routed()
        answered = [(request.page, request.ident)]
        if request.method == "initialize":
            answered += self._waiting
            self._waiting, self._initializing = [], False
            self._initialize_result = message.get("result")
        return Routed(to_pages=tuple((page, {**message, "id": own}) for page, own in answered if page in pages))

    def _broadcast(self, message: Message, pages: Collection[Page]) -> Routed[Page]:
        """To the pages that are ready; to every one before the first is, since a server may speak during `initialize`."""
        ready = [page for page in pages if page in self._ready]
        return Routed(to_pages=tuple((page, message) for page in ready or pages))

    def _note_registrations(self, message: Message) -> None:
        if message["method"] == "client/registerCapability":
            self._registrations.update({row["id"]: row for row in _rows(message, "registrations")})
        elif message["method"] == "client/unregisterCapability":
            # "This should correctly be named `unregistrations`. However changing this is a breaking change."
            for row in _rows(message, "unregisterations"):
                self._registrations.pop(row["id"], None)


def _result(ident: object, result: object) -> Message:
    return {"jsonrpc": "2.0", "id": ident, "result": result}


def _did_close(uri: str) -> Message:
    return {"jsonrpc": "2.0", "method": "textDocument/didClose", "params": {"textDocument": {"uri": uri}}}


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
    """An id as a key. JSON-RPC allows numbers and strings; anything else is a key by its representation."""
    return ident if isinstance(ident, int | str) else repr(ident)
