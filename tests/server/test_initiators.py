"""What made a browser send a request, and what a page of another origin cannot cause."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from tornado.httputil import HTTPHeaders, HTTPServerRequest, RequestStartLine

from jupyter_remote_kit.server import initiators, proxied, xsrf
from jupyter_remote_kit.server.initiators import Initiator
from tests.gate.raw import WEBSOCKET

if TYPE_CHECKING:
    import httpx

    from tests.server.conftest import Machine, Server

OWN, FOREIGN, UNKNOWN = Initiator.OWN, Initiator.FOREIGN, Initiator.UNKNOWN
PAGE = "text/html,application/xhtml+xml,*/*;q=0.8"
IMAGE = "image/avif,image/webp,image/*,*/*;q=0.8"


def a_request(*, secure: bool = False, host: str = "gpu.example.org:8888", **carried: str) -> HTTPServerRequest:
    given = HTTPHeaders({"Host": host, **{name.replace("_", "-"): value for name, value in carried.items()}})
    request = HTTPServerRequest(start_line=RequestStartLine("GET", "/", "HTTP/1.1"), headers=given, connection=None)
    request.protocol = "https" if secure else "http"
    return request


@pytest.mark.parametrize(
    ("carried", "initiator"),
    [
        ({}, UNKNOWN),
        ({"Sec_Fetch_Site": "same-origin"}, OWN),
        ({"Sec_Fetch_Site": "none"}, OWN),
        ({"Sec_Fetch_Site": "same-site"}, FOREIGN),
        ({"Sec_Fetch_Site": "cross-site"}, FOREIGN),
        # What Chromium says of a page that speculation rules, anybody's, have it load ahead.
        ({"Sec_Fetch_Site": "none", "Sec_Purpose": "prefetch"}, FOREIGN),
        ({"Sec_Fetch_Site": "none", "Sec_Purpose": "prefetch;prerender", "Referer": "http://gpu.example.org:8888/lab"}, FOREIGN),
        ({"Sec_Fetch_Site": "same-origin", "Sec_Purpose": "prefetch"}, OWN),
        ({"Sec_Fetch_Site": "same-origin, cross-site"}, FOREIGN),
        ({"Sec_Fetch_Site": ""}, FOREIGN),
        # The browser knows better than what a proxy makes of the name.
        ({"Sec_Fetch_Site": "same-origin", "Origin": "https://gpu"}, OWN),
        ({"Sec_Fetch_Site": "same-site", "Origin": "http://gpu.example.org:8888"}, FOREIGN),
        ({"Referer": "http://gpu.example.org:8888/lab"}, OWN),
        ({"Origin": "http://GPU.example.org:8888"}, OWN),
        ({"Origin": "http://gpu.example.org:8888", "Referer": "http://evil.example.org/"}, OWN),
        # Another port, another subdomain, the domain above, one below.
        ({"Referer": "http://gpu.example.org:8889/"}, FOREIGN),
        ({"Referer": "http://gpu.example.org/"}, FOREIGN),
        ({"Origin": "http://cpu.example.org:8888"}, FOREIGN),
        ({"Referer": "http://example.org:8888/"}, FOREIGN),
        ({"Origin": "http://a.gpu.example.org:8888"}, FOREIGN),
        ({"Origin": "null"}, FOREIGN),
        ({"Origin": "null", "Referer": "http://gpu.example.org:8888/"}, FOREIGN),
        ({"Referer": "about:blank"}, FOREIGN),
        ({"Referer": "http://["}, FOREIGN),
        ({"Origin": "", "Referer": ""}, UNKNOWN),
        # Of a websocket of our own page some browsers say `cross-site`.
        ({"Upgrade": "websocket", "Sec_Fetch_Site": "cross-site", "Origin": "http://gpu.example.org:8888"}, OWN),
        ({"Upgrade": "WebSocket", "Sec_Fetch_Site": "cross-site", "Origin": "http://cpu.example.org:8888"}, FOREIGN),
        ({"Upgrade": "websocket", "Sec_Fetch_Site": "cross-site", "Origin": "null"}, FOREIGN),
        ({"Upgrade": "websocket", "Sec_Fetch_Site": "cross-site"}, FOREIGN),
        ({"Upgrade": "websocket", "Origin": "http://cpu.example.org:8888"}, FOREIGN),
        ({"Upgrade": "h2c", "Sec_Fetch_Site": "cross-site", "Origin": "http://gpu.example.org:8888"}, FOREIGN),
    ],
)
def test_who_caused_a_request(carried: dict[str, str], initiator: Initiator) -> None:
    assert initiators.initiator_of(a_request(**carried)) is initiator
    assert initiators.is_foreign(a_request(**carried)) is (initiator is FOREIGN)


@pytest.mark.parametrize(
    ("carried", "foreign"),
    [
        # An image of a page that has its images sent without a referrer.
        ({"User_Agent": "Mozilla/5.0 (X11)", "Accept_Language": "en"}, True),
        ({"User_Agent": "Mozilla/5.0 (X11)", "Accept_Language": "en", "Referer": "http://gpu.example.org:8888/lab"}, False),
        # Programs: they are not led.
        ({"User_Agent": "Mozilla/5.0 (compatible)"}, False),
        ({"User_Agent": "vscode", "Accept_Language": "en"}, False),
    ],
)
def test_a_browser_that_does_not_say_is_taken_for_led(carried: dict[str, str], foreign: bool) -> None:
    assert initiators.initiator_of(a_request(**carried)) is (OWN if "Referer" in carried else UNKNOWN)
    assert initiators.is_foreign(a_request(**carried)) is foreign


@pytest.mark.parametrize(
    ("secure", "host", "foreign"),
    [
        (False, "gpu.example.org:8888", True),
        (False, "192.0.2.7:8888", True),
        (True, "gpu.example.org:8888", False),
        (False, "localhost:8888", False),
        (False, "gpu-example-org.localhost:21876", False),
        (False, "127.0.0.1:8888", False),
        (False, "[::1]:8888", False),
        (False, "a..b:8888", True),
    ],
)
def test_where_browsers_say_where_a_request_comes_from_silence_is_a_programs(secure: bool, host: str, foreign: bool) -> None:
    """Programs that guess passwords call themselves browsers; fail2ban shall ban them."""
    assert initiators.is_foreign(a_request(secure=secure, host=host, User_Agent="Mozilla/5.0 (X11)", Accept_Language="en")) is foreign


@pytest.mark.parametrize(
    ("method", "carried", "changes"),
    [
        ("POST", {}, True),
        ("GET", {}, False),
        ("GET", {"Upgrade": "websocket"}, True),
        # As programs in Java ask for HTTP/2.
        ("GET", {"Upgrade": "h2c"}, False),
    ],
)
def test_what_may_change_something(method: str, carried: dict[str, str], changes: bool) -> None:
    request = a_request(**carried)
    request.method = method
    assert proxied.is_change(request) is changes


@pytest.mark.parametrize(("secure", "scheme", "initiator"), [(True, "http", FOREIGN), (True, "https", OWN), (False, "https", OWN)])
def test_the_same_name_without_tls_is_another_origin(secure: bool, scheme: str, initiator: Initiator) -> None:
    """Any machine on the way can pose as `http://gpu.example.org:8888`. A proxy that is not named may have ended the TLS."""
    request = a_request(secure=secure, Referer=f"{scheme}://gpu.example.org:8888/lab")
    assert initiators.initiator_of(request) is initiator


@pytest.mark.parametrize(
    ("carried", "opens"),
    [
        ({"Accept": PAGE, "Sec_Fetch_Site": "none", "Sec_Fetch_Dest": "document"}, True),
        ({"Accept": PAGE, "Referer": "http://gpu.example.org:8888/lab"}, True),
        # The user opens nothing yet: Firefox' `<link rel=prefetch>` in a notebook, what Chromium loads while an address is typed.
        ({"Accept": PAGE, "Sec_Fetch_Site": "same-origin", "Sec_Purpose": "prefetch"}, False),
        ({"Accept": PAGE, "Sec_Fetch_Site": "none", "Sec_Fetch_Dest": "document", "Sec_Purpose": "prefetch;prerender"}, False),
        ({"Accept": PAGE, "Referer": "http://gpu.example.org:8888/lab", "Sec_Purpose": "prefetch"}, False),
        ({"Accept": PAGE, "Sec_Fetch_Site": "same-origin", "Sec_Fetch_Dest": "iframe"}, False),
        ({"Accept": IMAGE, "Sec_Fetch_Site": "same-origin", "Sec_Fetch_Dest": "image"}, False),
        ({"Accept": IMAGE, "Referer": "http://gpu.example.org:8888/lab"}, False),
        ({"Accept": PAGE, "Sec_Fetch_Site": "same-site", "Sec_Fetch_Dest": "document"}, False),
        ({"Accept": PAGE}, False),
    ],
)
def test_what_opens_a_page_for_the_user(carried: dict[str, str], opens: bool) -> None:
    assert initiators.is_own_navigation(a_request(**carried)) is opens


@pytest.mark.parametrize(
    ("carried", "settled"),
    [
        ({"X_XSRFToken": "planted", "Sec_Fetch_Site": "same-origin"}, True),
        ({"X_XSRFToken": "", "Origin": "http://gpu.example.org:8888"}, True),
        ({"X_XSRFToken": "2|x", "Sec_Fetch_Site": "same-site"}, False),
        ({"X_XSRFToken": "2|x", "Sec_Fetch_Site": "none"}, False),
        ({"X_XSRFToken": "2|x", "Sec_Fetch_Site": "none", "Origin": "http://gpu.example.org:8888"}, False),
        ({"X_XSRFToken": "2|x", "Sec_Fetch_Site": "none", "Origin": "http://cpu.example.org:8888"}, False),
        ({"X_XSRFToken": "2|x", "Sec_Fetch_Site": "same-site", "Origin": "http://gpu.example.org:8888"}, False),
        ({"X_XSRFToken": "2|x", "Origin": "", "Referer": "http://gpu.example.org:8888/lab"}, False),
        ({"X_XSRFToken": "2|x", "Origin": "http://cpu.example.org:8888"}, False),
        ({"X_XSRFToken": "2|x", "Referer": "http://gpu.example.org:8888/lab"}, False),
        ({"X_XSRFToken": "2|x"}, False),
        ({"Sec_Fetch_Site": "same-origin"}, False),
    ],
)
def test_the_token_of_a_script_of_our_own_page_is_not_compared(carried: dict[str, str], settled: bool) -> None:
    request = a_request(Cookie="_xsrf=own; a=b; _xsrf=planted-too", **carried)
    assert xsrf.is_proved(request) is settled


def test_what_a_token_is_compared_with_is_the_token() -> None:
    request = a_request(Cookie="_xsrf=own; a=b; _xsrf=planted-too", X_XSRFToken="2|x", Sec_Fetch_Site="same-origin")
    xsrf.settle(request)
    assert request.cookies["_xsrf"].value == request.headers["X-XSRFToken"] == "same-origin"
    assert request.cookies["a"].value == "b"


# -- what they can cause -----------------------------------------------------------------------------------------------------------

FOREIGN_PAGES: tuple[dict[str, str], ...] = (
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    # Plain HTTP beyond loopback, and older browsers.
    {"Origin": "{url}1"},
    {"Referer": "{url}1/"},
    {"Origin": "null"},
)


def rows(machine: Machine, begin: int) -> list[dict[str, str]]:
    """The audit's from `begin` on."""
    return [json.loads(line) for line in machine.layout.audit_file("default").read_text().splitlines()][begin:]


