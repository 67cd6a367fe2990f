"""Forwarded headers on a real server: whom it takes a request to be from, on every kind of route, and whether cookies are `Secure`.

A session's entry tells the address of its last request, so the same cookie is sent through every chain of the table.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import httpx
import pytest

from jupyter_remote_kit.settings import Access
from tests.gate.cases.forwarded import CASES, CLIENT, FORGED, PROXY, PROXY_V6, SCHEMES, STRANGER, TRUSTED, SchemeCase
from tests.gate.raw import NAVIGATION, SWITCHING, WEBSOCKET, ask
from tests.server.conftest import TOKEN, Machine, Server

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
# Peers that a test without namespaces can be; the others, and UNIX sockets, are asked of the rules alone (test_forwarded.py).
PEERS = {PROXY, STRANGER, PROXY_V6}
DRIVEN = [case for case in CASES if case.trusted == TRUSTED and case.peer in PEERS]
FORWARDED_FOR = "X-Forwarded-For"


@dataclass(frozen=True)
class Signed:
    """A server, the cookie of its only session, and the targets to ask for."""

    server: Server
    cookie: str
    targets: dict[str, tuple[str, int]]

    @property
    def address(self) -> str:
        """Where the session was last used."""
        (row,) = self.server.control.sessions()
        return str(row["address"])


def bytewise(text: str) -> str:
    """As it goes over the wire: a character a byte."""
    return text.encode().decode("latin-1")


def started(folder: pytest.TempPathFactory, hashed_password: str, **changes: object) -> Server:
    machine = Machine(folder.mktemp("forwarded") / "home", hashed_password)
    (machine.root / "notes.txt").write_text("inside\n")
    if not changes.get("plain_http"):
        machine.issue_leaf()
    given = {"access": Access.LAN, "ip": "", "trusted_proxies": TRUSTED, "allow_networks": ("any",)}
    server = machine.start(machine.settings(**(given | changes)))
    server.ready()
    return server


@pytest.fixture(scope="module")
def signed(tmp_path_factory: pytest.TempPathFactory, hashed_password: str) -> Iterator[Signed]:
    server = started(tmp_path_factory, hashed_password, plain_http=True)
    with server.signed_in() as client:
        xsrf = {"X-XSRFToken": client.cookies["_xsrf"]}
        kernel = client.post("/api/kernels", json={"name": "python3"}, headers=xsrf).json()["id"]
        terminal = client.post("/api/terminals", headers=xsrf).json()["name"]
        language_server = next(iter(client.get("/lsp/status").json()["sessions"]))
        cookie = "; ".join(f"{name}={value}" for name, value in client.cookies.items())
    targets = {
        "page": ("/lab", 200),
        "login": ("/login", 302),
        "API": ("/api/status", 200),
        "static file": ("/static/favicon.ico", 200),
        "file": ("/files/notes.txt", 200),
        "kernel": (f"/api/kernels/{kernel}/channels", SWITCHING),
        "terminal": (f"/terminals/websocket/{terminal}", SWITCHING),
        "language server": (f"/lsp/ws/{language_server}", SWITCHING),
    }
    yield Signed(server, cookie, targets)
    server.stop()


KINDS = ("page", "login", "API", "static file", "file", "kernel", "terminal", "language server")


@pytest.mark.parametrize("kind", KINDS)
def test_the_client_is_who_is_written_beside_the_chain(kind: str, signed: Signed, figure: Callable[[str], None]) -> None:
    target, status = signed.targets[kind]
    upgrade = list(WEBSOCKET.items()) if status == SWITCHING else []
    host = signed.server.url.partition("//")[2]
    wrong = {}
    # A file is given to pages of the same origin alone (jupyter_server, `check_xsrf_cookie`).
    fields = (("Host", host), ("Cookie", signed.cookie), ("Referer", f"{signed.server.url}/lab"))
    for case in DRIVEN:
        forwarded = [(FORWARDED_FOR, bytewise(value)) for value in case.headers]
        answer = ask(signed.server, target, *fields, *forwarded, *upgrade, source=case.peer)
        if (answer.status, signed.address) != (status, case.client):
            wrong[case.name] = (answer.status, signed.address, case.client)
    figure(f"{len(DRIVEN)} chains, {len(wrong)} misread")
    assert len(DRIVEN) >= 80
    assert wrong == {}


@pytest.mark.parametrize("header", ["X-Real-Ip", "Forwarded", "X-Client-IP", "True-Client-IP", "CF-Connecting-IP", "X-Cluster-Client-IP"])
@pytest.mark.parametrize("peer", [PROXY, STRANGER])
def test_no_other_header_tells_the_client(header: str, peer: str, signed: Signed) -> None:
    value = f"for={FORGED}" if header == "Forwarded" else FORGED
    host = signed.server.url.partition("//")[2]
    fields = (("Host", host), ("Cookie", signed.cookie), (header, value))
    assert ask(signed.server, "/api/status", *fields, source=peer).status == 200
    assert signed.address == peer
    ask(signed.server, "/api/status", *fields, (FORWARDED_FOR, CLIENT), source=peer)
    assert signed.address == (CLIENT if peer == PROXY else STRANGER)


# -- the scheme ------------------------------------------------------------------------------------------------------------------------


def cookies_are_secure(server: Server, case: SchemeCase) -> set[bool]:
    """Of the cookies that somebody gets who opens a page by token."""
    fields = [("Host", server.url.partition("//")[2]), *NAVIGATION.items()]
    fields += [("X-Forwarded-Proto", bytewise(value)) for value in case.headers]
    answer = ask(server, f"/lab?token={TOKEN}", *fields, source=PROXY if case.trusted else STRANGER)
    assert answer.status == 302
    return {"secure" in value.lower() for name, value in answer.headers if name == "set-cookie" and value.startswith("username-")}


@pytest.mark.parametrize("case", [case for case in SCHEMES if case.own == "http"], ids=lambda case: case.name)
def test_cookies_are_secure_where_the_client_speaks_tls(case: SchemeCase, signed: Signed) -> None:
    assert cookies_are_secure(signed.server, case) == {case.scheme == "https"}


@pytest.fixture(scope="module")
def over_tls(tmp_path_factory: pytest.TempPathFactory, hashed_password: str) -> Iterator[Server]:
    server = started(tmp_path_factory, hashed_password, ip="127.0.0.1")
    yield server
    server.stop()


@pytest.mark.parametrize("case", [case for case in SCHEMES if case.own == "https"], ids=lambda case: case.name)
def test_cookies_of_a_server_with_tls_are_secure_whatever_a_proxy_says(case: SchemeCase, over_tls: Server) -> None:
    transport = httpx.HTTPTransport(verify=over_tls.verify, local_address=PROXY if case.trusted else STRANGER)
    headers = [*NAVIGATION.items(), *(("X-Forwarded-Proto", value.strip()) for value in case.headers)]
    with httpx.Client(base_url=over_tls.url, transport=transport) as client:
        answer = client.get("/lab", params={"token": TOKEN}, headers=headers)
    cookies = [value for value in answer.headers.get_list("Set-Cookie") if value.startswith("username-")]
    assert cookies
    assert all("secure" in value.lower() for value in cookies)
