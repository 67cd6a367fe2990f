"""What JupyterLab, other extensions and applications behind a proxy can do at a bare server they can do at a managed one.

Both are real and asked the same; `differences.py` is the table of all that may differ, and why.
"""

from __future__ import annotations

import http.client
import json
import re
import shutil
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
import requests
import websocket

from tests.server.application import ANSWERS, Running, Seen, running
from tests.server.conftest import PASSWORD, TOKEN, Machine, Server
from tests.server.differences import ANSWER, REQUEST, As, Kind

# Two real servers for the whole file: once is enough, not on every Python.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
# Both are started at once.
BOTH_START_S = 120.0

WITH_TOKEN = {"Authorization": f"token {TOKEN}"}
BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
THEIRS = "an-applications-own-token"
LARGEST = 512 * 1024 * 1024
HERE = Path(__file__).parent
# What differs between any two answers of one server.
VARYING = {"date", "x-port"}
# Their bodies tell of folders, times and sizes: no two servers say the same.
TELLING = {"/lab", "/api/status", "/api/contents/a.txt?content=0", "/api/nowhere", "/lsp/status", "/nbconvert/html/a.ipynb"}
_SIGNED = re.compile(r'"?2\|(1:\d+|[0-9a-f]{8})\|[^\s;"]*"?')
_IN_A_PAGE = re.compile(rb'data-jupyter-api-token="' + TOKEN.encode() + b'"')
_TIME = re.compile(r"expires=[^;]*", re.IGNORECASE)


@dataclass
class Pair:
    """A bare server and a managed one, a signed-in browser of each, and the application that both have behind them."""

    bare: Server
    managed: Server
    application: Running
    cookies: dict[str, str] = field(default_factory=dict)

    @property
    def both(self) -> tuple[Server, Server]:
        return self.bare, self.managed


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory, hashed_password: str) -> Iterator[Pair]:
    with running() as application:
        machines = [Machine(tmp_path_factory.mktemp(name) / "home", hashed_password) for name in ("bare", "managed")]
        try:
            bare, managed = (_prepared(machine, application.port) for machine in machines)
            bare.enabling.write_text(json.dumps(_extensions(jupyter_remote_kit=False)))
            secrets = (f"--IdentityProvider.token={TOKEN}", f"--PasswordIdentityProvider.hashed_password={hashed_password}")
            made = Pair(bare.start_plain(bare.settings(), *secrets), managed.start(managed.settings()), application)
            made.managed.wait_until(made.managed.control.status, BOTH_START_S)
            made.bare.wait_until(lambda: _listens(made.bare), BOTH_START_S)
            for server in made.both:
                with server.signed_in() as browser:
                    made.cookies[server.url] = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
            yield made
        finally:
            for machine in machines:
                for server in machine.servers:
                    server.stop()


def _extensions(**more: bool) -> dict[str, Any]:
    return {
        "ServerApp": {"jpserver_extensions": {"jupyter_remote_kit": True, "jupyter_server_proxy": True, "other_extension": True} | more}
    }


def _prepared(machine: Machine, port: int) -> Machine:
    site = machine.home / "site"
    site.mkdir()
    shutil.copy(HERE / "other_extension.py", site)
    machine.environment["PYTHONPATH"] = f"{machine.package.parent}:{site}"
    machine.enabling.write_text(json.dumps(_extensions()))
    machine.configure(
        "jupyter_server_config.py",
        f"c.ServerProxy.servers = {{'app': {{'port': {port}, 'command': [], 'timeout': 5}},"
        f" 'absolute': {{'port': {port}, 'command': [], 'absolute_url': True}}}}\n",
    )
    (machine.root / "a.html").write_text("<script>parent.ran = true</script>")
    (machine.root / "a.txt").write_text("0123456789" * 100)
    notebook = {"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    (machine.root / "a.ipynb").write_text(json.dumps(notebook))
    return machine


def _listens(server: Server) -> bool:
    try:
        return httpx.get(f"{server.url}/api", trust_env=False).status_code == 200
    except httpx.TransportError:
        return False


# -- asking both -------------------------------------------------------------------------------------------------------------------


@dataclass
class Answer:
    status: int
    reason: str
    headers: list[tuple[str, str]]
    body: bytes

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key.lower() == name.lower()]


