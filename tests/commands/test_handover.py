"""`up --handover`: what a laptop's `connect` is given, and who else sees it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from jupyter_remote_kit import __version__
from jupyter_remote_kit.host import processes, whoami
from jupyter_remote_kit.plan import freeport
from jupyter_remote_kit.plan.remoteserver import KNOWN_AS, Asked, Handover
from tests.commands.background import begun, ended_after, outcome
from tests.commands.host import LAN, PASSWORD, SSH, Host, detached, free_port, is_alive
from tests.e2e.stage.canaries import Canaries
from tests.e2e.stage.waiting import until

CONNECT = ("--instance", "connect")
WISH = ("up", "--detach", "--yes", "--json", "--handover", *CONNECT, "--port", "auto", *SSH)


def get(data: dict[str, Any], path: str, token: str = "") -> httpx.Response:
    """What the server that was handed over answers."""
    headers = {"Authorization": f"token {token}"} if token else {}
    return httpx.get(f"{data['scheme']}://127.0.0.1:{data['port']}{path}", headers=headers, trust_env=False)


def test_a_server_is_started_and_handed_over_and_the_next_time_found(host: Host) -> None:
    host.variables[KNOWN_AS] = "gpu"
    with ended_after(host, "connect"):
        first = host.must(*WISH).data
        assert first["started"] is True
        assert freeport.FIRST <= first["port"] < freeport.FIRST + freeport.COUNT
        assert (first["base_url"], first["scheme"], first["kernels"]) == ("/", "http", 0)
        assert (first["user"], first["hostname"], first["version"]) == (whoami.user_name(), whoami.host_name(), __version__)
        assert get(first, "/api/kernels").status_code in {401, 403}
        assert get(first, "/api/kernels", first["token"]).json() == []
        came_in = get(first, first["ticket"])
        assert came_in.status_code == 302
        assert came_in.cookies
        assert "/login" not in came_in.headers["Location"]
        assert "/login" in get(first, first["ticket"]).headers["Location"]
        assert "jupyter remotekit connect gpu</code>" in get(first, "/login").text

        url, headers = f"http://127.0.0.1:{first['port']}/api/kernels", {"Authorization": f"token {first['token']}"}
        assert httpx.post(url, headers=headers, trust_env=False, timeout=30).status_code == 201
        again = host.must(*WISH).data
        assert (again["started"], again["changed"], again["kernels"]) == (False, False, 1)
        same = ("instance", "pid", "port", "base_url", "scheme", "token", "user", "hostname", "version")
        assert {name: again[name] for name in same} == {name: first[name] for name in same}
        assert again["ticket"] != first["ticket"]
        # As the laptop reads it.
        assert Handover.parse(again, Asked(__version__, "", "")).kernels == 1


def test_nobody_else_sees_the_token(host: Host, tmp_path: Path) -> None:
    host.must("init", *SSH, *CONNECT)
    token = host.instance("connect")["RemoteKitIdentityProvider"]["token"]
    canaries = Canaries(tmp_path)
    canaries.watch(token)
    try:
        with ended_after(host, "connect"):
            started, found = host.must(*WISH), host.must(*WISH)
            get(started.data, "/api/kernels", token)
            get(started.data, found.data["ticket"])
            shown = [host.must(*argv, "--json").everything for argv in (("status", *CONNECT), ("list", "--here"), ("audit", *CONNECT))]
            until(lambda: str(started.data["pid"]) in host.layout.runtime_file("connect").read_text(), "the runtime file")
    finally:
        canaries.stop()
    assert [text.out.count(token) for text in (started, found)] == [1, 1]
    assert started.err == found.err == ""
    assert not [text for text in shown if token in text]
    assert any("--handover" in line for line in canaries.command_lines())
    assert canaries.shown() == []
    holding = [path for path, (_, _, content) in host.tree().items() if token.encode() in content]
    assert holding == [str(host.layout.instance_file("connect").relative_to(host.folder))]


@pytest.mark.parametrize(
    ("argv", "code"),
    [
        (("--handover",), "handover-alone"),
        (("--handover", "--detach"), "handover-alone"),
        (("--handover", "--json"), "handover-alone"),
        (("--handover", "--detach", "--json", "--dry-run"), "contradiction"),
        (("--handover", "--detach", "--json", "--open"), "contradiction"),
        (("--handover", "--detach", "--json", "--access", "lan"), "contradiction"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else value,
)
def test_what_does_not_go_with_it_is_wrong_usage(host: Host, argv: tuple[str, ...], code: str) -> None:
    before = host.tree()
    refused = host.run("up", *argv)
    assert refused.code == 2
    assert code in refused.codes if "--json" in argv else "--handover is for programs" in refused.err
    assert host.tree() == before


def test_an_instance_of_another_access_is_refused(host: Host) -> None:
    host.must("init", *LAN, "--plain-http", stdin=PASSWORD)
    before = host.tree()
    refused = host.run("up", "--detach", "--json", "--handover")
    assert (refused.code, refused.codes) == (78, ["contradiction"])
    assert host.tree() == before


@pytest.mark.slow
def test_a_server_that_would_have_to_be_another_is_left_as_it_is(host: Host) -> None:
    with detached(host, *SSH, "--port", "auto") as data:
        other = host.run("up", "--detach", "--json", "--handover", "--root-dir", str(host.folder))
        assert (other.code, other.codes) == (1, ["restart-needed"])
        assert "root_dir" in other.envelope["problems"][0]["message"]
        assert host.token not in other.everything
        assert is_alive(data["pid"])


@pytest.mark.slow
def test_what_waits_for_a_restart_keeps_nobody_from_the_server(host: Host) -> None:
    with detached(host, *SSH, "--port", "auto") as data:
        host.must("init", "--session-days", "3")
        assert "restart-needed" in host.run("status", "--json").codes
        given = host.run("up", "--detach", "--json", "--handover")
        assert (given.code, given.data["pid"], given.data["started"]) == (0, data["pid"], False)


@pytest.mark.slow
def test_a_server_that_still_is_what_the_instance_was_is_not_handed_over(host: Host) -> None:
    with detached(host, *LAN, "--plain-http", "--port", str(free_port()), stdin=PASSWORD):
        refused = host.run("up", "--detach", "--json", "--handover")
        assert (refused.code, refused.codes) == (78, ["contradiction"])
        host.must("init", *SSH)
        waiting = host.run("up", "--detach", "--json", "--handover")
        assert (waiting.code, waiting.codes) == (1, ["restart-needed"])
        assert host.token not in waiting.everything


@pytest.mark.slow
def test_a_password_is_set_on_the_way(host: Host) -> None:
    with detached(host, *SSH, "--port", "auto", "--handover") as data:
        again = host.run("up", "--detach", "--json", "--handover", "--password-stdin", stdin=PASSWORD)
        assert (again.code, again.data["changed"], again.data["started"]) == (0, True, False)
        assert (again.data["token"], again.data["pid"]) == (data["token"], data["pid"])
        assert host.hashed


def test_of_two_at_once_one_starts_the_server_and_both_get_it(host: Host) -> None:
    with ended_after(host, "connect"), begun(host, *WISH) as one, begun(host, *WISH) as other:
        both = [outcome(process) for process in (one, other)]
        assert [found.code for found in both] == [0, 0], [found.everything for found in both]
        assert sorted(found.data["started"] for found in both) == [False, True]
        assert both[0].data["pid"] == both[1].data["pid"]
        assert both[0].data["token"] == both[1].data["token"]


def test_a_server_whose_starter_was_cut_off_is_found(host: Host) -> None:
    """As when the line drops while the server starts: the next `connect` does not start another."""
    record = host.layout.runtime_file("connect")
    with ended_after(host, "connect"):
        with begun(host, *WISH) as first:
            until(record.exists, "the server to be started")
            pid = json.loads(record.read_text())["pid"]
            first.kill()
        found = host.must(*WISH).data
        assert (found["pid"], found["started"]) == (pid, False)
        assert processes.process_alive(pid)
