"""Password, token and cookies of a server that was used in every way: nowhere but where they have to be, whatever was sent where."""

from __future__ import annotations

import base64
import contextlib
import json
import re
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

import httpx
import pytest

from tests.e2e.stage.canaries import Canaries
from tests.e2e.stage.hosts import PORT, Host
from tests.e2e.stage.ides import execute
from tests.e2e.stage.namespaces import Namespace
from tests.gate.load.network import FIRST_ATTACKER
from tests.gate.raw import NAVIGATION

pytestmark = pytest.mark.timeout(300)
PAGE_CONFIG = re.compile(r'<script id="jupyter-config-data" type="application/json">(.*?)</script>', re.DOTALL)
# The instance's own file, and jupyter_server's entry for `jupyter server list`: both for the owner alone. No other file has the token.
HOLDERS = re.compile(r"\.jupyter/remotekit/\w+\.json|\.local/share/jupyter/runtime/jpserver-\d+\.json")
BASE = f"https://10.77.1.1:{PORT}"
NEAR_MISSES = 12
# What every password of the canaries begins with.
MARK = b"Kanarie-"


@dataclass
class Used:
    """What was seen while the server was used."""

    host: Host
    machine: Namespace
    canaries: Canaries
    pages: dict[str, httpx.Response]
    outputs: dict[str, str]


def cookies_watched(client: httpx.Client, canaries: Canaries) -> None:
    """Watch the value of every cookie but `_xsrf`, and what is inside a signed one."""
    for cookie in client.cookies.jar:
        if cookie.name == "_xsrf" or not cookie.value:
            continue
        value = cookie.value.strip('"')
        canaries.watch(value)
        for part in value.split("|"):
            with contextlib.suppress(ValueError):
                decoded = base64.b64decode(part.partition(":")[2]).decode()
                canaries.watch(json.loads(decoded)["session"])


def signed_in(http: httpx.Client, password: str, canaries: Canaries) -> dict[str, str]:
    """Fill in the form; returns the headers of the page's own requests."""
    http.get("/login")
    answer = http.post("/login", data={"_xsrf": http.cookies["_xsrf"], "password": password})
    assert answer.status_code == httpx.codes.FOUND, answer.text
    cookies_watched(http, canaries)
    return {"X-XSRFToken": http.cookies["_xsrf"], "Referer": f"{BASE}/lab"}


def raw(host: Host, machine: Namespace, request: bytes) -> None:
    """Send what no client library would, and read what comes back."""
    context = ssl.create_default_context(cafile=str(host.ca))
    with (
        machine.entered(),
        socket.create_connection((host.address, PORT), timeout=10) as plain,
        context.wrap_socket(plain, server_hostname=host.address) as secured,
        contextlib.suppress(ConnectionError),
    ):
        secured.sendall(request)
        while secured.recv(1 << 16):
            pass


@pytest.fixture(scope="module")
def canaries(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Canaries]:
    watch = Canaries(tmp_path_factory.mktemp("canaries"))
    yield watch
    watch.stop()


@pytest.fixture(scope="module")
def used(hosts: tuple[Host, Namespace], canaries: Canaries) -> Iterator[Used]:
    host, machine = hosts
    password = canaries.password()
    host.up("--access", "lan", "--password-stdin", stdin=f"{password}\n")
    canaries.watch_instance(host.instance_file())
    story = Used(host, machine, canaries, {}, {})
    with host.http(machine, BASE) as http:
        headers = signed_in(http, password, canaries)
        _work(story, http, headers)
    _send_secrets_where_they_do_not_belong(story, password)
    _guess(story, password)
    _administer(story)
    yield story
    host.empty_home()