def ask(server: Server, method: str, path: str, headers: dict[str, str] | None = None, body: Any = None) -> Answer:
    """Exactly this request, with nothing put in order; what differs by port and time is made alike."""
    port = server.url.rpartition(":")[2]
    connection = http.client.HTTPConnection("127.0.0.1", int(port), timeout=30)
    try:
        connection.request(
            method, path, body=body, headers=headers or {}, encode_chunked=headers is not None and "Transfer-Encoding" in headers
        )
        answer = connection.getresponse()
        text = answer.read()
        found = [(name, _alike(value, port)) for name, value in answer.getheaders() if name.lower() not in VARYING]
        return Answer(answer.status, answer.reason, sorted(found), text.replace(port.encode(), b"PORT"))
    finally:
        connection.close()


def _alike(text: str, port: str) -> str:
    return _TIME.sub("expires=…", _SIGNED.sub("SIGNED", text.replace(port, "PORT")))


def signed_in(pair: Pair, server: Server, way: str) -> dict[str, str]:
    """The headers of a client signed in by `way`."""
    return {"Cookie": pair.cookies[server.url]} if way == "cookie" else dict(WITH_TOKEN)


def by_name(headers: list[tuple[str, str]]) -> dict[str, list[str]]:
    named: dict[str, list[str]] = {}
    for name, value in headers:
        named.setdefault(name.lower(), []).append(value)
    return named


def assert_differs_as_the_table_has_it(bare: Answer, managed: Answer, kind: Kind) -> None:
    assert (managed.status, managed.reason) == (bare.status, bare.reason)
    expected = by_name(bare.headers)
    for name, row in ANSWER.items():
        value = row.of(kind)
        if value is As.ABSENT:
            expected.pop(name.lower(), None)
        elif isinstance(value, str):
            expected.setdefault(name.lower(), [value])
    assert by_name(managed.headers) == expected


ROUTES = {
    "/lab": Kind.JUPYTER,
    "/api/status": Kind.JUPYTER,
    "/api/contents/a.txt?content=0": Kind.JUPYTER,
    "/api/nowhere": Kind.JUPYTER,
    "/nowhere": Kind.JUPYTER,
    "/lab/api/settings/@jupyterlab/apputils-extension:themes": Kind.JUPYTER,
    "/files/a.html": Kind.FILES,
    "/files/a.txt": Kind.FILES,
    "/files/nowhere": Kind.FILES,
    "/nbconvert/html/a.ipynb": Kind.FILES,
    "/static/favicon.ico": Kind.FILES,
    "/static/favicons/favicon.ico": Kind.FILES,
    "/lab/extensions/@jupyterhub/jupyter-server-proxy/package.json": Kind.FILES,
    "/custom/custom.css": Kind.JUPYTER,
    "/lsp/status": Kind.EXTENSION,
    "/server-proxy/servers-info": Kind.EXTENSION,
    "/other/page": Kind.EXTENSION,
    "/other/api": Kind.EXTENSION,
    "/other/plain": Kind.EXTENSION,
    "/other/moved": Kind.EXTENSION,
    "/other/twice": Kind.EXTENSION,
    "/other/static/a.txt": Kind.EXTENSION,
    "/other/template": Kind.EXTENSION,
    "/app": Kind.PROXIED,
    "/app/": Kind.PROXIED,
    "/absolute/x": Kind.PROXIED,
    "/proxy/APP/": Kind.PROXIED,
    "/proxy/absolute/APP/x": Kind.PROXIED,
    "/proxy/localhost:APP/": Kind.PROXIED,
    "/proxy/127.0.0.1:APP/a": Kind.PROXIED,
    "/proxy/1/": Kind.PROXIED,
    "/proxy/elsewhere.example:80/": Kind.PROXIED,
}


