"""`Host` on a real server: every spelling of the table, on every kind of route. A page on another name that points here gets nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from jupyter_remote_kit.settings import Access
from tests.gate.cases.hosts import ADDRESSES, CASES, NAMES, Case
from tests.gate.raw import SWITCHING, WEBSOCKET, ask
from tests.server.conftest import TOKEN, Machine, Server

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
TOKEN_FIELD = ("Authorization", f"token {TOKEN}")
REFUSED = 403
# What is no name at all tornado refuses before the gate sees it.
MALFORMED = 400
EVIL = "evil.example"
SIGNED_IN = "signed in"
STRANGER = "a stranger"


@dataclass(frozen=True)
class Route:
    """`served`: how it answers somebody who is signed in."""

    target: str
    served: int
    websocket: bool = False


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, hashed_password: str) -> Iterator[Server]:
    machine = Machine(tmp_path_factory.mktemp("hosts") / "home", hashed_password)
    (machine.root / "notes.txt").write_text("inside\n")
    started = machine.start(machine.settings(access=Access.LAN, plain_http=True, allow_hosts=(*NAMES, *ADDRESSES)))
    started.ready()
    yield started
    started.stop()


@pytest.fixture(scope="module")
def routes(server: Server) -> dict[str, Route]:
    """Every kind, with a kernel, a terminal and a language server behind them."""
    with server.client(headers=dict([TOKEN_FIELD])) as client:
        kernel = client.post("/api/kernels", json={"name": "python3"}).json()["id"]
        terminal = client.post("/api/terminals").json()["name"]
        language_server = next(iter(client.get("/lsp/status").json()["sessions"]))
    return {
        "page": Route("/lab", 200),
        "login": Route("/login", 302),
        "API": Route("/api/status", 200),
        "version": Route("/api", 200),
        "our API": Route("/remotekit/api/status", 200),
        "health": Route("/remotekit/api/health", 200),
        "static file": Route("/static/favicon.ico", 200),
        "page's script": Route("/lab/extensions/jupyter-remote-kit/static/style.js", 200),
        "file": Route("/files/notes.txt", 200),
        "nothing": Route("/nothing", 404),
        "kernel": Route(f"/api/kernels/{kernel}/channels", SWITCHING, websocket=True),
        "terminal": Route(f"/terminals/websocket/{terminal}", SWITCHING, websocket=True),
        "events": Route("/api/events/subscribe", SWITCHING, websocket=True),
        "language server": Route(f"/lsp/ws/{language_server}", SWITCHING, websocket=True),
    }


KINDS = (
    *("page", "login", "API", "version", "our API", "health", "static file", "page's script", "file", "nothing"),
    *("kernel", "terminal", "events", "language server"),
)


def fields_of(case: Case, route: Route, who: str) -> list[tuple[str, str]]:
    fields = [("Host", case.header)]
    fields += [TOKEN_FIELD] if who == SIGNED_IN else []
    return fields + list(WEBSOCKET.items()) if route.websocket else fields


@pytest.mark.parametrize("kind", KINDS)
def test_a_name_of_this_host_is_served(kind: str, server: Server, routes: dict[str, Route], figure: Callable[[str], None]) -> None:
    route = routes[kind]
    wanted = [case for case in CASES if case.served]
    wrong = {
        case.name: answer.status
        for case in wanted
        if (answer := ask(server, route.target, *fields_of(case, route, SIGNED_IN))).status != route.served
    }
    figure(f"{len(wanted)} names that are served, {len(wrong)} refused")
    assert wrong == {}


@pytest.mark.parametrize("who", [SIGNED_IN, STRANGER])
@pytest.mark.parametrize("kind", KINDS)
def test_no_other_name_is(kind: str, who: str, server: Server, routes: dict[str, Route], figure: Callable[[str], None]) -> None:
    route = routes[kind]
    refused = [case for case in CASES if not case.served]
    seen: Counter[int] = Counter()
    for case in refused:
        answer = ask(server, route.target, *fields_of(case, route, who))
        seen[answer.status] += 1
        assert answer.status == REFUSED or (case.host is None and answer.status == MALFORMED), f"{case.name}: {answer.status}"
        assert answer.header("Set-Cookie") is None, case.name
        assert answer.header("Location") is None, case.name
        if answer.status == REFUSED:
            assert b"--allow-host" in answer.body, case.name
    figure(f"{len(refused)} names that are not served: {dict(seen)}")


NONE_OR_TWO = {"none": [], "one twice": ["localhost"] * 2, "foreign last": ["localhost", EVIL], "foreign first": [EVIL, "localhost"]}


@pytest.mark.parametrize("hosts", NONE_OR_TWO.values(), ids=NONE_OR_TWO)
@pytest.mark.parametrize("target", ["/lab", "/static/favicon.ico", "/api/status"])
def test_none_or_two_names_are_refused(hosts: list[str], target: str, server: Server) -> None:
    answer = ask(server, target, *(("Host", host) for host in hosts), TOKEN_FIELD)
    assert answer.status in {MALFORMED, REFUSED}


@pytest.mark.parametrize("header", ["X-Forwarded-Host", "X-Host", "X-Original-Host", "Forwarded", "X-Rewrite-Url", "X-Original-Url"])
def test_no_other_header_names_the_host(header: str, server: Server) -> None:
    value = "host=localhost" if header == "Forwarded" else "localhost"
    assert ask(server, "/lab", ("Host", EVIL), (header, value), TOKEN_FIELD).status == REFUSED
    assert ask(server, "/lab", ("Host", "localhost"), (header, EVIL), TOKEN_FIELD).status == 200


def test_the_table_of_kinds_is_whole(routes: dict[str, Route]) -> None:
    assert set(KINDS) == set(routes)
