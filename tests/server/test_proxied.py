"""A real nginx in front of a real server, with a line of its configuration missing: what is said is what mends it."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
import pytest

from jupyter_remote_kit.server.proxied import SHOWN, shown
from jupyter_remote_kit.settings import Access
from tests.gate.raw import NAVIGATION, WEBSOCKET
from tests.server.conftest import PASSWORD, TOKEN, Machine, Server, free_port

NAME = "lab.example"
CONF = """
daemon off; user root; pid {folder}/{port}.pid; error_log {folder}/error.log; worker_processes 1;
events {{ worker_connections 64; }}
http {{
  access_log off; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  upstream jupyter {{ server 127.0.0.1:{upstream}; }}
  ssl_certificate {leaf}; ssl_certificate_key {leaf};
  server {{ listen 127.0.0.1:{port} ssl; location / {{ {lines} }} }}
}}
"""
PASS = "proxy_pass http://127.0.0.1:{upstream};"
HOST = "proxy_set_header Host $http_host;"
UPGRADE = 'proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "upgrade";'
CLIENT = "proxy_set_header X-Forwarded-For $remote_addr; proxy_set_header X-Forwarded-Proto https;"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("nginx", path="/usr/sbin:/usr/bin") is None, reason="nginx is not installed"),
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, hashed_password: str) -> Iterator[Server]:
    machine = Machine(tmp_path_factory.mktemp("proxied") / "home", hashed_password)
    machine.issue_leaf(NAME)
    settings = machine.settings(access=Access.RELAY, plain_http=True, trusted_proxies=("127.0.0.1/32",), allow_hosts=(NAME,))
    started = machine.start(settings)
    started.ready()
    # What nginx serves with: this server speaks plain HTTP.
    yield replace(started, verify=machine.layout.leaf_file("default"))
    started.stop()


@dataclass
class Browser:
    """One that opened `https://lab.example:PORT/`, where nginx listens."""

    client: httpx.Client
    origin: str
    host: str

    def sign_in(self, **more: str) -> httpx.Response:
        """Open the form, and send it."""
        self.client.get("/login")
        headers = NAVIGATION | {"Origin": self.origin, "Referer": f"{self.origin}/login"} | more
        return self.client.post("/login", data={"_xsrf": self.client.cookies["_xsrf"], "password": PASSWORD}, headers=headers)

    def save(self, **more: str) -> httpx.Response:
        """As JupyterLab does."""
        headers = {"Origin": self.origin, "X-XSRFToken": self.client.cookies.get("_xsrf", "")} | more
        return self.client.put("/api/contents/a.txt", json={"type": "file", "format": "text", "content": "x"}, headers=headers)


@contextmanager
def nginx(server: Server, folder: Path, lines: str) -> Iterator[Browser]:
    """nginx with `lines` in its `location`, and a browser that reaches it."""
    upstream, port = server.url.rpartition(":")[2], free_port()
    conf = folder / f"{port}.conf"
    conf.write_text(
        CONF.format(folder=folder, upstream=upstream, port=port, leaf=server.verify, lines=lines.replace("{upstream}", upstream))
    )
    with subprocess.Popen(["/usr/sbin/nginx", "-c", conf], stderr=subprocess.DEVNULL) as process:
        try:
            host = f"{NAME}:{port}"
            with httpx.Client(
                base_url=f"https://127.0.0.1:{port}", headers={"Host": host}, verify=False, trust_env=False, timeout=20
            ) as client:

                def answers() -> bool:
                    try:
                        return bool(client.get("/remotekit/api/health").status_code)
                    except httpx.TransportError:
                        return False

                server.wait_until(answers)
                yield Browser(client, f"https://{host}", host)
        finally:
            process.terminate()


def line_for_nginx(answer: httpx.Response) -> str:
    """What the answer's hint says to write."""
    found = re.search(r"nginx: (.*?;)(?:; Apache|$)", answer.json()["hint"])
    assert found is not None, answer.text
    return found[1]


