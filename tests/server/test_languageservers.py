"""Two pages at the language server that the kit brings, through the websockets of a real server: each completes as if it were alone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
import websocket

from tests.server.conftest import TOKEN, Machine, Server

WITH_TOKEN = {"Authorization": f"token {TOKEN}"}
NAME = "jedi-language-server"
SECONDS = 60


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, hashed_password: str) -> Iterator[Server]:
    machine = Machine(tmp_path_factory.mktemp("languageservers") / "home", hashed_password)
    started = machine.start(machine.settings())
    started.ready()
    yield started
    started.stop()


def connect(server: Server) -> websocket.WebSocket:
    """The websocket of a page."""
    url = server.url.replace("http", "ws", 1) + f"/lsp/ws/{NAME}"
    return websocket.create_connection(url, header=WITH_TOKEN, timeout=SECONDS)


class Page:
    """What JupyterLab's page does, with the ids that every page begins with."""

    def __init__(self, server: Server) -> None:
        self._socket = connect(server)
        self._ident = -1
        self.capabilities = self.ask("initialize", processId=None, rootUri=None, capabilities={})["capabilities"]
        self.tell("initialized")

    def tell(self, method: str, **params: Any) -> None:
        self._socket.send(json.dumps({"jsonrpc": "2.0", "method": method, "params": params}))

    def request(self, method: str, **params: Any) -> int:
        self._ident += 1
        self._socket.send(json.dumps({"jsonrpc": "2.0", "id": self._ident, "method": method, "params": params}))
        return self._ident

    def answer(self, ident: int) -> Any:
        """The first answer that has this id; what the server says or asks meanwhile is passed over."""
        while True:
            message = json.loads(self._socket.recv())
            if "method" not in message and message["id"] == ident:
                return message["result"]

    def ask(self, method: str, **params: Any) -> Any:
        return self.answer(self.request(method, **params))

    def open(self, uri: str, text: str) -> None:
        self.tell("textDocument/didOpen", textDocument={"uri": uri, "languageId": "python", "version": 0, "text": text})

    def complete(self, uri: str, text: str) -> int:
        return self.request("textDocument/completion", textDocument={"uri": uri}, position={"line": 0, "character": len(text)})

    def labels(self, ident: int) -> set[str]:
        found = self.answer(ident)
        return {item["label"] for item in (found["items"] if isinstance(found, dict) else found or [])}

    def close(self) -> None:
        self._socket.close()


def test_pages_beside_each_other_after_each_other_and_again(server: Server) -> None:
    with closing(Page(server)) as first, closing(Page(server)) as second:
        assert first.capabilities == second.capabilities
        assert first.capabilities["completionProvider"]
        mine, yours = "alpha_one = 1; alpha", "beta_one = 1; beta"
        first.open("file:///mine.py", mine)
        second.open("file:///yours.py", yours)
        # Asked at once, under the same id.
        asked = first.complete("file:///mine.py", mine), second.complete("file:///yours.py", yours)
        assert asked[0] == asked[1]
        assert "alpha_one" in first.labels(asked[0])
        assert "beta_one" in second.labels(asked[1])
        # One in which the same document is open, with other text.
        second.open("file:///mine.py", "gamma_one = 1; gamma")
        assert "gamma_one" in second.labels(second.complete("file:///mine.py", "gamma_one = 1; gamma"))
        first.close()
        assert "beta_one" in second.labels(second.complete("file:///yours.py", yours))
        with closing(Page(server)) as third:
            third.open("file:///mine.py", mine)
            assert "alpha_one" in third.labels(third.complete("file:///mine.py", mine))
    # With the last page jupyter_lsp ends the process; the next one starts another.
    with closing(Page(server)) as again:
        again.open("file:///mine.py", mine)
        assert "alpha_one" in again.labels(again.complete("file:///mine.py", mine))
    assert "Traceback" not in server.output


NO_MESSAGES = [
    "",
    "{",
    "[]",
    '"initialize"',
    "[" * 100_000,
    '{"id": [], "method": 3}',
    '{"id": {}, "result": 1}',
    '{"method": "textDocument/didOpen", "params": []}',
]


def test_what_is_no_message_harms_no_other_page(server: Server) -> None:
    with closing(Page(server)) as page:
        for text in NO_MESSAGES:
            with closing(connect(server)) as other:
                other.send(text)
        page.open("file:///mine.py", "alpha_one = 1; alpha")
        assert "alpha_one" in page.labels(page.complete("file:///mine.py", "alpha_one = 1; alpha"))
