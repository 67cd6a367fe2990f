"""What the open gate answers by itself, and what every answer carries, seen from outside of a real server."""

from __future__ import annotations

import json
import re
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import websocket

from jupyter_remote_kit.settings import Access

if TYPE_CHECKING:
    from tests.server.conftest import Machine, Server

PASSWORD = "Correct-horse-7"
TOKEN = "canary-token-0123456789abcdef0123456789"
WITH_TOKEN = {"Authorization": f"token {TOKEN}"}
# What Java's own client sends, whatever it fetches.
JAVA = {"Accept": "text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2"}
BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "strict-origin-when-cross-origin",
    "permissions-policy": (
        "browsing-topics=(), camera=(self), geolocation=(self), microphone=(self), payment=(self), serial=(self), usb=(self)"
    ),
}
OWN_HEADERS = HEADERS | {"referrer-policy": "same-origin"}

# A real server for each: once is enough, not on every Python.
pytestmark = pytest.mark.slow


@pytest.fixture
def behind_proxy(machine: Machine) -> Server:
    """A server for a LAN whose proxy is on this machine: a test says in `X-Forwarded-For` who it is."""
    settings = machine.settings(
        access=Access.LAN, plain_http=True, ip="127.0.0.1", trusted_proxies=("127.0.0.1/32",), allow_hosts=("gpu.example.org",)
    )
    server = machine.start(settings)
    server.ready()
    return server


def guess(client: httpx.Client, password: str = "wrong", headers: Mapping[str, str] | None = None) -> httpx.Response:
    """One attempt at the form, as a program would make it."""
    # A pair of one's own making, as an attacker's program would send it: jupyter_server takes any two that are equal.
    return client.post("/login", data={"_xsrf": "x", "password": password}, headers={"Cookie": "_xsrf=x", **(headers or {})})


def audit(machine: Machine) -> list[dict[str, Any]]:
    """What the audit holds."""
    return [json.loads(line) for line in machine.layout.audit_file("default").read_text().splitlines()]


def answer_to(server: Server, text: bytes) -> bytes:
    """What comes back for exactly these bytes, until the server hangs up."""
    host, _, port = server.url.partition("://")[2].partition(":")
    with socket.create_connection((host, int(port)), timeout=10) as peer:
        peer.sendall(text)
        received = b""
        try:
            while chunk := peer.recv(65536):
                received += chunk
        except (TimeoutError, ConnectionResetError):
            pass
        return received


# -- tokens in the address bar -----------------------------------------------------------------------------------------------------


def test_a_token_in_the_address_bar_becomes_a_cookie_and_goes(machine: Machine) -> None:
    server = machine.start(machine.settings())
    server.ready()
    with server.client() as client:
        answer = client.get("/lab/tree/a%20b.ipynb", params={"token": TOKEN, "reset": "", "x": "ä &"}, headers=BROWSER)
        assert answer.status_code == 302
        assert answer.headers["location"] == "/lab/tree/a%20b.ipynb?reset=&x=%C3%A4+%26"
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers.get_list("set-cookie")[0].startswith("username-127-0-0-1-")
        assert client.get("/api/kernels").status_code == 200
        # There is nothing to exchange any more.
        assert client.get("/api/contents", headers=BROWSER, params={"token": TOKEN}).status_code == 200
    assert TOKEN not in server.output
    assert TOKEN not in json.dumps(audit(machine))
    assert [row["action"] for row in audit(machine)] == ["token-new-client", "sign-in"]


def test_the_way_to_another_host_does_not_come_out_of_the_exchange(machine: Machine) -> None:
    server = machine.start(machine.settings())
    server.ready()
    told = answer_to(
        server, f"GET //evil.example/lab?token={TOKEN} HTTP/1.1\r\nHost: localhost\r\nAccept: application/xhtml+xml\r\n\r\n".encode()
    )
    assert b"Location: /evil.example/lab\r\n" in told