@pytest.mark.slow
def test_a_page_of_another_origin_changes_nothing_and_uses_up_no_guesses(machine: Machine) -> None:
    server = machine.start(machine.settings())
    server.ready()
    with server.signed_in() as owner, server.client() as stranger:
        begin = len(rows(machine, 0))
        for page in FOREIGN_PAGES:
            foreign = {name: value.format(url=server.url) for name, value in page.items()}
            _changes_nothing(server, owner, foreign)
            _guesses(stranger, foreign)
        assert {row["reason"] for row in rows(machine, begin)} == {"cross-site"}
        # The address and the browser have all of their guesses, and one that is right goes in.
        stranger.get("/login")
        form = {"_xsrf": stranger.cookies["_xsrf"], "password": "wrong"}
        assert [stranger.post("/login", data=form).status_code for _ in range(4)] == [401] * 4
        assert stranger.post("/login", data=form | {"password": "Correct-horse-7"}).status_code == 302


def _changes_nothing(server: Server, owner: httpx.Client, foreign: dict[str, str]) -> None:
    """With the owner's cookies, and an XSRF token that a page of another subdomain knows, since it has set the cookie."""
    sessions = [row["id"] for row in server.control.sessions()]
    proof = {"X-XSRFToken": owner.cookies["_xsrf"]}
    form = {"_xsrf": owner.cookies["_xsrf"], "password": "wrong"}
    asked = owner.get("/logout", headers=foreign)
    assert (asked.status_code, "Sign out of JupyterLab?" in asked.text) == (200, True)
    # `Referer` alone comes with what is read; whatever has a body has an Origin.
    if "Referer" not in foreign:
        assert owner.post("/logout", data=form, headers=foreign).status_code == 403
        assert owner.post("/login", data=form, headers=foreign).status_code == 403
        assert owner.post("/api/terminals", headers=foreign | proof).status_code == 403
        assert owner.delete("/api/contents/nothing", headers=foreign | proof).status_code == 403
    # What is read is served, as anywhere on the web.
    assert owner.get("/lab", headers=foreign).status_code == 200
    assert [row["id"] for row in server.control.sessions()] == sessions


