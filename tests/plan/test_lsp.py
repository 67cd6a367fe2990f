"""Several pages at one language server: each gets its own answers, and the server sees one client that follows the protocol."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from jupyter_remote_kit.plan.lsp import Routed, Router

Message = dict[str, Any]
A, B, C = "a", "b", "c"
CAPABILITIES = {"capabilities": {"completionProvider": {}}}
INITIALIZED: Message = {"jsonrpc": "2.0", "method": "initialized", "params": {}}


def asks(ident: object, method: str, **params: object) -> Message:
    return {"jsonrpc": "2.0", "id": ident, "method": method, "params": params}


def answers(ident: object, result: object) -> Message:
    return {"jsonrpc": "2.0", "id": ident, "result": result}


def tells(method: str, **params: object) -> Message:
    return {"jsonrpc": "2.0", "method": method, "params": params}


def document(method: str, uri: str = "file:///a.py") -> Message:
    return tells(f"textDocument/{method}", textDocument={"uri": uri})


def started(router: Router[str], page: str = A) -> None:
    """The first page has done its handshake."""
    (asked,) = router.from_page(page, asks(0, "initialize")).to_server
    router.from_server(answers(asked["id"], CAPABILITIES), [page])
    assert router.from_page(page, INITIALIZED).to_server == (INITIALIZED,)


def test_a_later_page_is_answered_as_the_first_was_and_the_server_is_not_asked() -> None:
    router: Router[str] = Router()
    started(router)
    assert router.from_page(B, asks(7, "initialize")) == Routed(to_pages=((B, answers(7, CAPABILITIES)),))
    assert router.from_page(B, INITIALIZED) == Routed()


def test_a_page_that_comes_before_the_answer_gets_it_too() -> None:
    router: Router[str] = Router()
    (asked,) = router.from_page(A, asks(0, "initialize")).to_server
    assert router.from_page(B, asks(5, "initialize")) == Routed()
    assert router.from_page(C, asks(6, "initialize")) == Routed()
    router.leave(C)
    routed = router.from_server(answers(asked["id"], CAPABILITIES), [A, B])
    assert routed == Routed(to_pages=((A, answers(0, CAPABILITIES)), (B, answers(5, CAPABILITIES))))


def test_the_first_page_may_go_before_it_is_answered() -> None:
    router: Router[str] = Router()
    (asked,) = router.from_page(A, asks(0, "initialize")).to_server
    router.from_page(B, asks(5, "initialize"))
    router.leave(A)
    assert router.from_server(answers(asked["id"], CAPABILITIES), [B]) == Routed(to_pages=((B, answers(5, CAPABILITIES)),))
    assert router.from_page(B, INITIALIZED).to_server == (INITIALIZED,)


def test_a_server_that_refuses_the_first_is_asked_again() -> None:
    router: Router[str] = Router()
    (asked,) = router.from_page(A, asks(0, "initialize")).to_server
    refusal = {"jsonrpc": "2.0", "id": asked["id"], "error": {"code": -32002, "message": "not now"}}
    assert router.from_server(refusal, [A]).to_pages == ((A, {**refusal, "id": 0}),)
    assert [row["method"] for row in router.from_page(B, asks(1, "initialize")).to_server] == ["initialize"]


@pytest.mark.parametrize(
    ("sent", "root"),
    [("file:///home/mei/lab/.virtual_documents", "file:///home/mei/lab"), ("file:///elsewhere", "file:///elsewhere"), (None, None)],
)
def test_the_root_is_that_of_the_files_whichever_page_comes_first(sent: str | None, root: str | None) -> None:
    router: Router[str] = Router("file:///home/mei/lab", "file:///home/mei/lab/.virtual_documents")
    (asked,) = router.from_page(A, asks(0, "initialize", rootUri=sent, processId=None)).to_server
    assert asked["params"] == {"rootUri": root, "processId": None}
    (asked,) = Router[str]().from_page(A, asks(0, "initialize", rootUri=sent)).to_server
    assert asked["params"] == {"rootUri": sent}


def test_equal_ids_of_two_pages_are_two_requests_and_each_gets_its_own_answer() -> None:
    router: Router[str] = Router()
    started(router)
    (first,) = router.from_page(A, asks(3, "textDocument/completion", of="a")).to_server
    (second,) = router.from_page(B, asks(3, "textDocument/completion", of="b")).to_server
    assert first["id"] != second["id"]
    assert router.from_server(answers(second["id"], "b"), [A, B]).to_pages == ((B, answers(3, "b")),)
    assert router.from_server(answers(first["id"], "a"), [A, B]).to_pages == ((A, answers(3, "a")),)
    # An answer that nothing waits for goes nowhere; an error that names no request is for every page.
    assert router.from_server(answers(first["id"], "a"), [A, B]) == Routed()
    assert router.from_server(answers("x", "a"), [A, B]) == Routed()
    router.from_page(B, INITIALIZED)
    nameless = {"jsonrpc": "2.0", "id": None, "error": {"code": -32700, "message": "parse"}}
    assert router.from_server(nameless, [A, B]).to_pages == ((A, nameless), (B, nameless))


def test_the_answer_to_a_page_that_has_gone_goes_nowhere() -> None:
    router: Router[str] = Router()
    started(router)
    (asked,) = router.from_page(B, asks(3, "hover")).to_server
    router.leave(B)
    assert router.from_server(answers(asked["id"], "late"), [A]) == Routed()


def test_a_cancellation_names_the_request_as_the_server_knows_it() -> None:
    router: Router[str] = Router()
    (opening,) = router.from_page(A, asks(0, "initialize")).to_server
    # Others may wait for it.
    assert router.from_page(A, tells("$/cancelRequest", id=0)) == Routed()
    router.from_server(answers(opening["id"], CAPABILITIES), [A])
    router.from_page(B, asks(3, "hover"))
    (asked,) = router.from_page(A, asks(3, "hover")).to_server
    assert router.from_page(A, tells("$/cancelRequest", id=3)).to_server == (tells("$/cancelRequest", id=asked["id"]),)
    assert router.from_page(A, tells("$/cancelRequest", id=9)) == Routed()


def test_what_the_server_says_and_asks_goes_to_the_pages_that_are_ready_and_one_answer_goes_back() -> None:
    router: Router[str] = Router()
    said = tells("window/logMessage", type=3, message="loading")
    router.from_page(A, asks(0, "initialize"))
    assert router.from_server(said, [A, B]).to_pages == ((A, said), (B, said))
    started(router := Router())
    # C is connected, and would answer that it knows no such method.
    router.from_page(B, INITIALIZED)
    assert router.from_server(said, [A, B, C]).to_pages == ((A, said), (B, said))
    for ident in (0, "zero", [0]):
        question = asks(ident, "workspace/configuration")
        assert router.from_server(question, [A, B, C]).to_pages == ((A, question), (B, question))
        assert router.from_page(B, answers(ident, [{}])).to_server == (answers(ident, [{}]),)
        assert router.from_page(A, answers(ident, [{}])) == Routed()
    router.leave(A)
    router.leave(B)
    assert router.from_server(said, [C]).to_pages == ((C, said),)


def test_what_was_registered_before_a_page_came_is_told_to_it_and_its_answer_goes_nowhere() -> None:
    router: Router[str] = Router()
    started(router)
    kept, gone = {"id": "1", "method": "textDocument/formatting"}, {"id": "2", "method": "textDocument/rename"}
    router.from_server(asks(1, "client/registerCapability", registrations=[kept, gone, "broken", {"id": 3}]), [A])
    router.from_server(asks(2, "client/unregisterCapability", unregisterations=[{"id": "2"}, {"id": "never"}]), [A])
    router.from_server(asks(3, "client/registerCapability", registrations=None), [A])
    ((page, told),) = router.from_page(B, INITIALIZED).to_pages
    assert (page, told["method"], told["params"]) == (B, "client/registerCapability", {"registrations": [kept]})
    assert router.from_page(B, answers(told["id"], None)) == Routed()


def test_a_document_is_closed_when_the_last_page_closes_it_or_goes() -> None:
    router: Router[str] = Router()
    started(router)
    assert router.from_page(A, document("didOpen")).to_server == (document("didOpen"),)
    # What B has is in force from now on; the protocol wants it closed before.
    assert router.from_page(B, document("didOpen")).to_server == (document("didClose"), document("didOpen"))
    assert router.from_page(A, document("didClose")) == Routed()
    # One who does not have it open closes nothing.
    assert router.from_page(C, document("didClose")) == Routed()
    router.from_page(B, document("didOpen", "file:///b.py"))
    router.from_page(A, document("didOpen", "file:///b.py"))
    assert router.leave(B).to_server == (document("didClose"),)
    assert router.from_page(A, document("didClose", "file:///b.py")).to_server == (document("didClose", "file:///b.py"),)
    assert router.leave(A) == Routed()


@pytest.mark.parametrize("params", [{}, {"textDocument": 3}, {"textDocument": {"uri": 3}}, {"textDocument": {"uri": "file:///never"}}, []])
@pytest.mark.parametrize("method", ["textDocument/didOpen", "textDocument/didClose", "textDocument/didChange"])
def test_documents_without_a_known_uri_are_passed_on(method: str, params: object) -> None:
    message = {"jsonrpc": "2.0", "method": method, "params": params}
    router: Router[str] = Router()
    assert router.from_page(A, message).to_server == (message,)


def test_no_page_ends_the_server() -> None:
    router: Router[str] = Router()
    started(router)
    assert router.from_page(A, asks(9, "shutdown")) == Routed(to_pages=((A, answers(9, None)),))
    assert router.from_page(A, tells("exit")) == Routed()


class Strict(RuleBasedStateMachine):
    """Pages that come and go, all with the same ids, and a server that accepts nothing that the protocol forbids."""

    def __init__(self) -> None:
        super().__init__()
        self.router: Router[int] = Router()
        self.pages: list[int] = []
        self.count = 0
        # Of the server: what it has been asked and not answered, and what it knows.
        self.requests: list[Message] = []
        self.initialized = False
        self.open: set[str] = set()
        self.initialize_requests = 0
        # Of each page: what it waits for, whether it has sent `initialized`, and the documents that it has open.
        self.ready: set[int] = set()
        self.waits: dict[int, dict[int, object]] = {}
        self.holds: dict[int, set[str]] = {}

    def route(self, routed: Routed[int]) -> None:
        for message in routed.to_server:
            self.take(message)
        for page, message in routed.to_pages:
            assert page in self.pages
            if "method" in message:
                assert message["method"] == "client/registerCapability"
                continue
            assert message["result"] == self.waits[page].pop(message["id"])

    def take(self, message: Message) -> None:
        method = message["method"]
        if "id" in message:
            assert message["id"] not in {row["id"] for row in self.requests}
            self.initialize_requests += method == "initialize"
            assert self.initialize_requests <= 1
            self.requests.append(message)
        elif method == "initialized":
            assert not self.initialized
            assert self.initialize_requests == 1
            self.initialized = True
        else:
            uri = message["params"]["textDocument"]["uri"]
            assert (uri in self.open) is (method == "textDocument/didClose")
            self.open ^= {uri}

    @rule()
    def a_page_comes(self) -> None:
        self.count += 1
        page = self.count
        self.pages.append(page)
        self.waits[page], self.holds[page] = {0: "initialize"}, set()
        self.route(self.router.from_page(page, asks(0, "initialize")))

    @precondition(lambda self: self.pages)
    @rule(data=st.data())
    def a_page_goes(self, data: st.DataObject) -> None:
        page = data.draw(st.sampled_from(self.pages))
        self.pages.remove(page)
        del self.waits[page], self.holds[page]
        self.route(self.router.leave(page))

    @precondition(lambda self: self.pages)
    @rule(data=st.data())
    def a_page_becomes_ready(self, data: st.DataObject) -> None:
        page = data.draw(st.sampled_from(self.pages))
        if 0 not in self.waits[page] and page not in self.ready:
            self.ready.add(page)
            self.route(self.router.from_page(page, INITIALIZED))

    @precondition(lambda self: self.ready & set(self.pages))
    @rule(data=st.data(), ident=st.integers(1, 3))
    def a_page_asks(self, data: st.DataObject, ident: int) -> None:
        page = data.draw(st.sampled_from(sorted(self.ready & set(self.pages))))
        if ident in self.waits[page]:
            return
        self.count += 1
        self.waits[page][ident] = f"hover {self.count}"
        self.route(self.router.from_page(page, asks(ident, f"hover {self.count}")))

    @precondition(lambda self: self.pages)
    @rule(data=st.data(), uri=st.sampled_from(["file:///a.py", "file:///b.py"]))
    def a_page_opens_or_closes(self, data: st.DataObject, uri: str) -> None:
        page = data.draw(st.sampled_from(self.pages))
        method = "didClose" if uri in self.holds[page] else "didOpen"
        self.holds[page] ^= {uri}
        self.route(self.router.from_page(page, document(method, uri)))

    @precondition(lambda self: self.initialized)
    @rule(ident=st.integers(1, 2))
    def the_server_registers(self, ident: int) -> None:
        question = asks(ident, "client/registerCapability", registrations=[{"id": str(ident), "method": "hover"}])
        routed = self.router.from_server(question, self.pages)
        assert {page for page, _ in routed.to_pages} == (self.ready & set(self.pages) or set(self.pages))

    @precondition(lambda self: self.requests)
    @rule(data=st.data())
    def the_server_answers(self, data: st.DataObject) -> None:
        request = data.draw(st.sampled_from(self.requests))
        self.requests.remove(request)
        self.route(self.router.from_server(answers(request["id"], request["method"]), self.pages))

    @invariant()
    def what_a_page_has_open_is_open(self) -> None:
        assert self.open == set().union(*self.holds.values())

    def teardown(self) -> None:
        """Once the server has answered everything, no page waits."""
        for request in self.requests:
            self.route(self.router.from_server(answers(request["id"], request["method"]), self.pages))
        assert not any(self.waits[page] for page in self.pages)


test_pages_that_come_and_go = Strict.TestCase
