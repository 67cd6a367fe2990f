"""`up` as far as it refuses, its dry run, and one server over ssh from start to end. The rest of it is in tests/e2e."""

from __future__ import annotations

import json
import os
import socket
import subprocess
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.commands.host import PASSWORD, PATIENCE_S, SSH, Host, console_script, detached, free_port, is_alive


def _running(host: Host, port: int) -> AbstractContextManager[dict[str, Any]]:
    return detached(host, *SSH, "--port", str(port))


def test_a_detached_server_from_start_to_end(host: Host) -> None:
    port = free_port()
    with _running(host, port) as data, httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
        assert data["lab"] == [f"http://localhost:{port}/lab"]
        assert Path(data["log"]).is_file()
        assert client.get("/remotekit/api/health").json() == {"status": "ok"}
        assert client.get("/api/kernels").status_code in {401, 403}
        authorized = {"Authorization": f"token {host.token}"}
        assert client.get("/api/kernels", headers=authorized).json() == []

        status = host.run("status", "--json")
        assert (status.code, status.err) == (0, "")
        found = status.data
        assert (found["running"], found["pid"], found["port"], found["kernels"]) == (True, data["pid"], port, 0)
        assert str(port) in host.must("status").out

        again = host.run("up", "--detach", "--json")
        assert (again.code, again.data["pid"], again.data["changed"]) == (0, data["pid"], False)
        foreground = host.run("up", "--json")
        assert (foreground.code, foreground.codes) == (1, ["already-running"])
        assert host.run("urls", "--json").envelope["problems"] == []
        refused = host.run("remove", "--yes", "--json")
        assert (refused.code, refused.codes) == (1, ["still-running"])

        before = host.token
        rotated = host.run("token", "--yes", "--json")
        assert rotated.data["sessions_ended"] is True
        assert client.get("/api/kernels", headers=authorized).status_code in {401, 403}
        assert client.get("/api/kernels", headers={"Authorization": f"token {host.token}"}).status_code == 200
        log = Path(data["log"]).read_text()
        assert not [secret for secret in (before, host.token) if secret in log + status.everything + again.everything]

        dry = host.run("down", "--dry-run", "--json")
        assert (dry.code, dry.data["changed"], is_alive(data["pid"])) == (0, False, True)
        down = host.run("down", "--json")
        assert (down.code, down.data["pid"], down.data["changed"]) == (0, data["pid"], True)
        assert not is_alive(data["pid"])
    assert host.run("down", "--json").data == {"instance": "default", "changed": False}
    assert not host.layout.control_socket("default").exists()
    assert not host.layout.runtime_file("default").exists()
    host.must("remove", "--yes")
    assert not host.layout.instances_dir.exists()
    assert not host.layout.data_root.exists()


def test_a_foreground_server_says_one_object_when_it_is_ready(host: Host) -> None:
    port = free_port()
    process = subprocess.Popen(
        [console_script(), "up", *SSH, "--port", str(port), "--json"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=host.environment,
        cwd=host.home,
    )
    try:
        assert process.stdout
        found = json.loads(process.stdout.readline())
        assert (found["command"], found["ok"], found["data"]["pid"]) == ("up", True, process.pid)
        assert host.run("down", "--json").data["pid"] == process.pid
        rest, errors = process.communicate(timeout=PATIENCE_S)
    finally:
        process.kill()
        process.communicate()
    assert (process.returncode, rest) == (0, "")
    assert host.token not in errors
    assert host.token not in json.dumps(found)


def test_a_port_that_is_taken_is_1_and_says_by_whom(host: Host) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        outcome = host.run("up", "--detach", *SSH, "--port", str(port), "--json")
        assert (outcome.code, outcome.codes) == (1, ["port-taken"])
        problem = outcome.envelope["problems"][0]
        assert str(port) in problem["message"]
        assert str(os.getpid()) in problem["message"]
        assert problem["hint"].endswith(f"--port {port + 1}")
        assert not host.layout.instance_file("default").exists()


@pytest.mark.parametrize(
    ("name", "text", "code"),
    [
        ("jupyter_server_config.py", "c.ServerApp.disable_check_xsrf = True\n", "xsrf-checks-off"),
        ("jupyter_server_config.py", "c.ServerApp.allow_origin = '*'\n", "any-origin"),
        ("jupyter_server_config.json", '{"ServerApp": {"trust_xheaders": true}}\n', "any-proxy-trusted"),
        ("jupyter_lab_config.py", "c.ServerApp.ip = \n", "config-broken"),
    ],
)
def test_a_configuration_that_opens_a_hole_is_78_with_file_and_line(host: Host, name: str, text: str, code: str) -> None:
    host.layout.config_dir.mkdir()
    (host.layout.config_dir / name).write_text(text)
    before = host.tree()
    outcome = host.run("up", "--detach", *SSH, "--json")
    assert (outcome.code, outcome.err) == (78, "")
    assert code in outcome.codes
    assert f"{host.layout.config_dir / name}, line 1: " in " ".join(problem["message"] for problem in outcome.envelope["problems"])
    assert host.tree() == before


def test_a_hash_of_another_kind_is_78_with_the_command_that_mends_it(lan_host: Host) -> None:
    file = lan_host.layout.instance_file("default")
    file.write_text(file.read_text().replace(lan_host.hashed, "sha1:0123456789ab:0123456789abcdef0123456789abcdef01234567"))
    outcome = lan_host.run("up", "--detach", "--json")
    assert (outcome.code, outcome.codes) == (78, ["hash-not-argon2id"])
    assert outcome.envelope["problems"][0]["hint"] == "jupyter remotekit password"


def test_a_short_token_is_78(ssh_host: Host) -> None:
    file = ssh_host.layout.instance_file("default")
    file.write_text(file.read_text().replace(ssh_host.token, "short"))
    outcome = ssh_host.run("up", "--detach", "--json")
    assert outcome.code == 78
    assert "token-short" in outcome.codes


def test_the_dry_run_shows_the_line_that_starts_the_server(lan_host: Host) -> None:
    before = lan_host.tree()
    line = lan_host.must("up", "--dry-run").out.splitlines()[-1]
    assert "-m jupyter_remote_kit.server --RemoteKit.instance=default" in line
    assert not [secret for secret in (lan_host.token, lan_host.hashed, PASSWORD) if secret in line]
    assert lan_host.tree() == before


def test_a_first_up_needs_a_password_and_writes_nothing_without(host: Host) -> None:
    before = host.tree()
    outcome = host.run("up", "--detach", "--allow-root", "--json")
    assert (outcome.code, outcome.codes) == (2, ["password-option-missing"])
    assert host.tree() == before
