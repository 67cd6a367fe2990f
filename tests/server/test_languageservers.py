"""Two pages at the language server that the kit brings, through the websockets of a real server: each completes as if it were alone."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psutil
import pytest
import websocket

from jupyter_remote_kit.server import jediserver, languageservers
from tests.server.conftest import TOKEN, Machine, Server

WITH_TOKEN = {"Authorization": f"token {TOKEN}"}
NAME, STRICT = "jedi-language-server", "strict-language-server"
SECONDS = 60


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("languageservers") / "home"


@pytest.fixture(scope="module")
def server(home: Path, hashed_password: str) -> Iterator[Server]:
    machine = Machine(home, hashed_password)
    strict = {"argv": [sys.executable, str(Path(__file__).with_name("strict_language_server.py"))], "languages": ["strict"], "version": 2}
    machine.configure("jupyter_server_config.json", json.dumps({"LanguageServerManager": {"language_servers": {STRICT: strict}}}))
    started = machine.start(machine.settings())
    started.ready()
    yield started
    started.stop()


def connect(server: Server, name: str) -> websocket.WebSocket:
    """The websocket of a page."""
    url = server.url.replace("http", "ws", 1) + f"/lsp/ws/{name}"
    return websocket.create_connection(url, header=WITH_TOKEN, timeout=SECONDS)


def language_servers(server: Server) -> list[psutil.Process]:
    """Those that run; of one that has ended jupyter_lsp does not ask for the exit code at once."""
    running = [child for child in server.process_info().children() if child.status() != psutil.STATUS_ZOMBIE]
    return [child for child in running if jediserver.__file__ in child.cmdline()]


def kill_language_server(server: Server) -> None:
    """Until the server can see that it has ended."""
    (process,) = language_servers(server)
    process.kill()
    # The first thread is a zombie before the others have gone, and `waitpid` answers after that.
    server.wait_until(lambda: process.status() == psutil.STATUS_ZOMBIE and process.num_threads() == 1)


class Page:
    """What JupyterLab's page does, with the ids that every page begins with."""

    def __init__(self, server: Server, name: str = NAME) -> None:
        self._socket = connect(server, name)
        self._ident = -1
        self.capabilities = self.ask("initialize", processId=None, rootUri=None, capabilities={})["capabilities"]
        self.tell("initialized")

    def send(self, text: str) -> None:
        self._socket.send(text)

    def tell(self, method: str, **params: Any) -> None:
        self.send(json.dumps({"jsonrpc": "2.0", "method": method, "params": params}))

    def request(self, method: str, **params: Any) -> int:
        self._ident += 1
        self.send(json.dumps({"jsonrpc": "2.0", "id": self._ident, "method": method, "params": params}))
        return self._ident

    def answer(self, ident: int) -> Any:
        """The first answer that has this id; what the server says or asks meanwhile is skipped. Raises `ConnectionError` at the end."""
        while True:
            text = self._socket.recv()
            if not text:
                raise ConnectionError
            message = json.loads(text)
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
        try:
            self._socket.close()
        finally:
            # `close` leaves it to the server where that has closed first.
            self._socket.shutdown()


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
    # The process has some time without a page: the next one finds it warm.
    before = language_servers(server)
    with closing(Page(server)) as again:
        assert language_servers(server) == before
        again.open("file:///mine.py", mine)
        assert "alpha_one" in again.labels(again.complete("file:///mine.py", mine))
    assert "Traceback" not in server.output


# Each is survived: the same page is answered afterwards.
ODD = [
    '{"id": [], "method": "no/such"}',
    '{"id": {}, "result": 1}',
    '{"id": null, "method": "initialize"}',
    '{"jsonrpc": "2.0", "method": "textDocument/didOpen", "params": []}',
    '{"jsonrpc": "2.0", "method": "textDocument/didClose", "params": {"textDocument": {"uri": "file:///never.py"}}}',
    '{"jsonrpc": "2.0", "method": "shutdown", "id": 900}',
    '{"jsonrpc": "2.0", "method": "exit"}',
]


def test_odd_messages_leave_every_page_its_completion(server: Server) -> None:
    with closing(Page(server)) as page, closing(Page(server)) as other:
        for each in (page, other):
            each.open("file:///odd.py", "alpha_one = 1; alpha")
        for text in ODD:
            other.send(text)
            for each in (other, page):
                assert "alpha_one" in each.labels(each.complete("file:///odd.py", "alpha_one = 1; alpha")), text


def test_two_pages_that_open_and_close_a_notebook_at_once_break_no_rule(server: Server) -> None:
    """jupyter_lsp's listener writes an opened or changed document to a file first, which takes its time, and a closed one not."""
    with server.client(headers=WITH_TOKEN) as client:
        (found,) = re.findall(r'"virtualDocumentsUri": "([^"]+)"', client.get("/lab").text)
    with closing(Page(server, STRICT)) as first:
        for number in range(10):
            uri = f"{found}/together-{number}.strict"
            with closing(Page(server, STRICT)) as second:
                for page in (first, second):
                    page.open(uri, "x" * 100_000)
                first.tell("textDocument/didChange", textDocument={"uri": uri, "version": 1}, contentChanges=[{"text": "y"}])
            first.tell("textDocument/didClose", textDocument={"uri": uri})
        server.wait_until(lambda: first.ask("test/violations")["open"] == [])
        assert first.ask("test/violations")["violations"] == []


def test_a_language_server_that_was_killed_is_started_for_the_next_page_and_the_others_are_told(server: Server) -> None:
    with closing(Page(server)) as first:
        kill_language_server(server)
        with closing(Page(server)) as second:
            second.open("file:///mine.py", "alpha_one = 1; alpha")
            assert "alpha_one" in second.labels(second.complete("file:///mine.py", "alpha_one = 1; alpha"))
            # It is disconnected, instead of waiting for ever.
            with pytest.raises(ConnectionError):
                first.ask("textDocument/hover", textDocument={"uri": "file:///mine.py"}, position={"line": 0, "character": 0})


def test_what_other_processes_have_left_in_the_cache_costs_no_completion(server: Server, home: Path) -> None:
    text = "import json; json."

    def completed() -> None:
        with closing(Page(server)) as page:
            page.open("file:///mine.py", text)
            assert "loads" in page.labels(page.complete("file:///mine.py", text))

    def kept() -> list[Path]:
        return sorted((home / ".cache/jedi").rglob("*.pkl"))

    completed()
    before = kept()
    for file in before:
        file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    halves = {file: file.stat().st_size for file in before}
    kill_language_server(server)
    completed()
    assert {file for file, size in halves.items() if file.stat().st_size > size}
    assert kept() == before


@pytest.mark.parametrize("text", ["", "{", "[]", '"initialize"', "3", "[" * 100_000])
def test_what_is_no_json_rpc_message_is_left_to_jupyter_lsp(text: str) -> None:
    assert languageservers._parsed(text) is None


@pytest.mark.parametrize(
    ("message", "text"),
    [
        ({"id": 1, "label": "数据"}, '{"id":1,"label":"数据"}'),
        ({"id": 1, "label": "half \ud83d"}, '{"id":1,"label":"half \\ud83d"}'),
    ],
)
def test_a_message_is_as_short_as_it_can_be_sent(message: dict[str, object], text: str) -> None:
    assert languageservers._dumped(message) == text
    assert json.loads(text.encode()) == message
