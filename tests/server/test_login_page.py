"""The sign-in page: in the browser's language, and telling a stranger nothing of the server."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.server.conftest import Machine

ALERT = '<p role="alert">'


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


@pytest.mark.parametrize(
    ("named", "followed"),
    [
        ({"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-origin"}),
        # As older browsers, and all over plain HTTP.
        ({"Referer": "https://evil.example/"}, {"Referer": "{url}/logout"}),
    ],
)
def test_another_sites_page_signs_nobody_out(machine: Machine, named: dict[str, str], followed: dict[str, str]) -> None:
    server = machine.start(machine.settings())
    server.ready()
    with server.signed_in() as client:
        asked = client.get("/logout", headers=named)
        assert (asked.status_code, "Set-Cookie" in asked.headers) == (200, False)
        assert "Sign out of JupyterLab?" in asked.text
        assert '<form action="/logout">' in asked.text
        assert client.get("/api/contents").status_code == 200
        assert len(server.control.sessions()) == 1
        done = client.get("/logout", headers={name: value.format(url=server.url) for name, value in followed.items()})
        assert "You are signed out" in done.text
        assert server.control.sessions() == []
        assert client.get("/api/contents").status_code == 403


@pytest.mark.parametrize("named", [{"Sec-Fetch-Site": "none"}, {}])
def test_whoever_enters_the_address_is_signed_out(machine: Machine, named: dict[str, str]) -> None:
    server = machine.start(machine.settings())
    server.ready()
    with server.signed_in() as client:
        assert "You are signed out" in client.get("/logout", headers=named).text
        assert client.get("/api/contents").status_code == 403