def test_programs_are_not_sent_elsewhere_and_keep_one_session(machine: Machine) -> None:
    server = machine.start(machine.settings())
    server.ready()
    for _ in range(5):
        with server.client(headers=JAVA) as poller:
            assert poller.get("/api/sessions", params={"token": TOKEN}).status_code == 200
            with_cookie = poller.get("/api/sessions")
            assert with_cookie.status_code == 200
    for _ in range(5):
        # Without a cookie jar each request is a new user's, as at a bare server, and all of them are one session.
        with server.client() as editor:
            assert "set-cookie" in editor.get("/api/sessions", headers={**WITH_TOKEN, "User-Agent": "vscode"}).headers
    assert [row["way"] for row in server.control.sessions()] == ["token", "token"]


def test_a_wrong_token_does_not_stay_in_the_address_bar_either(machine: Machine) -> None:
    server = machine.start(machine.settings())
    server.ready()
    with server.client(headers=BROWSER) as client:
        answer = client.get("/lab", params={"token": "yesterdays-token", "reset": ""})
        assert (answer.status_code, answer.headers["location"]) == (302, "/lab?reset=")
        assert client.get("/lab?reset=").headers["location"] == "/login?next=%2Flab%3Freset%3D"
    assert "yesterdays-token" not in server.output


# -- guesses -----------------------------------------------------------------------------------------------------------------------


def test_guesses_are_limited_wherever_they_are_made(machine: Machine) -> None:
    server = machine.start(machine.settings())
    server.ready()
    with server.client() as stranger:
        assert guess(stranger).status_code == 401
        assert stranger.get("/api/kernels", headers={"Authorization": "token wrong1"}).status_code == 403
        assert stranger.get("/static/favicon.ico", params={"token": "wrong2"}).status_code == 200
        assert stranger.post("/api/kernels", data={"token": "wrong3"}).status_code == 403
        with pytest.raises(websocket.WebSocketBadStatusException) as refused:
            websocket.create_connection(
                server.url.replace("http", "ws") + "/api/kernels/00000000-0000-0000-0000-000000000000/channels?token=wrong4", timeout=10
            )
        assert refused.value.status_code == 403
        # Those were five.
        for late in (
            guess(stranger),
            guess(stranger, PASSWORD),
            stranger.get("/api/kernels", headers={"Authorization": "Bearer wrong5"}),
            stranger.get("/lab", params={"token": "wrong6"}),
            stranger.post("/api/kernels", data={"token": "wrong7"}),
        ):
            assert late.status_code == 429
            assert 1 <= int(late.headers["retry-after"]) <= 60
        # Who sends no credential has guessed nothing: VS Code asks so every few seconds.
        assert stranger.get("/api/sessions").status_code == 403
        # The right one is never held up.
        assert stranger.get("/api/kernels", headers=WITH_TOKEN).status_code == 200
    assert {row["action"] for row in audit(machine)} == {"refused-guess", "token-new-client"}


def test_the_owner_is_not_locked_out_behind_an_attackers_address(machine: Machine) -> None:
    server = machine.start(machine.settings())
    server.ready()
    with server.signed_in() as owner, server.client() as attacker:
        known = {name: value for name, value in owner.cookies.items() if name.startswith("remotekit-device")}
        assert len(known) == 1
        for number in range(7):
            last = guess(attacker, f"wrong{number}")
        assert last.status_code == 429
        assert owner.get("/api/kernels").status_code == 200
        # A browser that was here before signs in; the cookie alone opens nothing.
        with server.client(cookies={**known, "_xsrf": "x"}) as returned:
            assert returned.get("/api/kernels").status_code == 403
            assert returned.post("/login", data={"_xsrf": "x", "password": PASSWORD}).status_code == 302


def test_the_page_says_how_long_to_wait_in_the_readers_language(machine: Machine) -> None:
    server = machine.start(machine.settings())
    server.ready()
    with server.client(headers=BROWSER) as stranger:
        for number in range(5):
            guess(stranger, f"wrong{number}")
        chinese = guess(stranger, headers={"Accept-Language": "zh-CN"})
        english = guess(stranger)
    assert chinese.status_code == english.status_code == 429
    assert "秒后重试" in chinese.text
    assert f"Try again in {english.headers['retry-after']} seconds" in english.text
    assert 'href="/login"' in english.text