@pytest.mark.parametrize("way", ["cookie", "token"])
@pytest.mark.parametrize("route", ROUTES)
def test_an_answer_differs_in_what_the_table_names_and_in_nothing_else(pair: Pair, route: str, way: str) -> None:
    path = route.replace("APP", str(pair.application.port))
    more = {"Origin": "null"} if way == "token" else {}
    bare, managed = (ask(server, "GET", path, signed_in(pair, server, way) | more) for server in pair.both)
    if way == "token":
        # Both give a cookie to a client that sent none; its value and attributes differ.
        for answer in (bare, managed):
            answer.headers = [row for row in answer.headers if row[0].lower() != "set-cookie" or "username-" not in row[1]]
    for answer in (bare, managed):
        # They follow from the body, which is compared itself; files were written a moment apart.
        answer.headers = [row for row in answer.headers if row[0].lower() not in {"content-length", "etag", "last-modified"}]
    assert_differs_as_the_table_has_it(bare, managed, ROUTES[route])
    if route not in TELLING:
        # A page that jupyter_server writes holds the token, by SECURITY.md no page of ours does.
        assert managed.body.split() == _IN_A_PAGE.sub(b"", bare.body).split()


@pytest.mark.parametrize("answer", ANSWERS)
@pytest.mark.parametrize("prefix", ["/app", "/proxy/APP"])
def test_what_an_application_answers_comes_through_as_it_is(pair: Pair, answer: str, prefix: str) -> None:
    path = f"{prefix}/x".replace("APP", str(pair.application.port))
    told = []
    for server in pair.both:
        port = server.url.rpartition(":")[2]
        told.append(ask(server, "GET", path, signed_in(pair, server, "cookie") | {"X-Answer": answer, "X-Port": port}))
    bare, managed = told
    assert_differs_as_the_table_has_it(bare, managed, Kind.PROXIED)
    assert managed.body == bare.body
    status, headers, body = ANSWERS[answer]
    assert managed.status == status
    if status != 304:
        assert managed.body == body
    for name, value in headers:
        assert value in managed.all(name) or name == "Location"


OWN = {"/login": 200, "/logout": 200, "/login?next=%2Flab": 200, "/remotekit/open": 302, "/api": 200, "/lab/api/licenses": 403}


@pytest.mark.parametrize("path", OWN)
def test_what_the_kit_answers_by_itself_carries_what_the_table_has(pair: Pair, path: str) -> None:
    answer = ask(pair.managed, "GET", path)
    assert answer.status == OWN[path]
    carried = by_name(answer.headers)
    for name, row in ANSWER.items():
        if row.kit is As.ABSENT:
            assert name.lower() not in carried
        else:
            assert carried[name.lower()][0].startswith(str(row.kit))


@pytest.mark.parametrize(
    "path", ["/other/plain", "/other/page", "/other/static/a.txt", "/app/", "/proxy/APP/", "/server-proxy/servers-info"]
)
def test_an_unauthenticated_client_does_not_see_the_banner_of_another_extensions_answer(pair: Pair, path: str) -> None:
    bare, managed = (ask(server, "GET", path.replace("APP", "8")) for server in pair.both)
    assert bare.all("Server")[0].startswith("TornadoServer/")
    assert [row for row in bare.headers if row[0] not in {"Server", "Last-Modified"}] == [
        row for row in managed.headers if row[0] != "Last-Modified"
    ]


def test_a_route_that_does_not_say_who_may_read_it_is_for_those_who_are_signed_in(pair: Pair) -> None:
    bare, managed = (ask(server, "GET", "/other/forgetful") for server in pair.both)
    assert (bare.status, managed.status) == (200, 302)
    assert managed.all("Location") == ["/login?next=%2Fother%2Fforgetful"]


# -- requests ----------------------------------------------------------------------------------------------------------------------


def reached(pair: Pair, path: str, method: str = "GET", headers: dict[str, str] | None = None, **more: Any) -> tuple[Seen, Seen]:
    """What the application sees of the same request of a signed-in browser by way of the bare server, and by the managed one."""
    found = []
    for server in pair.both:
        sent = {"Cookie": pair.cookies[server.url]} | (headers or {})
        before = len(pair.application.seen)
        answer = ask(server, method, path.replace("APP", str(pair.application.port)), sent, **more)
        assert len(pair.application.seen) == before + 1, answer
        found.append(pair.application.seen[-1])
    return found[0], found[1]


def arrived(seen: Seen) -> dict[str, list[str]]:
    return {name: values for name, values in by_name(seen.headers).items() if name not in {"cookie", "host"}}