def test_with_all_lines_everything_works(server: Server, tmp_path: Path) -> None:
    with nginx(server, tmp_path, PASS + HOST + UPGRADE + CLIENT) as browser:
        assert browser.sign_in().status_code == 302
        assert browser.save().status_code in {200, 201}
        opened = browser.client.get("/api/events/subscribe", headers=WEBSOCKET | {"Origin": browser.origin})
        assert opened.status_code == 101


def test_without_the_scheme_and_the_clients_address_people_get_in(server: Server, tmp_path: Path) -> None:
    with nginx(server, tmp_path, PASS + HOST) as browser:
        assert browser.sign_in().status_code == 302
        assert browser.save().status_code in {200, 201}


@pytest.mark.parametrize(
    ("lines", "seen"),
    [
        (PASS, "127.0.0.1:{upstream}"),
        (PASS + "proxy_set_header Host $host;", NAME),
        (PASS + "proxy_set_header Host localhost;", "localhost"),
    ],
    ids=["nginx's default", "without the port", "another name"],
)
def test_a_changed_host_is_named_on_signing_in(lines: str, seen: str, server: Server, tmp_path: Path) -> None:
    with nginx(server, tmp_path, lines) as browser:
        told = browser.sign_in(Accept="*/*")
        page, chinese = browser.sign_in(), browser.sign_in(**{"Accept-Language": "zh-CN"})
        upstream = seen.format(upstream=server.url.rpartition(":")[2])
    assert told.status_code == page.status_code == 403
    assert told.json()["message"] == f"Origin and Host differ: the page is at {browser.origin}, and its request came to {upstream}."
    for expected in (browser.origin, upstream, HOST, "ProxyPreserveHost On", "Caddy", "frp"):
        assert expected in page.text
        assert expected in chinese.text
    assert "代理" in chinese.text
    mended = re.sub(r"proxy_set_header Host [^;]*;", "", lines) + line_for_nginx(told)
    with nginx(server, tmp_path, mended) as browser:
        assert browser.sign_in().status_code == 302


def test_a_changed_host_is_named_to_a_page_that_is_signed_in(server: Server, tmp_path: Path) -> None:
    with nginx(server, tmp_path, PASS) as browser:
        # The address with the token has no Origin.
        assert browser.client.get(f"/lab?token={TOKEN}", headers=NAVIGATION).status_code == 302
        assert browser.client.get("/lab", headers=NAVIGATION).status_code == 200
        told = browser.save()
        assert told.status_code == 403
        assert told.json()["message"].startswith(
            f"Origin and Host differ: the page is at {browser.origin}, and its request came to 127.0.0.1:"
        )
        opened = browser.client.get("/api/events/subscribe", headers=WEBSOCKET | {"Origin": browser.origin})
        assert opened.status_code == 426
        # A token comes from a program, and another site's page has no proxy to mend.
        assert browser.save(Authorization=f"token {TOKEN}").status_code in {200, 201}
        foreign = browser.save(Origin="https://evil.example", **{"Sec-Fetch-Site": "cross-site"})
        assert foreign.status_code == 403
        assert foreign.json() == {
            "message": "Pages of https://evil.example may not send requests to this server.",
            "reason": None,
            "hint": None,
        }
        # What is read needs no Origin.
        assert browser.client.get(
            "/api/contents/a.txt", headers={"Origin": browser.origin, "Sec-Fetch-Site": "same-origin"}
        ).status_code in {200, 404}
    with nginx(server, tmp_path, PASS + UPGRADE) as browser:
        browser.client.get(f"/lab?token={TOKEN}", headers=NAVIGATION)
        opened = browser.client.get("/api/events/subscribe", headers=WEBSOCKET | {"Origin": browser.origin})
        assert (opened.status_code, HOST in opened.json()["hint"]) == (403, True)
    with nginx(server, tmp_path, PASS + line_for_nginx(told)) as browser:
        browser.client.get(f"/lab?token={TOKEN}", headers=NAVIGATION)
        browser.client.get("/lab", headers=NAVIGATION)
        assert browser.save().status_code in {200, 201}