def test_another_sites_page_uses_up_none_of_the_owners_guesses(machine: Machine) -> None:
    server = machine.start(machine.settings())
    server.ready()
    with server.client() as browser:
        # A form of a browser that sends no Origin with it: the password is looked at.
        assert guess(browser, headers={"Referer": "https://evil.example/"}).status_code == 401
        for header in ({"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "no-cors"}, {"Referer": "https://evil.example/"}):
            seen = [browser.get("/x.png", params={"token": f"{number}"}, headers=header).status_code for number in range(7)]
            assert seen[-1] == 429
        assert guess(browser, PASSWORD).status_code == 302
    assert {row.get("reason") for row in audit(machine) if row["action"] == "refused-guess"} == {"cross-site"}


def test_another_sites_page_cannot_have_the_owner_banned(machine: Machine) -> None:
    server = machine.start(machine.settings())
    server.ready()
    with server.client(headers={"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}) as browser:
        seen = [browser.get("/x.png", params={"token": f"{number}"}).status_code for number in range(6)]
        assert seen[-1] == 429
        assert [guess(browser).status_code for _ in range(5)] == [429] * 5
    assert {row["reason"] for row in audit(machine)} <= {"cross-site"}


def test_who_guessed_nothing_is_not_blamed_for_the_guesses_of_all(behind_proxy: Server, machine: Machine) -> None:
    with behind_proxy.client(headers=BROWSER) as client:
        for number in range(200):
            wrong = {"X-Forwarded-For": f"10.0.0.{number}", "Authorization": f"token wrong{number}"}
            # So that the next place is free in more than a second.
            if client.get("/api/kernels", headers=wrong).headers.get("retry-after") == "2":
                break
        refused = guess(client, PASSWORD, {"X-Forwarded-For": "10.9.9.9"})
    assert refused.status_code == 429
    assert "Too many wrong passwords or tokens are being tried at this moment. Try again in" in refused.text
    assert [row["reason"] for row in audit(machine) if row["client"] == "10.9.9.9"] == ["busy"]
    assert {row["reason"] for row in audit(machine) if row["client"] != "10.9.9.9"} == {"token"}


def test_a_known_browser_is_told_of_its_own_guesses(machine: Machine) -> None:
    server = machine.start(machine.settings())
    server.ready()
    with server.signed_in() as owner:
        known = {name: value for name, value in owner.cookies.items() if name.startswith("remotekit-device")}
    with server.client() as stranger, server.client(cookies={**known, "_xsrf": "x"}, headers=BROWSER) as returned:
        for number in range(5):
            assert returned.post("/login", data={"_xsrf": "x", "password": f"wrong{number}"}).status_code == 401
        for number in range(5):
            guess(stranger, f"wrong{number}")
        refused = returned.post("/login", data={"_xsrf": "x", "password": PASSWORD})
    assert refused.status_code == 429
    assert "Too many wrong passwords or tokens from this browser. Try again in" in refused.text


def test_a_known_browser_that_used_up_its_own_guesses_has_those_of_its_address(machine: Machine) -> None:
    server = machine.start(machine.settings())
    server.ready()
    with server.signed_in() as owner:
        known = {name: value for name, value in owner.cookies.items() if name.startswith("remotekit-device")}
    with server.client() as stranger, server.client(cookies={**known, "_xsrf": "x"}) as returned:
        for number in range(9):
            assert returned.post("/login", data={"_xsrf": "x", "password": f"wrong{number}"}).status_code == 401
        # The right one is given back to where it was counted.
        assert returned.post("/login", data={"_xsrf": "x", "password": PASSWORD}).status_code == 302
        assert [guess(stranger, f"wrong{number}").status_code for number in range(2)] == [401, 429]


def test_a_password_that_comes_when_others_have_used_up_the_guesses_is_refused_and_recorded(machine: Machine) -> None:
    settings = machine.settings()
    server = machine.start(settings)
    server.ready()
    body = f"_xsrf=x&password={PASSWORD}".encode()
    head = (
        f"POST /login HTTP/1.1\r\nHost: 127.0.0.1:{settings.port}\r\nCookie: _xsrf=x\r\n"
        f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", settings.port), timeout=10) as late, server.client() as others:
        late.sendall(head.encode() + body[:-1])
        # Its header has come by then: nothing was refused so far, and one loop reads both.
        assert [guess(others, f"wrong{number}").status_code for number in range(5)] == [401] * 5
        late.sendall(body[-1:])
        told = late.recv(65536)
    assert told.startswith(b"HTTP/1.1 429 ")
    assert re.search(rb"\r\nRetry-After: (60|5[0-9])\r\n", told)
    assert b"from your network" in told
    # Of one source five are written as they come, and the others are told of together.
    server.stop()
    assert [row.get("repeated") for row in audit(machine)] == [None] * 5 + [1]


def test_who_passes_for_another_sites_page_is_slowed_down_too_and_not_for_long(machine: Machine) -> None:
    server = machine.start(machine.settings())
    server.ready()

    def seconds(count: int, ask: Callable[[int], httpx.Response]) -> float:
        began = time.monotonic()
        for number in range(count):
            ask(number)
        return time.monotonic() - began

    with server.client(headers={"Sec-Fetch-Site": "cross-site"}) as flood, server.client() as stranger:
        # Each of them is a connection and a request: two turns, of which guessers have 10 a second.
        assert seconds(60, lambda number: flood.get("/x.png", params={"token": f"{number}"})) > 3
        # 40 requests, of which 20 are at once; a guesser of no site but his own stays slow for the minute that he has to wait.
        server.wait_until(lambda: seconds(40, lambda _: stranger.get("/login")) < 1.5)


def test_links_on_another_sites_page_use_up_none_of_a_known_browsers_guesses(machine: Machine) -> None:
    """Its device cookie is `Lax`: it comes with whatever page the browser opens."""
    server = machine.start(machine.settings())
    server.ready()
    with server.signed_in() as owner:
        known = {name: value for name, value in owner.cookies.items() if name.startswith("remotekit-device")}
    led = {**BROWSER, "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    with server.client(cookies={**known, "_xsrf": "x"}) as browser:
        seen = [browser.get("/lab", params={"token": f"{number}"}, headers=led).status_code for number in range(7)]
        assert seen == [302] * 5 + [429] * 2
        for number in range(4):
            assert browser.post("/login", data={"_xsrf": "x", "password": f"wrong{number}"}).status_code == 401
        assert browser.post("/login", data={"_xsrf": "x", "password": PASSWORD}).status_code == 302


def test_a_password_that_nobody_could_look_at_is_not_held_against_anybody(machine: Machine) -> None:
    settings = machine.settings()
    machine.write(settings)
    path = machine.broken_copy() / "host" / "passwords.py"
    path.write_text(path.read_text() + "\n\ndef verify_password(*_: object) -> bool:\n    raise RuntimeError('out of lanes')\n")
    server = machine.start(settings)
    server.ready()
    with server.client() as owner:
        assert [guess(owner, PASSWORD).status_code for _ in range(7)] == [500] * 7
    assert "RuntimeError: out of lanes" in server.output
    assert "UnboundLocalError" not in server.output
    assert audit(machine) == []


def test_a_second_cookie_of_the_name_does_not_lock_out(machine: Machine) -> None:
    server = machine.start(machine.settings())
    server.ready()
    with server.signed_in() as owner, server.client() as same:
        name, good = next((name, value) for name, value in owner.cookies.items() if name.startswith("username"))
        # Those of longer paths come first, as many as a browser keeps.
        for pair in (f"{name}=planted; " * 180 + f"{name}={good}", f"{name}={good}" + f"; {name}=planted" * 63):
            answer = same.get("/api/kernels", headers={"Cookie": pair})
            assert answer.status_code == 200
            assert "set-cookie" not in answer.headers


def test_a_changed_name_keeps_the_session(machine: Machine) -> None:
    server = machine.start(machine.settings())
    server.ready()
    with server.signed_in() as owner:
        xsrf = {"X-XSRFToken": owner.cookies["_xsrf"]}
        assert owner.patch("/api/me", json={"color": "#123456"}, headers=xsrf).status_code in {200, 501}
        assert owner.get("/api/kernels").status_code == 200
    assert len(server.control.sessions()) == 1
    assert [row["action"] for row in audit(machine)] == ["sign-in"]


def test_signing_in_again_leaves_one_session(machine: Machine) -> None:
    server = machine.start(machine.settings())
    server.ready()
    with server.signed_in() as owner:
        first = dict(owner.cookies)
        owner.post("/login", data={"_xsrf": owner.cookies["_xsrf"], "password": PASSWORD})
        devices = {name: value.split(".")[0] for name, value in owner.cookies.items() if name.startswith("remotekit-device")}
        assert devices == {name: value.split(".")[0] for name, value in first.items() if name.startswith("remotekit-device")}
        assert owner.get("/api/kernels").status_code == 200
        with server.client(cookies=first) as old:
            assert old.get("/api/kernels").status_code == 403
    assert len(server.control.sessions()) == 1


# -- what was recognised before a rotation, and arrives after it ---------------------------------------------------------------------


HELD = {
    "a terminal's websocket by token": (
        "GET /api/events/subscribe HTTP/1.1",
        ("Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=="),
        f"Authorization: token {TOKEN}",
    ),
    "a page by token": (f"GET /lab?token={TOKEN} HTTP/1.1", (f"Accept: {BROWSER['Accept']}",), "X-Nothing: 1"),
    "a file by token": ("PUT /api/contents/a.txt HTTP/1.1", ("Content-Type: application/json",), f"Authorization: token {TOKEN}"),
    "a file by cookie": ("PUT /api/contents/a.txt HTTP/1.1", ("Content-Type: application/json",), "Cookie"),
}


@pytest.mark.parametrize("held", HELD)
def test_a_request_that_began_before_a_rotation_is_a_strangers_after_it(machine: Machine, held: str) -> None:
    settings = machine.settings()
    server = machine.start(settings)
    server.ready()
    line, more, credential = HELD[held]
    body = b'{"type": "file", "format": "text", "content": "x"}'
    with server.signed_in() as owner:
        if credential == "Cookie":
            pairs = "; ".join(f"{name}={value}" for name, value in owner.cookies.items())
            credential = f"Cookie: {pairs}\r\nX-XSRFToken: {owner.cookies['_xsrf']}"
    head = "\r\n".join((line, f"Host: 127.0.0.1:{settings.port}", *more, credential, f"Content-Length: {len(body)}", "", "")).encode()
    with socket.create_connection(("127.0.0.1", settings.port), timeout=10) as peer:
        peer.sendall(head + body[:1])
        # It has been recognised once the audit, or nothing at all, says so; a question of ours comes after it in any case.
        server.control.status()
        traits = machine.traits(settings)
        traits["RemoteKitIdentityProvider"]["token"] = TOKEN[::-1]
        machine.write(settings, traits)
        server.control.reload_credentials()
        peer.sendall(body[1:])
        told = peer.recv(65536)
    status = int(told.split()[1])
    assert status in {302, 403}, told
    # A deletion of the old cookie is all that may come back.
    assert not re.search(rb"Set-Cookie: username-[^=]+=\"?2\|", told)
    assert not (machine.root / "a.txt").exists()


# -- addresses and names -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/lab", "/api", "/static/favicon.ico", "/login", "/remotekit/api/health", "/nowhere"])
def test_a_foreign_address_is_refused_everywhere_with_the_setting_named(behind_proxy: Server, machine: Machine, path: str) -> None:
    with behind_proxy.client(headers={"X-Forwarded-For": "203.0.113.7", **WITH_TOKEN}) as foreign:
        page = foreign.get(path, headers=BROWSER)
        program = foreign.get(path)
    assert page.status_code == program.status_code == 403
    command = "jupyter remotekit init --allow-network default --allow-network 203.0.113.7"
    assert command in page.text
    assert command in program.json()["hint"]
    with behind_proxy.client(headers={"X-Forwarded-For": "203.0.113.7, 192.168.3.4"}) as near:
        assert near.get("/remotekit/api/health").status_code == 200
    assert {(row["action"], row["client"]) for row in audit(machine)} == {("refused-address", "203.0.113.7")}


def test_the_command_for_a_refused_address_or_name_keeps_what_is_declared(machine: Machine) -> None:
    declared = {"allow_networks": ("10.1.0.0/16", "192.0.2.0/24"), "allow_hosts": ("gpu.example.org", "lab.example.org")}
    server = machine.start(
        machine.settings(access=Access.LAN, plain_http=True, ip="127.0.0.1", trusted_proxies=("127.0.0.1/32",), **declared)
    )
    server.ready()
    with server.client() as client:
        address = client.get("/lab", headers={"X-Forwarded-For": "10.2.0.7"})
        name = client.get("/lab", headers={"Host": "evil.example"})
    assert address.status_code == name.status_code == 403
    init = "jupyter remotekit init"
    assert f"{init} --allow-network 10.1.0.0/16 --allow-network 192.0.2.0/24 --allow-network 10.2.0.7" in address.json()["hint"]
    assert f"{init} --allow-host gpu.example.org --allow-host lab.example.org --allow-host evil.example" in name.json()["hint"]


def test_the_scheme_is_the_proxys_to_tell(behind_proxy: Server) -> None:
    https = {"X-Forwarded-For": "10.1.2.3", "X-Forwarded-Proto": "https"}
    with behind_proxy.client(headers=https) as browser:
        answer = browser.post("/login", data={"_xsrf": "x", "password": PASSWORD}, headers={"Cookie": "_xsrf=x"})
        assert answer.status_code == 302
        assert all("; Secure" in cookie for cookie in answer.headers.get_list("set-cookie"))
    rows = behind_proxy.control.sessions()
    assert [row["address"] for row in rows] == ["10.1.2.3"]


def test_a_foreign_name_is_refused_and_the_declared_ones_are_not(behind_proxy: Server, machine: Machine) -> None:
    with behind_proxy.client() as client:
        for name in ("gpu.example.org", "GPU.example.org.:8443", "localhost:1", "bench.localhost", "127.0.0.1", "[::1]:80"):
            assert client.get("/remotekit/api/health", headers={"Host": name}).status_code == 200, name
        for name in ("evil.example", "gpu.example.org.evil.example", "gpu.example.org@evil.example", "203.0.113.9", ""):
            assert client.get("/remotekit/api/health", headers={"Host": name}).status_code in {400, 403}, name
    assert {row["action"] for row in audit(machine)} == {"refused-host"}


@pytest.mark.parametrize("target", ["http://evil.example/lab", "http://localhost/lab", "*", "lab", "//evil.example/lab"])
def test_a_target_that_is_no_path_is_not_served(machine: Machine, target: str) -> None:
    server = machine.start(machine.settings())
    server.ready()
    told = answer_to(server, f"GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
    status = int(told.split()[1])
    assert status in ({302, 403, 404} if target.startswith("//") else {400})
    assert b"\r\nLocation: //" not in told


@pytest.mark.parametrize("path", ["/files/%ff", "/static/%c0%af", "/lab/api/licenses/%ff", "/files/a%00b", "/api/contents/%80"])
def test_a_path_that_is_no_text_is_answered_shortly(behind_proxy: Server, path: str) -> None:
    for credential in ("X-Nothing: 1", f"Authorization: token {TOKEN}"):
        asked = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{credential}\r\n\r\n"
        assert answer_to(behind_proxy, asked.encode()).startswith(b"HTTP/1.1 400 ")
    assert "Traceback" not in behind_proxy.output


@pytest.mark.parametrize("verb", ["BREW", "get", "TRACE"])
def test_an_unknown_verb_is_told_the_known_ones(behind_proxy: Server, verb: str) -> None:
    told = answer_to(behind_proxy, f"{verb} /lab HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    assert told.startswith(b"HTTP/1.1 405 ")
    assert b"\r\nAllow: GET, HEAD, POST, DELETE, PATCH, PUT, OPTIONS\r\n" in told
    assert "Traceback" not in behind_proxy.output


def test_of_several_faults_the_first_one_is_told(machine: Machine) -> None:
    """From the last check to the first: each request has one fault more than the one before, and is refused for that one."""
    traits = {"access": Access.LAN, "plain_http": True, "ip": "127.0.0.1", "trusted_proxies": ("127.0.0.1/32",)}
    settings = machine.settings(**traits)
    written = machine.traits(settings)
    written["ServerApp"]["base_url"] = "/jupyter/"
    machine.write(settings, written)
    server = machine.start(settings)
    server.ready()
    stranger, address = "10.9.8.7", "X-Forwarded-For: 203.0.113.7"
    with server.client(headers={"X-Forwarded-For": stranger}) as guesser:
        while guesser.get("/jupyter/lab", params={"token": f"{time.monotonic()}"}).status_code != 429:
            pass
    size, form, large = "Content-Length: 70000", "Content-Type: multipart/form-data", f"X-Large: {'x' * 20_000}"
    of_guesser, foreign = f"X-Forwarded-For: {stranger}", "Host: evil.example"
    told = [
        _told(server, "POST /jupyter/login", size),
        _told(server, "POST /jupyter/login", size, form),
        _told(server, "POST /jupyter/login", size, form, "Origin: https://elsewhere.example"),
        _told(server, "POST /jupyter/login", size, form, "Origin: https://elsewhere.example", large),
        _told(server, "POST /jupyter/login?token=x", size, form, large, of_guesser),
        _told(server, "POST /login?token=x", size, form, large, of_guesser),
        _told(server, "POST /login?token=x", size, form, large, of_guesser, foreign),
        _told(server, "POST /login?token=x", size, form, large, address, foreign),
        _told(server, "BREW /login?token=x", size, form, large, address, foreign),
        _told(server, "BREW http://evil.example/", size, form, large, address, foreign),
    ]
    assert [status for status, _ in told] == [413, 400, 403, 431, 429, 404, 403, 403, 405, 400]
    assert "evil.example" in told[6][1]
    assert "203.0.113.7" in told[7][1]


def _told(server: Server, asked: str, *fields: str) -> tuple[int, str]:
    """Status and text of the answer to such a request."""
    named = () if any(field.startswith("Host:") for field in fields) else ("Host: localhost",)
    head, _, body = answer_to(server, "\r\n".join((f"{asked} HTTP/1.1", *named, *fields, "", "")).encode()).partition(b"\r\n\r\n")
    return int(head.split()[1]), body.decode()


# -- sizes -------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/login", "/api/contents/a.txt", "/nowhere"])
def test_a_strangers_large_body_is_refused_unread(machine: Machine, path: str) -> None:
    server = machine.start(machine.settings())
    server.ready()
    announced = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 65537\r\n\r\n".encode()
    # Nothing of the body is sent: the answer cannot have waited for it.
    assert answer_to(server, announced).startswith(b"HTTP/1.1 413 ")
    chunked = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n10001\r\n".encode() + b"x" * 0x10001
    assert answer_to(server, chunked)[:12] in {b"", b"HTTP/1.1 400"}
    with server.client(headers=WITH_TOKEN) as editor:
        saved = editor.put("/api/contents/a.txt", json={"type": "file", "format": "text", "content": "x" * 200_000})
        assert saved.status_code == 201
        assert editor.post("/login", content=b"x" * 65537).status_code == 413


# -- what every answer carries -----------------------------------------------------------------------------------------------------


def test_every_answer_carries_the_headers(machine: Machine) -> None:
    server = machine.start(machine.settings())
    server.ready()
    (machine.root / "a.pdf").write_bytes(b"%PDF-1.4\n")
    (machine.root / "a.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    of_jupyter, of_files = ("/", "/lab", "/api/kernels", "/nowhere"), ("/static/favicon.ico", "/files/a.pdf", "/files/a.svg")
    with server.client() as stranger, server.client(headers=WITH_TOKEN) as editor:
        answers = [(HEADERS, client.get(path)) for client in (stranger, editor) for path in of_jupyter]
        answers += [(HEADERS | {"referrer-policy": None, "permissions-policy": None}, editor.get(path)) for path in of_files]
        answers += [(OWN_HEADERS, answer) for answer in (stranger.get("/login"), stranger.get("/api"), stranger.request("BREW", "/lab"))]
        answers += [(OWN_HEADERS, stranger.get("/lab", headers={"Host": "evil.example"}))]
        guesses = [stranger.get("/lab", params={"token": f"wrong{number}"}) for number in range(7)]
        answers += [(HEADERS if guess.status_code == 302 else OWN_HEADERS, guess) for guess in guesses]
    assert {answer.status_code for _, answer in answers} >= {200, 302, 403, 404, 405, 429}
    for headers, answer in answers:
        carried = {name: answer.headers.get(name) for name in HEADERS}
        assert carried == headers, (answer.url, answer.status_code)
        assert "frame-ancestors 'self'" in answer.headers["content-security-policy"]
        assert "server" not in answer.headers
        assert "strict-transport-security" not in answer.headers
    upgraded = websocket.create_connection(server.url.replace("http", "ws") + "/api/events/subscribe", header=WITH_TOKEN, timeout=10)
    try:
        assert upgraded.getheaders() is not None
        assert HEADERS.items() <= upgraded.getheaders().items()
    finally:
        upgraded.close()


def test_hsts_is_sent_where_it_was_asked_for(machine: Machine) -> None:
    machine.issue_leaf()
    settings = machine.settings(access=Access.LAN, ip="127.0.0.1")
    for wanted in (False, True):
        server = machine.start(replace(settings, hsts=wanted)) if wanted else machine.start(settings)
        server.ready()
        with server.client() as client:
            assert client.get("/login").headers.get("strict-transport-security") == ("max-age=31536000" if wanted else None)
        server.stop()
        machine.layout.instance_file("default").unlink()


def test_strangers_are_not_told_the_version(machine: Machine) -> None:
    server = machine.start(machine.settings())
    server.ready()
    with server.client() as client:
        stranger, editor = client.get("/api"), client.get("/api", headers=WITH_TOKEN)
    assert (stranger.status_code, stranger.json()) == (200, {})
    assert editor.json()["version"]


# -- signing out -------------------------------------------------------------------------------------------------------------------


def test_a_line_break_in_the_way_back_does_no_harm(machine: Machine) -> None:
    server = machine.start(machine.settings())
    server.ready()
    with server.signed_in() as owner:
        answer = owner.get("/login?next=/a%0d%0aX-Injected")
    assert (answer.status_code, answer.headers["location"]) == (302, "/aX-Injected")


def test_the_way_back_carries_no_token_of_ours(machine: Machine) -> None:
    server = machine.start(machine.settings())
    server.ready()
    with server.client() as stranger:
        page = stranger.get("/login", params={"next": f"/lab/tree?a=1&token={TOKEN}&b=2&token=an-applications"})
        assert TOKEN not in page.text
        assert "next=%2Flab%2Ftree%3Fa%3D1%26b%3D2%26token%3Dan-applications" in page.text
        stranger.post("/login?password=in-the-wrong-place", data={"x": "y"})
    assert "in-the-wrong-place" not in server.output


def test_signing_out_ends_the_session_of_a_copied_cookie_too(machine: Machine) -> None:
    server = machine.start(machine.settings())
    server.ready()
    with server.signed_in() as owner, server.client(cookies=dict(owner.cookies)) as copy:
        assert copy.get("/api/kernels").status_code == 200
        owner.get("/logout", headers=BROWSER | {"Sec-Fetch-Site": "same-origin"})
        assert copy.get("/api/kernels").status_code == 403
    assert server.control.sessions() == []
    assert [row["action"] for row in audit(machine)] == ["sign-in", "session-ended"]


@pytest.mark.parametrize("header", ["Origin", "Referer"])
def test_a_header_that_cannot_be_read_does_not_make_guesses_free(machine: Machine, header: str) -> None:
    server = machine.start(machine.settings())
    server.ready()
    for credential in ("wrong", TOKEN):
        asked = f"GET /api/status HTTP/1.1\r\nHost: localhost\r\n{header}: http://[\r\nAuthorization: token {credential}\r\n\r\n"
        assert answer_to(server, asked.encode()).startswith(b"HTTP/1.1 400 ")
    assert "Traceback" not in server.output


def test_a_terminal_starts_among_the_notebooks(machine: Machine) -> None:
    server = machine.start(machine.settings())
    server.ready()
    with server.client(headers=WITH_TOKEN) as editor:
        assert editor.post("/api/terminals", json={}).status_code == 200
        # A child has its terminal a moment after it was forked, and is where it belongs after another one.
        assert server.wait_until(lambda: [shell.cwd() for shell in server.shells()] == [str(machine.root)])