PATHS = {
    "/app/",
    "/app/a/",
    "/app//a//b",
    "/app/a%20b/%E8%A1%A8",
    "/app/a%2Fb",
    "/app/a+b;c=d,e@f:g",
    "/app/a?token=theirs&token=again",
    "/app/a?x",
    "/app/a?x=&y==&z=%20+%2B",
    "/app/a?q=%FF%FE",
    "/app/a?password=theirs&ticket=theirs",
    "/proxy/APP/",
    "/proxy/APP",
    "/proxy/absolute/APP/a?b",
}


@pytest.mark.parametrize("path", sorted(PATHS))
def test_a_path_and_a_query_reach_the_application_byte_by_byte(pair: Pair, path: str) -> None:
    for headers in ({}, BROWSER):
        bare, managed = reached(pair, path, headers=headers)
        assert (managed.method, managed.uri) == (bare.method, bare.uri)
        assert arrived(managed) == arrived(bare)


METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


@pytest.mark.parametrize("method", METHODS)
def test_a_method_and_a_body_reach_the_application(pair: Pair, method: str) -> None:
    body = None if method in {"GET", "HEAD", "DELETE", "OPTIONS"} else b"\x00\xff" * 50_000
    headers = {"Content-Type": "application/octet-stream", "X-Requested-With": "XMLHttpRequest", "Range": "bytes=0-3"}
    bare, managed = reached(pair, "/app/api", method, headers, body=body)
    assert (managed.method, managed.length, managed.digest) == (bare.method, bare.length, bare.digest)
    assert managed.length == len(body or b"")
    assert arrived(managed) == arrived(bare)


@pytest.mark.parametrize("method", ["TRACE", "CONNECT", "PROPFIND", "MKCOL", "OPTIONS", "DELETE", "HEAD"])
@pytest.mark.parametrize("path", ["/app/", "/other/plain", "/api/contents", "/lab"])
def test_a_method_is_answered_with_the_same_status(pair: Pair, method: str, path: str) -> None:
    bare, managed = (ask(server, method, path, dict(WITH_TOKEN)) for server in pair.both)
    assert managed.status == bare.status


@pytest.mark.parametrize("origin", ["https://elsewhere.example", "null"])
@pytest.mark.parametrize("path", ["/app/", "/api/contents", "/other/api"])
@pytest.mark.parametrize("signed", [False, True])
def test_a_preflight_is_answered_alike(pair: Pair, path: str, origin: str, signed: bool) -> None:
    headers = {"Origin": origin, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    bare, managed = (ask(server, "OPTIONS", path, headers | (WITH_TOKEN if signed else {})) for server in pair.both)
    for name in ("Access-Control-Allow-Origin", "Access-Control-Allow-Headers", "Access-Control-Allow-Methods"):
        assert managed.all(name) == bare.all(name)
    assert managed.status == bare.status


FOREIGN = {"Origin": "https://elsewhere.example"}
UPGRADE = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("DELETE", "/other/plain", {}, 202),
        ("DELETE", "/api/other/plain", {}, 202),
        ("GET", "/other/socket", UPGRADE, 101),
        ("GET", "/api/other/socket", UPGRADE, 101),
    ],
)
def test_an_extension_decides_which_origins_it_takes(pair: Pair, method: str, path: str, headers: dict[str, str], status: int) -> None:
    for server in pair.both:
        assert ask(server, method, path, signed_in(pair, server, "cookie") | FOREIGN | headers).status == status


@pytest.mark.parametrize(("method", "path", "headers"), [("DELETE", "/api/contents/a", {}), ("GET", "/lsp/ws/pylsp", UPGRADE)])
def test_jupyters_own_pages_take_their_own_origin(pair: Pair, method: str, path: str, headers: dict[str, str]) -> None:
    for server in pair.both:
        assert ask(server, method, path, signed_in(pair, server, "cookie") | FOREIGN | headers).status in {403, 404}


@pytest.mark.parametrize("path", ["/terminals/websocket/nowhere", "/api/kernels/nowhere/channels", "/api/events/subscribe"])
@pytest.mark.parametrize("way", ["cookie", "token"])
def test_the_path_of_a_websocket_without_upgrade_is_refused_by_both(pair: Pair, path: str, way: str) -> None:
    """A bare server says 400 or 404; here the line that the proxy lacks is named (tests/server/test_proxied.py)."""
    bare, managed = (ask(server, "GET", path, signed_in(pair, server, way)).status for server in pair.both)
    assert bare in {400, 404}
    assert managed == 426