def _work(story: Used, http: httpx.Client, headers: dict[str, str]) -> None:
    """A day in a browser and in an IDE."""
    host, token = story.host, story.host.token()
    for path in ("/lab", "/lab?reset", "/api/contents", "/api/me", "/lab/api/settings", "/nowhere", "/api/nowhere", "/static/nowhere"):
        story.pages[f"by cookie: {path}"] = http.get(path, headers=headers)
    kernel = http.post("/api/kernels", json={"name": "python3"}, headers=headers).json()["id"]
    http.post("/api/terminals", headers=headers)
    cookie = "; ".join(f"{name}={value}" for name, value in http.cookies.items())
    address = f"{BASE.replace('http', 'ws', 1)}/api/kernels/{kernel}/channels"
    with story.machine.entered():
        assert execute(address, {"Cookie": cookie}, "6 * 7", host.ca) == "42"
        assert execute(f"{address}?token={token}", {}, "6 * 7", host.ca) == "42"
        assert execute(address, {"Authorization": f"token {token}"}, "6 * 7", host.ca) == "42"
    http.delete(f"/api/kernels/{kernel}", headers=headers)
    story.pages["asked before signing out"] = http.get("/logout", headers=headers)
    story.pages["signing out"] = signed_out = http.post("/logout", headers=headers)
    assert signed_out.status_code == httpx.codes.OK


def _send_secrets_where_they_do_not_belong(story: Used, password: str) -> None:
    """The right ones: in queries, referers, bodies, paths of errors, and in headers that no parser takes."""
    host, machine, token = story.host, story.machine, story.host.token()
    with host.http(machine, BASE) as http:
        headers = signed_in(http, password, story.canaries)
        session = "; ".join(f"{name}={value}" for name, value in http.cookies.items())
        http.cookies.clear()
        asked = {
            "a page by token": ("/lab", NAVIGATION),
            "an API by token": ("/api/contents", {}),
            "an absent page by token": ("/nowhere", NAVIGATION),
            "an absent API by token": ("/api/contents/nowhere", {}),
            "an absent file by token": ("/files/nowhere", {}),
            "a static file by token": ("/static/favicon.ico", {}),
            "a foreign host by token": ("/lab", {"Host": "evil.example"}),
            "the login page by token": ("/login", NAVIGATION),
        }
        for name, (path, more) in asked.items():
            story.pages[name] = http.get(path, params={"token": token}, headers=more)
            cookies_watched(http, story.canaries)
            http.cookies.clear()
        referred = {"Referer": f"{BASE}/lab?token={token}"}
        story.pages["a referer with the token"] = http.get("/nowhere", headers=referred)
        story.pages["a page to go to with the token"] = http.get("/login", params={"next": f"/lab?token={token}"})
        story.pages["a wrong verb by token"] = http.request("BREW", "/lab", params={"token": token})
        story.pages["a form with the token"] = http.post("/api/contents", data={"token": token})
        http.get("/login")
        form = {"_xsrf": http.cookies["_xsrf"], "password": token}
        story.pages["the token as the password"] = http.post("/login", data=form)
        cookies_watched(http, story.canaries)
        story.pages["a password in the query"] = http.post("/login", params={"password": password}, headers=headers)
        story.pages["a password as basic authorisation"] = http.get("/lab", auth=("owner", "x"))
    head = f"GET /nowhere?token={token} HTTP/1.1\r\nHost: {host.address}:{PORT}\r\n"
    for line in (f"Cookie: {session}\x01", f"Cookie : {session}", f"Authorization: token {token}\x01", f"Authorization token {token}"):
        raw(host, machine, f"{head}{line}\r\nConnection: close\r\n\r\n".encode())
    raw(host, machine, f"GET /lab?token={token} HTTP/9.9\r\n\r\n".encode())
    raw(
        host, machine, f"GET /%ff?token={token} HTTP/1.1\r\nHost: {host.address}\r\nCookie: {session}\r\nConnection: close\r\n\r\n".encode()
    )
    raw(host, machine, f"POST /login?token={token} HTTP/1.1\r\nHost: {host.address}\r\nContent-Length: -1\r\n\r\n{password}".encode())


