"""Strings of strangers as user agents, names and paths: one valid JSON line each, and in a terminal nothing of them is obeyed."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote

import pytest
from tornado.httputil import HTTPHeaders, HTTPServerRequest, RequestStartLine

from jupyter_remote_kit.messages import untranslated
from jupyter_remote_kit.plan import audit as events
from jupyter_remote_kit.plan.audit import MAX_FIELD, Action
from jupyter_remote_kit.server.audit import Audit
from jupyter_remote_kit.server.visits import Peer, Visit, note
from tests.commands.host import SSH, Host, detached, free_port
from tests.gate.cases.hostile import CASES, Case
from tests.gate.leaks import leaks
from tests.gate.raw import send

PATIENCE_S = 30
# Of the 64 KiB that tornado takes some are the other headers'.
# Of a client that is signed in.
MAX_HEADER = 71 * 1024
# What a terminal could obey, or what could lead the eye: controls, formats, surrogates, separators of lines.
FORBIDDEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
REFUSED = re.compile(rb"HTTP/1\.1 4[0-9][0-9] ")


def harmless(text: str) -> bool:
    """Whether a terminal shows it as letters on one line."""
    return not any(unicodedata.category(char) in FORBIDDEN for char in text)


def lines_of(path: Path) -> list[dict[str, Any]]:
    """Every line of the audit, each of which must be an object of JSON, and ASCII."""
    data = path.read_bytes()
    assert data.isascii()
    assert data.endswith(b"\n")
    found = [json.loads(line) for line in data.decode().splitlines()]
    assert all(isinstance(line, dict) for line in found)
    for line in found:
        assert {name: value for name, value in line.items() if isinstance(value, str) and len(value) > MAX_FIELD} == {}
        assert all(harmless(str(name) + str(value)) for name, value in line.items())
    return found


def a_request(agent: str, path: str) -> HTTPServerRequest:
    request = HTTPServerRequest(start_line=RequestStartLine("GET", path, "HTTP/1.1"), headers=HTTPHeaders({"Host": "gpu"}))
    # Past the checks of tornado's newer versions: older ones have none.
    request.headers = cast("HTTPHeaders", {"User-Agent": agent})
    note(request, Visit(Peer(ip_address("192.0.2.7"), "192.0.2.7", secure=True)))
    return request


def test_the_table_is_one_of_distinct_cases() -> None:
    assert len({case.name for case in CASES}) == len({case.text for case in CASES}) == len(CASES)
    assert len(CASES) >= 200


@pytest.mark.parametrize("place", ["user agent", "its bytes", "path", "detail", "name of a detail"])
def test_one_line_for_each(tmp_path: Path, place: str) -> None:
    path = tmp_path / "audit.jsonl"
    audit = Audit(None, path)
    for case in CASES:
        agent = {"user agent": case.text, "its bytes": case.data.decode("latin-1")}.get(place, "curl/8")
        request = a_request(agent, case.text if place == "path" else "/")
        details = {"detail": {"terminal": case.text}, "name of a detail": {case.text: "x"}}.get(place, {})
        audit.record(Action.SIGN_IN, request, **details)
    audit.close()
    found = lines_of(path)
    assert len(found) == len(CASES)
    assert {(line["action"], line["client"]) for line in found} == {("sign-in", "192.0.2.7")}
    assert all(harmless(events.shown(line, untranslated)) for line in found)


def test_in_the_terminal_nothing_is_obeyed(host: Host) -> None:
    audit = Audit(None, host.layout.audit_file("default"))
    for case in CASES:
        audit.record(Action.SIGN_IN, a_request(case.text, case.text), terminal=case.text)
    audit.close()
    for variables in ({}, {"LANG": "zh_CN.UTF-8"}, {"PYTHONIOENCODING": "ascii"}):
        shown = host.run("audit", variables=variables)
        assert shown.code == 0
        assert len(shown.out.removesuffix("\n").split("\n")) == len(CASES)
        assert all(harmless(line) for line in shown.out.split("\n"))
    assert len(host.must("audit", "--json").data["events"]) == len(CASES)


def test_a_file_that_somebody_has_written_into_is_harmless_too(host: Host) -> None:
    Audit(None, host.layout.audit_file("default")).close()
    with host.layout.audit_file("default").open("a", encoding="utf-8", errors="surrogatepass", newline="") as file:
        for case in CASES:
            for escaped in (True, False):
                event = {"time": case.text, "action": case.text, "client": case.text, case.text: case.text}
                file.write(json.dumps(event, ensure_ascii=escaped) + "\n")
    shown = host.run("audit")
    assert shown.code == 0
    assert all(harmless(line) for line in shown.everything.split("\n"))
    assert harmless(host.run("audit", "--json").out.removesuffix("\n"))


# -- a real server ---------------------------------------------------------------------------------------------------------------------


@pytest.fixture
def host(tmp_path: Path) -> Host:
    """A host on which the kit was never used."""
    return Host(tmp_path / "host")


@contextmanager
def serving(host: Host) -> Iterator[int]:
    port = free_port()
    with detached(host, *SSH, "--port", str(port)):
        yield port
    assert leaks(host.folder, host.token) == []


def ask(port: int, request: bytes) -> bytes:
    """What came back; nothing where the server hangs up."""
    heard = send(port, request, timeout=PATIENCE_S)
    assert heard.closed
    return heard.data


def as_user_agent(case: Case, token: str) -> bytes:
    return b"GET /api HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: token %s\r\nUser-Agent: %s\r\n\r\n" % (
        token.encode(),
        case.data,
    )


def as_path(case: Case, token: str, number: int) -> bytes:
    return b"GET /%s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: token %s\r\nUser-Agent: path-%d\r\n\r\n" % (
        quote(case.data).encode(),
        token.encode(),
        number,
    )


def as_raw_path(case: Case, token: str, number: int) -> bytes:
    return as_path(case, token, number).replace(quote(case.data).encode(), case.data, 1).replace(b"path-", b"raw-path-")


def is_text(data: bytes) -> bool:
    """Whether these bytes are UTF-8 without NUL."""
    try:
        return "\0" not in data.decode()
    except UnicodeDecodeError:
        return False


@pytest.mark.slow
def test_sent_to_a_real_server(host: Host, figure: Callable[[str], None]) -> None:
    with serving(host) as port:
        token = host.token
        answers = [ask(port, as_user_agent(case, token)) for case in CASES]
        answers += [ask(port, as_path(case, token, number)) for number, case in enumerate(CASES)]
        answers += [ask(port, as_raw_path(case, token, number)) for number, case in enumerate(CASES)]
        assert not any(answer.startswith(b"HTTP/1.1 5") for answer in answers)
        assert ask(port, as_user_agent(Case("", "still-there"), token)).startswith(b"HTTP/1.1 200 ")
        sessions = host.run("sessions")
        found = lines_of(host.layout.audit_file("default"))
        shown = host.run("audit")
    clients = [line for line in found if line["action"] == "token-new-client"]
    # Each user agent that the server takes is one line; and each path that fits into a header was sent by a client of its own.
    # Paths that are no text are refused before anybody looks who sends them.
    fitting = [case for case in CASES if len(quote(case.data)) < MAX_HEADER and is_text(case.data)]
    assert sum(line.get("user_agent", "").startswith("path-") for line in clients) == len(fitting)
    assert len({json.dumps(line | {"time": ""}) for line in clients}) == len(clients)
    assert all(harmless(line) for line in (shown.everything + sessions.everything).split("\n"))
    assert len(shown.out.splitlines()) >= len(found)
    refused = sum(not answer or bool(REFUSED.match(answer)) for answer in answers)
    figure(f"{len(CASES)} hostile strings in {len(answers)} requests: {len(clients)} lines, {refused} refused or hung up on, no 5xx")
