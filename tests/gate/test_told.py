"""What the gate refuses is told by its cause, to programs and on a page in either language."""

from __future__ import annotations

import json

import pytest

from tests.gate.raw import NAVIGATION, Line
from tests.server.conftest import Machine, Server

HOST = ("Host", "127.0.0.1")
LONG = ("Content-Length", "70000")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("method", "target", "fields", "status", "message"),
    [
        ("GET", "http://evil.example/", (), 400, "The request target is not a path: http://evil.example/"),
        ("OPTIONS", "*", (), 400, "The request target is not a path: *"),
        ("GET", "/%ff", (), 400, "The path is not UTF-8 text, or has a null character."),
        ("GET", "/a%00", (), 400, "The path is not UTF-8 text, or has a null character."),
        ("GET", "/lab", (("Origin", "https://[evil"),), 400, "The header Origin is not a URL."),
        ("GET", "/lab", (("Referer", "https://[evil"),), 400, "The header Referer is not a URL."),
        ("BREW", "/lab", (), 405, "The request method BREW is not known."),
        ("POST", "/login", (LONG,), 413, "The body of the request is larger than 65536 bytes, and no more is read before you sign in."),
        (
            "POST",
            "/login",
            (("Content-Type", "multipart/form-data"), ("Content-Length", "9")),
            400,
            "A body of the type multipart/ is not read before you sign in.",
        ),
        ("GET", "/lab/api/licenses", (), 403, "Sign in first."),
    ],
)
def test_the_cause_comes_first(  # noqa: PLR0913  # a row
    method: str, target: str, fields: tuple[tuple[str, str], ...], status: int, message: str, loopback: tuple[Machine, Server]
) -> None:
    line = Line(loopback[1])
    told = line.ask(target, (HOST, *fields), method=method)
    page = line.ask(target, (HOST, *fields, *NAVIGATION.items()), method=method)
    chinese = line.ask(target, (HOST, *fields, *NAVIGATION.items(), ("Accept-Language", "zh-CN")), method=method)
    line.close()
    assert (told.status, json.loads(told.body)["message"]) == (status, message)
    assert (page.status, message in page.body.decode()) == (status, True)
    assert (chinese.status, message in chinese.body.decode()) == (status, False)
    assert '<html lang="zh-CN">' in chinese.body.decode()
