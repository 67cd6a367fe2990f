"""The sign-in page: in the browser's language, and telling a stranger nothing of the server."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.server.conftest import PASSWORD

if TYPE_CHECKING:
    from tests.server.conftest import Machine

ALERT = '<p role="alert">'
# A browser that opens a page.
PAGE = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8", "Sec-Fetch-Dest": "document"}


def test_the_page_speaks_the_browsers_language_and_tells_nothing_else(machine: Machine) -> None:
    server = machine.start(machine.settings())
    server.ready()
    with server.client() as client:
        english = client.get("/login")
        chinese = client.get("/login", headers={"Accept-Language": "zh-CN,zh;q=0.9,en;q=0.8"})
        wrong = client.post("/login", data={"_xsrf": client.cookies["_xsrf"], "password": "guess"}, headers={"Accept-Language": "zh-CN"})
    assert '<html lang="en">' in english.text
    assert "Password or token" in english.text
    assert ALERT not in english.text
    assert '<html lang="zh-CN">' in chinese.text
    assert "密码或令牌" in chinese.text
    assert "Password or token" not in chinese.text
    assert (wrong.status_code, wrong.text.count(ALERT)) == (401, 1)
    assert "密码或令牌错误" in wrong.text
    for page in (english, chinese, wrong):
        assert page.headers["Cache-Control"] == "no-store"
        assert "version" not in page.text.lower().replace("conversion", "")
        assert "data-jupyter" not in page.text


@pytest.mark.parametrize(
    ("instance", "command"), [("default", "jupyter remotekit password"), ("gpu-2", "jupyter remotekit password --instance gpu-2")]
)
def test_the_command_is_that_of_this_servers_password(machine: Machine, instance: str, command: str) -> None:
    server = machine.start(machine.settings(instance=instance))
    server.ready()
    with server.client() as client:
        assert f"<code>{command}</code>" in client.get("/login").text


def test_where_the_visitor_was_going_survives_the_form_and_cannot_leave_it(machine: Machine) -> None:
    server = machine.start(machine.settings())
    server.ready()
    with server.client() as client:
        page = client.get("/login", params={"next": '/lab/tree/a b.ipynb?x="><script>'})
        assert "<script>" not in page.text
        assert 'action="/login?next=%2Flab%2Ftree%2Fa+b.ipynb%3Fx%3D%22%3E%3Cscript%3E"' in page.text


def test_only_this_servers_pages_and_its_user_sign_out(machine: Machine) -> None:
    server = machine.start(machine.settings())
    server.ready()
    foreign: list[dict[str, str]] = [{"Sec-Fetch-Site": value} for value in ("cross-site", "same-site", "other", "")]
    # As older browsers, and all over plain HTTP. The last is an image that is sent without a referrer, or an address that was typed.
    foreign += [{"Referer": "https://evil.example/"}, {"Referer": "{url}1/"}, {"Origin": "null"}, {}]
    # An image in a notebook that another person wrote, and a frame in it.
    own_page = {"Sec-Fetch-Site": "same-origin"}
    foreign += [own_page | {"Accept": "image/avif,image/webp,*/*;q=0.8"}, own_page | {"Sec-Fetch-Dest": "iframe"}]
    with server.signed_in() as client:
        for named in foreign:
            asked = client.get("/logout", headers=PAGE | {name: value.format(url=server.url) for name, value in named.items()})
            assert (asked.status_code, "username" in asked.headers.get("Set-Cookie", "")) == (200, False), named
            assert "Sign out of JupyterLab?" in asked.text
            assert '<form action="/logout" method="post">' in asked.text
            assert client.get("/api/contents").status_code == 200
        assert len(server.control.sessions()) == 1


def test_the_button_signs_out_and_no_other_page_can_press_it(machine: Machine) -> None:
    server = machine.start(machine.settings())
    server.ready()
    with server.signed_in() as client:
        form = {"_xsrf": client.cookies["_xsrf"]}
        assert client.post("/logout").status_code == 403
        # A page of another subdomain can set the cookie that the field is compared with.
        for named in ({"Sec-Fetch-Site": "same-site"}, {"Origin": f"{server.url}1"}, {"Origin": "null"}):
            assert client.post("/logout", data=form, headers=named).status_code == 403, named
        assert client.get("/api/contents").status_code == 200
        pressed = client.post("/logout", data=form, headers={"Origin": server.url, "Sec-Fetch-Site": "same-origin"})
        assert "You are signed out" in pressed.text
        assert server.control.sessions() == []
        assert client.get("/api/contents").status_code == 403


# What another host of the domain may set the cookie to. tornado can read none of them.
PLANTED = ("2|x", "2|zz|zz|zz", "")


def test_a_planted_cookie_keeps_no_user_out_and_lets_no_page_in(machine: Machine) -> None:
    server = machine.start(machine.settings())
    server.ready()
    own: list[dict[str, str]] = [{"Sec-Fetch-Site": "same-origin", "Origin": server.url}, {"Origin": server.url}]
    foreign: list[dict[str, str]] = [{"Sec-Fetch-Site": "same-site", "Origin": f"{server.url}1"}, {"Origin": "null"}, {}]
    # A label that says nothing of a page, beside an origin that does.
    foreign += [{"Sec-Fetch-Site": "none", "Origin": server.url}]
    for value in PLANTED:
        planted = {"Cookie": f"_xsrf={value}"}
        form = {"_xsrf": value, "password": PASSWORD}
        for named in foreign:
            with server.client() as client:
                assert client.post("/login", data=form, headers=planted | named).status_code == 403, (value, named)
        for named in own:
            with server.client() as client:
                assert client.get("/login", headers=planted).status_code == 200
                assert client.post("/login", data=form, headers=planted | named).status_code == 302, (value, named)
                session = "; ".join(f"{name}={kept}" for name, kept in client.cookies.items() if name != "_xsrf")
                client.cookies.clear()
                cookies = {"Cookie": f"{session}; _xsrf={value}"}
                for other in foreign:
                    assert client.post("/logout", data=form, headers=cookies | other).status_code == 403, (value, other)
                assert "You are signed out" in client.post("/logout", data=form, headers=cookies | named).text
    assert server.control.sessions() == []


def test_other_origins_that_the_configuration_names_neither_sign_in_nor_out(machine: Machine) -> None:
    settings = machine.settings()
    traits = machine.traits(settings)
    traits["ServerApp"]["allow_origin"] = "https://portal.example"
    machine.write(settings, traits)
    server = machine.start(settings)
    server.ready()
    portal = {"Origin": "https://portal.example", "Sec-Fetch-Site": "cross-site"}
    with server.signed_in() as owner, server.client() as client:
        form = {"_xsrf": owner.cookies["_xsrf"], "password": PASSWORD}
        proof = {"X-XSRFToken": form["_xsrf"]}
        for named in (portal, {"Origin": "https://portal.example"}):
            for path in ("/login", "/logout"):
                assert owner.post(path, data=form, headers=named).status_code == 403, (path, named)
            assert owner.post("/api/terminals", headers=named | proof).status_code == 200
            assert client.post("/login", data=form, headers=named | {"Cookie": f"_xsrf={form['_xsrf']}"}).status_code == 403
        # Behind a proxy that changes the name the browser's word is enough, as before.
        lost = {"Origin": "https://gpu.example.org", "Sec-Fetch-Site": "same-origin"}
        assert owner.post("/login", data=form, headers=lost).status_code == 302
    assert {row["way"] for row in server.control.sessions()} == {"password"}


@pytest.mark.parametrize("named", [{"Sec-Fetch-Site": "none"}, {"Sec-Fetch-Site": "same-origin"}, {"Referer": "{url}/lab"}])
def test_a_user_who_opens_the_page_is_signed_out(machine: Machine, named: dict[str, str]) -> None:
    server = machine.start(machine.settings())
    server.ready()
    with server.signed_in() as client:
        headers = PAGE | {name: value.format(url=server.url) for name, value in named.items()}
        assert "You are signed out" in client.get("/logout", headers=headers).text
        assert client.get("/api/contents").status_code == 403
