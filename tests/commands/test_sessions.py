"""Who is signed in, as the person at the host reads it; and how that person ends it."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import httpx
import pytest

from tests.commands.host import PASSWORD, SSH, Host, Outcome, console_script, detached, free_port
from tests.commands.terminal import Terminal
from tests.host.test_control import http, server

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
ROW = {
    "id": "0123abcd",
    "way": "password",
    "address": "192.0.2.7",
    "client": FIREFOX,
    "first_seen": "2026-11-20T20:30:00Z",
    "last_seen": "2026-11-21T07:05:59Z",
    "expires": "2026-12-04T20:30:00Z",
    "websockets": 2,
}
EDITOR = ROW | {"id": "fedc9876", "way": "token", "address": "2001:db8::1", "client": "node-fetch/1.0", "websockets": 0}
BOLD = re.compile(r"\x1b\[(1|0)m")
NO_SESSION = "ffffffff"


@contextmanager
def answering(host: Host, rows: list[dict[str, Any]]) -> Iterator[list[str]]:
    """A control socket that answers as a server with these sessions; yields what it was asked."""
    host.layout.runtime_dir.mkdir(parents=True, mode=0o700, exist_ok=True)

    def answer(line: str) -> bytes:
        named = "ended" if line.startswith("POST") else "sessions"
        return http("200 OK", json.dumps({named: rows}).encode())

    with server(host.layout.control_socket("default"), answer) as asked:
        yield asked


def test_a_line_for_each_value_where_nobody_looks(host: Host) -> None:
    host.variables["TZ"] = "Asia/Shanghai"
    with answering(host, [ROW, EDITOR]):
        outcome = host.must("sessions")
    assert outcome.err == ""
    assert outcome.out.splitlines() == [
        "Session: 0123abcd",
        "Signed in by: password",
        "Address: 192.0.2.7",
        "Client: Firefox 128 (Linux)",
        "First seen: 2026-11-21 04:30 +0800",
        "Last seen: 2026-11-21 15:05 +0800",
        "Open connections: 2",
        "Session: fedc9876",
        "Signed in by: token",
        "Address: 2001:db8::1",
        "Client: node-fetch/1.0",
        "First seen: 2026-11-21 04:30 +0800",
        "Last seen: 2026-11-21 15:05 +0800",
        "Open connections: 0",
    ]


def test_json_is_what_the_server_says(host: Host) -> None:
    host.variables["TZ"] = "Asia/Shanghai"
    with answering(host, [ROW, EDITOR]) as asked:
        assert host.run("sessions", "--json").data == {"instance": "default", "sessions": [ROW, EDITOR]}
    assert asked == ["GET /sessions"]


def test_a_table_on_a_terminal(host: Host) -> None:
    host.variables["TZ"] = "UTC"
    with answering(host, [ROW, EDITOR]), Terminal(host, "sessions") as terminal:
        assert terminal.finish() == 0
        head, first, second = BOLD.sub("", terminal.seen).splitlines()
    assert re.split(r" {2,}", head.strip()) == [
        "Session",
        "Signed in by",
        "Address",
        "Client",
        "First seen",
        "Last seen",
        "Open connections",
    ]
    assert re.split(r" {2,}", first.strip()) == [
        "0123abcd",
        "password",
        "192.0.2.7",
        "Firefox 128 (Linux)",
        "2026-11-20 20:30 +0000",
        "2026-11-21 07:05 +0000",
        "2",
    ]
    assert second.startswith("fedc9876  token")


@pytest.mark.parametrize("columns", ["20", "40", "80"])
def test_a_narrow_terminal_folds_and_keeps_the_id_whole(host: Host, columns: str) -> None:
    host.variables["LANG"] = "zh_CN.UTF-8"
    with answering(host, [ROW, EDITOR | {"address": "2001:db8:1111:2222:3333:4444:5555:6666"}]):
        done = subprocess.run(
            ["script", "-qec", f"stty cols {columns}; {console_script()} sessions", "/dev/null"],
            env=host.environment | {"TERM": "xterm"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=60,
            check=False,
        )
    out = done.stdout.decode()
    assert (done.returncode, "Traceback" in out) == (0, False)
    assert "0123abcd" in out
    assert "fedc9876" in out


def test_in_chinese(host: Host) -> None:
    host.variables["LANG"] = "zh_CN.UTF-8"
    with answering(host, [ROW, EDITOR | {"way": "ticket"}]):
        lines = host.must("sessions").out.splitlines()
    assert lines[:2] == ["会话: 0123abcd", "登录方式: 密码"]
    assert lines[8] == "登录方式: 一次性票据"


HOSTILE = [
    "\x1b[2J\x1b]0;owned\x07",
    "a\r\nSession: 00000000",
    "\x9b31m",
    "\u202egpj.exe",
    "[bold red]markup[/] [link=http://evil.example]x[/link]",
    "{template} %s",
    "\ud800",
    "x" * 256,
    "",
]


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: text[:20].encode("unicode_escape").decode())
def test_what_a_client_says_of_itself_moves_no_cursor(host: Host, text: str) -> None:
    row = ROW | {"client": text, "address": text, "way": text or "odd"}
    with answering(host, [row]):
        piped = host.must("sessions")
        with Terminal(host, "sessions") as terminal:
            assert terminal.finish() == 0
        shown = BOLD.sub("", terminal.seen).replace("\r\n", "\n")
        assert host.run("sessions", "--json").data["sessions"] == [row]
    assert len(piped.out.splitlines()) == 7
    assert len(shown.splitlines()) >= 2
    for output in (piped.out, shown):
        assert all(line.isprintable() for line in output.splitlines())
        assert "0123abcd" in output
    if text.startswith("["):
        assert "[bold red]markup[/]" in piped.out
        assert "[bold red]markup[/]" in shown


def test_nobody_is_signed_in(host: Host) -> None:
    with answering(host, []):
        assert host.must("sessions").out == "Nobody is signed in.\n"
        assert host.must("sessions", "--end-all").out == "Nobody is signed in.\n"
        assert host.run("sessions", "--end-all", "--json").data == {"instance": "default", "ended": [], "changed": False}


@pytest.mark.parametrize("more", [(), ("--end", NO_SESSION), ("--end-all",), ("--end-all", "--dry-run")], ids=" ".join)
def test_without_a_server_it_is_1_with_the_command_that_starts_it(host: Host, more: tuple[str, ...]) -> None:
    outcome = host.run("sessions", *more, "--instance", "gpu1", "--json")
    assert (outcome.code, outcome.codes) == (1, ["not-running"])
    assert outcome.envelope["problems"][0]["hint"] == "jupyter remotekit up --instance gpu1"


@pytest.mark.parametrize(
    ("argv", "code"),
    [
        (("--end", NO_SESSION, "--end-all"), "contradiction"),
        (("--end", ""), "session-id"),
        (("--end", "0123abc"), "session-id"),
        (("--end", "0123abcdef"), "session-id"),
        (("--end", "0123abcz"), "session-id"),
        (("--end", "\x1b[2J"), "session-id"),
        (("--end",), "usage"),
    ],
    ids=repr,
)
def test_what_is_no_id_is_2(host: Host, argv: tuple[str, ...], code: str) -> None:
    outcome = host.run("sessions", "--json", *argv)
    assert (outcome.code, outcome.codes) == (2, [code])


@pytest.mark.parametrize("body", [b"{}", b'{"sessions": {}}', b'{"sessions": [1]}', b"[]", b"no json"])
def test_an_answer_that_cannot_be_understood_is_1(host: Host, body: bytes) -> None:
    host.layout.runtime_dir.mkdir(parents=True, mode=0o700)
    with server(host.layout.control_socket("default"), lambda _: http("200 OK", body)):
        outcome = host.run("sessions", "--json")
    assert (outcome.code, outcome.codes) == (1, ["control-failed"])


def sign_in(port: int, agent: str) -> httpx.Client:
    client = httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, headers={"User-Agent": agent})
    client.get("/login")
    assert client.post("/login", data={"_xsrf": client.cookies["_xsrf"], "password": PASSWORD}).status_code == 302
    return client


def is_in(client: httpx.Client) -> bool:
    # Its own jar is left as it is: an answer that refuses takes the cookie back.
    cookie = "; ".join(f"{name}={value}" for name, value in client.cookies.items())
    return (
        httpx.get(
            client.base_url.join("/api/kernels"), headers={"Cookie": cookie, "User-Agent": client.headers["User-Agent"]}, trust_env=False
        ).status_code
        == 200
    )


def ids(outcome: Outcome) -> list[str]:
    return [row["id"] for row in outcome.data["sessions"]]


@pytest.mark.slow
def test_with_a_real_server(host: Host) -> None:
    port = free_port()
    with detached(host, *SSH, "--port", str(port), "--password-stdin", stdin=PASSWORD):
        assert host.run("sessions", "--json").data["sessions"] == []
        with closing(sign_in(port, FIREFOX)) as first, closing(sign_in(port, "curl/8.5")) as second:
            assert is_in(first)
            assert is_in(second)
            listed = host.run("sessions", "--json")
            by_client = {row["client"]: row for row in listed.data["sessions"]}
            mine = by_client[FIREFOX]
            assert (mine["way"], mine["address"], mine["websockets"]) == ("password", "127.0.0.1", 0)
            everything = listed.everything + host.must("sessions").everything
            assert not [value for client in (first, second) for value in client.cookies.values() if value in everything]

            unknown = host.run("sessions", "--end", NO_SESSION, "--json")
            assert (unknown.code, unknown.codes) == (1, ["no-session"])
            assert unknown.envelope["problems"][0]["hint"] == "jupyter remotekit sessions"
            assert host.run("sessions", "--end", NO_SESSION, "--dry-run", "--json").codes == ["no-session"]
            for more, said in (
                (("--end", mine["id"]), f"The session {mine['id']} would end.\n"),
                (("--end-all",), "Every session would end (2).\n"),
            ):
                assert host.must("sessions", *more, "--dry-run").out == said
                assert host.run("sessions", *more, "--dry-run", "--json").data["changed"] is False
            assert is_in(first)

            # Pasted with a blank, and in capitals.
            assert host.must("sessions", "--end", f" {mine['id'].upper()}").out == f"The session {mine['id']} has ended.\n"
            assert ids(host.run("sessions", "--json")) == [by_client["curl/8.5"]["id"]]
            assert not is_in(first)
            assert is_in(second)
            done = host.run("sessions", "--end-all", "--json").data
            assert (done["changed"], [row["id"] for row in done["ended"]]) == (True, [by_client["curl/8.5"]["id"]])
            assert not is_in(second)
            assert host.must("sessions").out == "Nobody is signed in.\n"

        assert httpx.get(f"http://127.0.0.1:{port}/api/kernels?token={host.token}", trust_env=False).status_code == 200
        assert "to keep them out: jupyter remotekit token\n" in host.must("sessions", "--end-all").out