def _guess(story: Used, password: str) -> None:
    """Near misses, until the throttle answers: a wrong password is often the right one with a slip."""
    host, token = story.host, story.host.token()
    transport = httpx.HTTPTransport(verify=ssl.create_default_context(cafile=str(host.ca)), local_address=FIRST_ATTACKER)
    with story.machine.entered(), httpx.Client(base_url=BASE, transport=transport, timeout=30) as http:
        http.get("/login")
        xsrf = http.cookies["_xsrf"]
        for number in range(NEAR_MISSES):
            form = {"_xsrf": xsrf, "password": f"{password}{number}"}
            story.pages[f"near miss {number}"] = http.post("/login", data=form)
            story.pages[f"near miss by token {number}"] = http.get("/api/status", params={"token": f"{token}{number}"})
            story.pages[f"near miss in a header {number}"] = http.get("/api/status", headers={"Authorization": f"token {token}{number}"})
            wrong, html = {"token": f"{token}{number}"}, NAVIGATION
            story.pages[f"near miss of a page {number}"] = http.get("/lab", params=wrong, headers=html)
    statuses = {answer.status_code for answer in story.pages.values()}
    assert httpx.codes.TOO_MANY_REQUESTS in statuses


def _administer(story: Used) -> None:
    """Look, change everything, look again."""
    host, canaries = story.host, story.canaries
    for words in (("status", "--json"), ("sessions", "--json"), ("audit", "--json"), ("audit",), ("sessions",), ("status",)):
        story.outputs[" ".join(words)] = host.kit(*words).expect().out
    changed = canaries.password()
    host.kit("init", "--allow-root", "--allow-host", "further.gpubox").expect()
    host.kit("password", "--password-stdin", stdin=f"{changed}\n").expect()
    canaries.watch_instance(host.instance_file())
    canaries.watch(host.kit("token", "--yes", "--json").expect().data["token"])
    with host.http(story.machine, BASE) as http:
        headers = signed_in(http, changed, canaries)
        story.pages["the page after the change"] = http.get("/lab", headers=headers)
    host.kit("sessions", "--end-all").expect()
    host.kit("down").expect()
    host.up()
    canaries.watch_instance(host.instance_file())


def test_the_page_of_a_session_holds_no_token(used: Used) -> None:
    for name in ("by cookie: /lab", "the page after the change"):
        (config,) = PAGE_CONFIG.findall(used.pages[name].text)
        assert json.loads(config)["token"] == ""
        assert json.loads(config)["baseUrl"] == "/"


def test_no_page_repeats_a_secret(used: Used) -> None:
    assert {answer.status_code for answer in used.pages.values()} >= {200, 302, 403, 404, 429}
    leaks = {name: found for name, answer in used.pages.items() if (found := used.canaries.inside(answer.content))}
    assert leaks == {}


def test_no_redirect_repeats_a_secret(used: Used) -> None:
    """Neither the token that came, nor in what the login page is told to go to."""
    where = {name: unquote(unquote(answer.headers.get("Location", ""))) for name, answer in used.pages.items()}
    assert {name: found for name, target in where.items() if (found := used.canaries.inside(target.encode()))} == {}


def test_no_file_holds_a_secret_but_the_instance(used: Used) -> None:
    """Logs, the audit, the sessions and the backups among them."""
    files = {str(path.relative_to(used.host.home)): path for path in used.host.home.rglob("*") if path.is_file()}
    logs = [name for name in files if name.endswith(("server.log", "audit.jsonl", "sessions.json"))]
    assert len(logs) == 3, sorted(files)
    assert all(files[name].stat().st_size > 1 for name in logs)
    held = {
        name: found for name, path in files.items() if not HOLDERS.fullmatch(name) and (found := used.canaries.inside(path.read_bytes()))
    }
    assert held == {}


def test_no_file_holds_a_password(used: Used) -> None:
    """Not even the instance's own."""
    for path in used.host.home.rglob("*"):
        if path.is_file():
            lines = [line for line in path.read_bytes().splitlines() if MARK in line]
            assert lines == [], path


def test_no_command_tells_a_secret(used: Used) -> None:
    assert set(used.outputs) == {"status --json", "sessions --json", "audit --json", "audit", "sessions", "status"}
    assert {words: found for words, text in used.outputs.items() if (found := used.canaries.inside(text.encode()))} == {}
    assert "refused-guess" in used.outputs["audit --json"]


def test_no_process_shows_a_secret(used: Used) -> None:
    assert used.canaries.shown() == []
    environments = [Path(f"/proc/{pid}/environ").read_bytes() for pid in used.host.machine.pids()]
    assert [found for environment in environments if (found := used.canaries.inside(environment))] == []