def _guesses(stranger: httpx.Client, foreign: dict[str, str]) -> None:
    for number in range(6):
        stranger.get("/x.png", params={"token": f"wrong{number}"}, headers=foreign)
        stranger.post("/api/kernels", data={"token": f"wrong{number}"}, headers=foreign)
    assert stranger.get("/x.png", params={"token": "wrong"}, headers=foreign).status_code == 429


@pytest.mark.slow
def test_what_people_and_programs_do_goes_on(machine: Machine) -> None:
    server = machine.start(machine.settings())
    server.ready()
    page = {"Accept": PAGE, "Sec-Fetch-Dest": "document", "Sec-Fetch-Mode": "navigate"}
    own = {"Sec-Fetch-Site": "same-origin", "Origin": server.url}
    with server.signed_in() as owner, server.client() as editor, server.client(headers=page) as visitor:
        # Bookmarks, links in mails and on other pages, and a page that leads on.
        for site in ("none", "cross-site", "same-site", "same-origin"):
            assert owner.get("/lab", headers=page | {"Sec-Fetch-Site": site}).status_code == 200
            assert visitor.get(server.control.ticket(), headers={"Sec-Fetch-Site": site}).status_code == 302
            assert visitor.get("/lab", headers={"Sec-Fetch-Site": site}).status_code == 200
        # A script of JupyterLab, and its service worker.
        made = owner.post("/api/terminals", headers=own | {"X-XSRFToken": owner.cookies["_xsrf"]})
        assert made.status_code == 200
        # A websocket that the browser's label is wrong about.
        mislabelled = {"Sec-Fetch-Site": "cross-site", "Origin": server.url}
        assert owner.get("/api/events/subscribe", headers=WEBSOCKET | mislabelled).status_code == 101
        assert owner.get("/api/events/subscribe", headers=WEBSOCKET | mislabelled | {"Origin": f"{server.url}1"}).status_code == 403
        # An editor's webview, with the token: what it says of its origin counts for nothing.
        for named in ({}, {"Origin": "vscode-webview://0"}, {"Sec-Fetch-Site": "cross-site"}):
            token = {"Authorization": "token canary-token-0123456789abcdef0123456789"}
            assert editor.get("/api/kernels", headers=token | named).status_code == 200
            assert editor.put(
                "/api/contents/a.txt", json={"type": "file", "format": "text", "content": ""}, headers=token | named
            ).is_success