REFUSED = {
    "a NUL": ("/app/a%00b", {}),
    "no UTF-8": ("/app/%FF", {}),
    "a referrer that cannot be read": ("/app/a", {"Referer": "http://[x"}),
    "an origin that cannot be read": ("/app/a", {"Origin": "http://[x"}),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_the_gate_cannot_read_is_refused_behind_it_as_well(pair: Pair, case: str) -> None:
    path, headers = REFUSED[case]
    answer = ask(pair.managed, "GET", path, signed_in(pair, pair.managed, "cookie") | headers)
    assert answer.status == 400


CONDITIONAL = {
    "/static/favicon.ico": {"If-Modified-Since": "Fri, 01 Jan 2100 00:00:00 GMT"},
    "/other/template": {"If-None-Match": "ETAG"},
    "/files/a.txt": {"Range": "bytes=10-19"},
    "/files/a.html": {"If-Modified-Since": "Fri, 01 Jan 2100 00:00:00 GMT"},
    "/other/static/a.txt": {"Range": "bytes=-4"},
}


@pytest.mark.parametrize("path", CONDITIONAL)
def test_a_part_of_a_file_and_one_that_did_not_change(pair: Pair, path: str) -> None:
    told = []
    for server in pair.both:
        sent = signed_in(pair, server, "cookie") | {"Referer": f"{server.url}/lab"}
        etag = next(iter(ask(server, "GET", path, sent).all("ETag")), "")
        asked = {name: value.replace("ETAG", etag) for name, value in CONDITIONAL[path].items()}
        told.append(ask(server, "GET", path, sent | asked))
    bare, managed = told
    assert managed.status == bare.status
    assert managed.status in {206, 304}
    assert managed.body == bare.body
    for name in ("Content-Range", "Cache-Control", "Accept-Ranges", "Content-Length"):
        assert managed.all(name) == bare.all(name)


def test_a_chunked_upload_reaches_the_application(pair: Pair) -> None:
    for server in pair.both:
        pieces = iter([b"a" * 100_000] * 5)
        headers = {"Cookie": pair.cookies[server.url], "Transfer-Encoding": "chunked"}
        assert ask(server, "POST", "/app/up", headers, pieces).status == 200
        assert pair.application.seen[-1].length == 500_000


def _said_to(server: Server, headers: str) -> bytes:
    """What is said to a request's headers alone, until the server hangs up or waits for the body."""
    host, _, port = server.url.partition("://")[2].partition(":")
    said = b""
    with socket.create_connection((host, int(port)), timeout=1) as peer:
        peer.sendall(f"PUT /app/up HTTP/1.1\r\nHost: {host}:{port}\r\n{headers}\r\n\r\n".encode())
        with suppress(TimeoutError):
            while received := peer.recv(4096):
                said += received
    return said


@pytest.mark.parametrize(("length", "refused"), [(LARGEST, False), (LARGEST + 1, True)])
def test_as_large_a_body_may_be_sent(pair: Pair, length: int, refused: bool) -> None:
    for server in pair.both:
        said = _said_to(server, f"Authorization: token {TOKEN}\r\nExpect: 100-continue\r\nContent-Length: {length}")
        assert said.startswith(b"HTTP/1.1 100 (Continue)\r\n\r\n")
        assert (b"HTTP/1.1 400 " in said) == refused


def test_server_sent_events_come_one_by_one(pair: Pair) -> None:
    for server in pair.both:
        came: list[float] = []
        headers = {"Cookie": pair.cookies[server.url], "X-Stream": "4", "Accept": "text/event-stream"}
        with httpx.stream("GET", f"{server.url}/app/events", headers=headers, trust_env=False, timeout=20) as answer:
            assert answer.headers["content-type"] == "text/event-stream"
            came += [time.monotonic() for line in answer.iter_lines() if line]
        assert len(came) == 4
        # Had they been kept until the end, they would have come together.
        assert came[-1] - came[0] > 0.5


SOCKETS = ["/app/socket", "/proxy/APP/socket", "/other/socket"]


@pytest.mark.parametrize("path", SOCKETS)
@pytest.mark.parametrize("way", ["cookie", "token", "query"])
def test_a_websocket_behind_us_is_what_it_is_at_a_bare_server(pair: Pair, path: str, way: str) -> None:
    told = []
    for server in pair.both:
        url = server.url.replace("http", "ws", 1) + path.replace("APP", str(pair.application.port))
        query = f"?token={TOKEN}&a=%20" if way == "query" else "?token=theirs&a=%20"
        headers = {} if way == "query" else signed_in(pair, server, way) if way == "cookie" else dict(WITH_TOKEN)
        query = "" if way == "token" else query
        opened = websocket.create_connection(url + query, header=headers, subprotocols=["v2.app", "v1.app"], timeout=20)
        try:
            opened.send("ü" * 100_000)
            assert opened.recv() == "ü" * 100_000
            found = {name: value for name, value in (opened.getheaders() or {}).items() if name not in VARYING | {"set-cookie"}}
            told.append((opened.getsubprotocol(), found.keys(), found.get("sec-websocket-protocol")))
        finally:
            opened.close()
    assert told[0] == told[1]


# -- credentials: ours, and theirs -------------------------------------------------------------------------------------------------


def test_our_credentials_stay_here_and_the_applications_go_on(pair: Pair) -> None:
    server = pair.managed
    assert {row.proxied for row in REQUEST.values()} == {As.ABSENT}
    own = pair.cookies[server.url]
    assert {"username", "remotekit", "_xsrf"} <= {pair.partition("=")[0].strip().partition("-")[0] for pair in own.split(";")}
    ask(server, "GET", "/app/x?a=1&token=theirs", {"Cookie": f"session=app; {own}; last=1", "Authorization": "Basic dTpw"})
    seen = pair.application.seen[-1]
    (cookie,) = seen.all("Cookie")
    assert [part.partition("=")[0].strip() for part in cookie.split(";")] == ["session", "_xsrf", "last"]
    assert seen.all("Authorization") == ["Basic dTpw"]
    assert seen.uri == "/x?a=1&token=theirs"

    ask(server, "GET", f"/app/x?token={TOKEN}&a=%20b", {"Authorization": f"Bearer {THEIRS}"})
    seen = pair.application.seen[-1]
    assert (seen.uri, seen.all("Authorization"), seen.all("Cookie")) == ("/x?a=%20b", [f"Bearer {THEIRS}"], [])

    ask(server, "GET", f"/app/x?token={THEIRS}", {"Authorization": f"Bearer {TOKEN}", "Cookie": "username=app"})
    seen = pair.application.seen[-1]
    assert (seen.uri, seen.all("Authorization"), seen.all("Cookie")) == (f"/x?token={THEIRS}", [], ["username=app"])
    assert TOKEN not in str(seen)


def test_a_planted_xsrf_cookie_fails_no_extension_and_an_application_compares_its_own(pair: Pair) -> None:
    """Another host of the domain has set it; the browser says that a page of this server sends the request."""
    own = re.sub(r"_xsrf=[^;]*;? ?", "", pair.cookies[pair.managed.url]).strip("; ")
    sent = {"Cookie": f"{own}; _xsrf=2|x", "X-XSRFToken": "theirs"}
    proved = sent | {"Sec-Fetch-Site": "same-origin"}
    told = ask(pair.managed, "POST", "/other/page", proved)
    assert (told.status, told.body) == (200, b"posted")
    assert ask(pair.managed, "POST", "/other/page", sent | {"Sec-Fetch-Site": "same-site"}).status == 403
    assert ask(pair.managed, "POST", "/app/x", proved).status == 200
    seen = pair.application.seen[-1]
    assert (seen.all("X-XSRFToken"), seen.all("Cookie")) == (["theirs"], ["_xsrf=2|x"])


def test_other_extensions_see_the_request_as_it_came(pair: Pair) -> None:
    bare, managed = (ask(server, "GET", f"/other/api?token={TOKEN}") for server in pair.both)
    assert managed.body == bare.body == json.dumps({"token": TOKEN}).encode()


@pytest.mark.parametrize("path", ["/app/", "/proxy/APP/deep/x", "/other/page", "/lab", "/files/a.html"])
@pytest.mark.parametrize("token", [THEIRS, TOKEN])
def test_where_the_cookie_is_good_nothing_is_exchanged(pair: Pair, path: str, token: str) -> None:
    path = f"{path}?a=1&token={token}".replace("APP", str(pair.application.port))
    bare, managed = (
        ask(server, "GET", path, {"Cookie": pair.cookies[server.url], "Referer": f"{server.url}/lab"} | BROWSER) for server in pair.both
    )
    assert managed.status == bare.status == 200
    assert managed.all("Set-Cookie") == bare.all("Set-Cookie") == []


@pytest.mark.parametrize("path", ["/app/x", "/other/page"])
def test_a_foreign_token_comes_back_after_the_sign_in(pair: Pair, path: str) -> None:
    url = f"{path}?token={THEIRS}&a=%20b"
    bare, managed = (ask(server, "GET", url, dict(BROWSER)) for server in pair.both)
    assert managed.status == bare.status == 302
    assert managed.all("Location") == bare.all("Location")
    with pair.managed.client(headers=BROWSER) as browser:
        sign_in = browser.get(managed.all("Location")[0])
        action = re.search(r'action="([^"]+)"', sign_in.text)
        assert action is not None
        form = {"_xsrf": browser.cookies["_xsrf"], "password": PASSWORD}
        assert browser.post(action[1].replace("&amp;", "&"), data=form).headers["location"] == url


@pytest.mark.parametrize("path", ["/lab", "/files/a.html", "/tree", "/nowhere", "/api/status"])
def test_a_wrong_token_for_one_of_jupyters_own_pages_is_taken_out(pair: Pair, path: str) -> None:
    answer = ask(pair.managed, "GET", f"{path}?token={THEIRS}&a=%20b&token=again", dict(BROWSER))
    assert (answer.status, answer.all("Location")) == (302, [f"{path}?a=%20b"])


def test_our_token_in_the_address_of_an_application_becomes_a_cookie(pair: Pair) -> None:
    answer = ask(pair.managed, "GET", f"/app/x?a=%20&token={TOKEN}&token2=1", dict(BROWSER))
    assert (answer.status, answer.all("Location")) == (302, ["/app/x?a=%20&token2=1"])


def test_a_token_beside_an_applications_own_counts(pair: Pair) -> None:
    """More than a bare server does, which looks at the query alone: it would be a wrong guess here."""
    for _ in range(7):
        assert ask(pair.managed, "GET", f"/app/x?token={THEIRS}", WITH_TOKEN | BROWSER).status == 200


def test_two_wrong_tokens_in_one_request_are_two_guesses(machine: Machine) -> None:
    server = machine.start(machine.settings())
    server.ready()
    wrong = [ask(server, "GET", f"/api/kernels?token=q{n}", {"Authorization": f"token h{n}"}).status for n in range(4)]
    assert wrong == [403, 403, 429, 429]


def test_a_template_of_another_extension_keeps_its_own_token(pair: Pair) -> None:
    signed = [signed_in(pair, server, "cookie") for server in pair.both]
    bare, managed = (ask(server, "GET", "/other/template", headers) for server, headers in zip(pair.both, signed, strict=True))
    assert managed.body == bare.body == b"its-own|x"
    # Ours is in no page.
    assert ask(pair.managed, "GET", f"/other/template?given={TOKEN}", signed[1]).body == b"|x"


# -- who it is ---------------------------------------------------------------------------------------------------------------------


def _names(client: Any, server: Server, **first: Any) -> list[str]:
    """Who the client is in its first request, which carries its token, and in the later ones."""
    told = [client.get(f"{server.url}/api/me", **first).json()]
    told += [client.get(f"{server.url}/api/me").json() for _ in range(2)]
    return [answer["identity"]["username"] for answer in told]


FIRST: dict[str, dict[str, Any]] = {
    "header": {"headers": WITH_TOKEN},
    "bearer": {"headers": {"Authorization": f"Bearer {TOKEN}"}},
    "query": {"params": {"token": TOKEN}},
}


@pytest.mark.parametrize("kind", ["requests", "httpx"])
@pytest.mark.parametrize("first", FIRST)
def test_a_client_that_signs_in_once_and_keeps_cookies_stays_one_user(pair: Pair, kind: str, first: str) -> None:
    for server in pair.both:
        with requests.Session() if kind == "requests" else httpx.Client(trust_env=False) as client:
            assert len(set(_names(client, server, **FIRST[first]))) == 1


@pytest.mark.parametrize("kind", ["requests", "httpx"])
def test_a_client_that_sends_its_header_each_time_stays_one_user(pair: Pair, kind: str) -> None:
    for server in pair.both:
        made = requests.Session() if kind == "requests" else httpx.Client(trust_env=False)
        with made as client, httpx.Client(trust_env=False, headers=WITH_TOKEN) as other:
            client.headers.update(WITH_TOKEN)
            mine, theirs = _names(client, server), _names(other, server)
            assert len(set(mine)) == len(set(theirs)) == 1
            # Two clients are two users, though the address is one.
            assert mine[0] != theirs[0]


def test_a_name_that_a_client_gives_itself_stays(pair: Pair) -> None:
    for server in pair.both:
        with httpx.Client(trust_env=False, headers=WITH_TOKEN) as client:
            changed = client.patch(f"{server.url}/api/me", json={"display_name": "Ada"})
            assert changed.status_code == 200, changed.text
            told = client.get(f"{server.url}/api/me").json()["identity"]
            assert told["display_name"] == "Ada"


def test_a_token_in_a_form_counts_beside_a_cookie(pair: Pair) -> None:
    """A form with the token needs no XSRF token at a bare server, whatever cookies come with it."""
    for server in pair.both:
        cookie = {"Cookie": re.sub(r"_xsrf=[^;]*;? ?", "", pair.cookies[server.url])}
        form = {"Content-Type": "application/x-www-form-urlencoded"} | cookie
        assert ask(server, "POST", "/other/page", form, f"token={TOKEN}").status == 200
        assert ask(server, "POST", "/other/page", form, f"token={THEIRS}").status == 403
        assert ask(server, "POST", "/other/page", form, "a=b").status == 403


def test_a_token_that_reaches_an_application_first_leaves_a_cookie_too(pair: Pair) -> None:
    for server in pair.both:
        with httpx.Client(trust_env=False) as client:
            assert client.get(f"{server.url}/app/x", params={"token": TOKEN}).status_code == 200
            assert client.get(f"{server.url}/app/x").status_code == 200


def test_after_a_change_of_credentials_a_client_is_one_new_user(machine: Machine) -> None:
    settings = machine.settings()
    server = machine.start(settings)
    server.ready()
    with httpx.Client(trust_env=False, headers=WITH_TOKEN) as client:
        before = _names(client, server)
        traits = machine.traits(settings)
        traits["RemoteKitIdentityProvider"]["hashed_password"] = ""
        traits["RemoteKitIdentityProvider"]["password_required"] = False
        machine.write(settings, traits)
        server.control.reload_credentials()
        after = _names(client, server)
    assert len(set(before)) == len(set(after)) == 1
    assert before[0] != after[0]


# -- the event bus -----------------------------------------------------------------------------------------------------------------


def test_who_signs_in_is_no_event_for_every_subscriber(pair: Pair) -> None:
    url = pair.managed.url.replace("http", "ws", 1) + "/api/events/subscribe"
    opened = websocket.create_connection(url, header=dict(WITH_TOKEN), timeout=20)
    try:
        with pair.managed.signed_in():
            pass
        # Of the server's own: what comes first tells whether anything came before it.
        event = {"schema_id": "https://events.jupyter.org/jupyter_server/contents_service/v1", "version": "1"}
        event["data"] = {"action": "get", "path": "marker"}  # type: ignore[assignment]
        assert httpx.post(f"{pair.managed.url}/api/events", json=event, headers=WITH_TOKEN, trust_env=False).status_code == 204
        told = json.loads(opened.recv())
        assert told["path"] == "marker"
    finally:
        opened.close()


def test_where_it_was_asked_for_the_audit_is_on_the_bus(machine: Machine) -> None:
    machine.configure("jupyter_remotekit_config.py", "c.RemoteKit.audit_events = True\n")
    server = machine.start(machine.settings())
    server.ready()
    opened = websocket.create_connection(server.url.replace("http", "ws", 1) + "/api/events/subscribe", header=dict(WITH_TOKEN), timeout=20)
    try:
        with server.signed_in():
            pass
        assert json.loads(opened.recv())["action"] == "sign-in"
    finally:
        opened.close()