def test_the_name_of_an_upstream_is_not_blamed_on_the_address_bar(server: Server, tmp_path: Path) -> None:
    with nginx(server, tmp_path, "proxy_pass http://jupyter;") as browser:
        told = browser.client.get("/login")
        page = browser.client.get("/login", headers=NAVIGATION)
    assert told.status_code == page.status_code == 403
    assert told.json()["message"] == "This server is not known by the name jupyter."
    assert "jupyter remotekit init --allow-host lab.example --allow-host jupyter" in page.text
    assert HOST in page.text
    with nginx(server, tmp_path, "proxy_pass http://jupyter;" + line_for_nginx(told)) as browser:
        assert browser.sign_in().status_code == 302


def test_lines_for_websockets_that_are_missing_are_named(server: Server, tmp_path: Path) -> None:
    with nginx(server, tmp_path, PASS + HOST) as browser:
        assert browser.sign_in().status_code == 302
        told = browser.client.get("/api/kernels/1/channels", headers=WEBSOCKET | {"Origin": browser.origin})
        assert told.status_code == 426
        assert told.json()["message"] == "A WebSocket was to be opened, and the request came without Upgrade: websocket."
        assert f"ProxyPass / {server.url}/ upgrade=websocket" in told.json()["hint"]
        assert "A WebSocket was to be opened" in server.output
    with nginx(server, tmp_path, PASS + HOST + line_for_nginx(told)) as browser:
        assert browser.sign_in().status_code == 302
        assert browser.client.get("/api/events/subscribe", headers=WEBSOCKET | {"Origin": browser.origin}).status_code == 101
    with httpx.Client(base_url=server.url, trust_env=False) as client:
        assert client.get("/api/kernels/1/channels").status_code == 302


def test_a_prefix_that_is_taken_away_is_named(machine: Machine, tmp_path: Path) -> None:
    settings = machine.settings()
    traits = machine.traits(settings)
    traits["ServerApp"]["base_url"] = "/jupyter/"
    machine.write(settings, traits)
    machine.issue_leaf(NAME)
    started = machine.start(settings)
    started.ready()
    for path in ("/robots.txt", "/favicon.ico", "/jupyter", "/jupyter/login", "/jupyter/remotekit/api/health"):
        with started.client() as client:
            assert client.get(path).status_code in {200, 302, 404}
            assert "are below" not in client.get(path).text
    reached = replace(started, verify=machine.layout.leaf_file("default"))
    localhost = "proxy_set_header Host localhost; "
    with nginx(reached, tmp_path, f"{localhost}proxy_pass {started.url}/;") as browser:
        told, page = browser.client.get("/lab"), browser.client.get("/login", headers=NAVIGATION)
        chinese = browser.client.get("/", headers=NAVIGATION | {"Accept-Language": "zh"})
    assert told.status_code == page.status_code == chinese.status_code == 404
    assert told.json()["message"] == "The pages of this server are below /jupyter/, and the request is for /lab."
    assert "ProxyPass /jupyter/ " in page.text
    assert "/jupyter/" in chinese.text
    with nginx(reached, tmp_path, localhost + line_for_nginx(told)) as browser:
        assert browser.client.get("/jupyter/login").status_code == 200


@pytest.mark.parametrize(
    ("origin", "expected"),
    [
        ("https://lab.example:8443", "https://lab.example:8443"),
        ("null", "null"),
        ("https://a\x01b\u0085c\u202e", "https://a\N{REPLACEMENT CHARACTER}b\N{REPLACEMENT CHARACTER}c\N{REPLACEMENT CHARACTER}"),
        ("x" * (SHOWN + 1), "x" * SHOWN + "…"),
    ],
)
def test_what_a_client_wrote_is_shown_on_one_line(origin: str, expected: str) -> None:
    assert shown(origin) == expected


def test_what_a_client_wrote_is_no_markup(server: Server) -> None:
    with httpx.Client(base_url=server.url, trust_env=False) as client:
        client.get("/login")
        for headers in ({"Origin": "https://<script>alert(1)</script>"}, {"Host": "<script>alert(1)</script>"}):
            asked = NAVIGATION | headers
            told = client.post("/login", data={"_xsrf": "x", "password": "x"}, headers=asked)
            assert told.status_code in {400, 403}
            assert "<script" not in told.text
