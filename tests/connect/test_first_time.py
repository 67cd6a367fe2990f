"""The first connection to a host: several at once, and one that is given up on the way."""

from __future__ import annotations

import json
import signal
import subprocess
from typing import Any

import httpx
import pytest

from tests.connect.stage import Lab, User
from tests.connect.stage.connection import FINDS_KIT
from tests.connect.stage.machine import KIT
from tests.e2e.stage.waiting import until


def begun(lab: Lab, target: str) -> subprocess.Popen[str]:
    """A `connect` that has just been started."""
    argv = (KIT, "connect", target, "--json", "--no-browser", *FINDS_KIT)
    return lab.laptop.popen(*argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def ready(process: subprocess.Popen[str]) -> dict[str, Any]:
    """What it says when it is ready."""
    assert process.stdout is not None
    envelope = json.loads(process.stdout.readline())
    assert envelope["ok"] is True, envelope
    data: dict[str, Any] = envelope["data"]
    return data


def ended(process: subprocess.Popen[str]) -> None:
    """End it, and leave no pipe open."""
    process.terminate()
    process.communicate(timeout=60)


def test_two_accounts_of_one_host_at_the_same_moment(lab: Lab) -> None:
    lab.host("gpu", User("alice"), User("bob"))
    processes = [begun(lab, f"{user}@gpu") for user in ("alice", "bob")]
    try:
        alice, bob = (ready(process) for process in processes)
        assert (alice["host"], bob["host"]) == ("alice@gpu", "bob@gpu")
        assert alice["port"] != bob["port"]
        assert alice["name"] != bob["name"]
        with lab.laptop.network():
            for own, other in ((alice, bob), (bob, alice)):
                token = {"Authorization": f"token {own['token_url'].partition('token=')[2]}"}
                assert httpx.get(f"http://127.0.0.1:{own['port']}/api/status", headers=token).status_code == httpx.codes.OK
                assert httpx.get(f"http://127.0.0.1:{other['port']}/api/status", headers=token).status_code == httpx.codes.FORBIDDEN
    finally:
        for process in processes:
            ended(process)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_one_that_is_given_up_while_the_server_starts_leaves_nothing(lab: Lab, number: signal.Signals) -> None:
    host = lab.host(f"box{number}", User("alice"))
    process = begun(lab, f"alice@{host.name}")
    try:
        until(lambda: any("jupyter_remote_kit.server" in row.argv for row in host.processes()), "the server to be started", 60, every=0.02)
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
        process.communicate()
    assert process.returncode == 1
    assert json.loads(out)["problems"][0]["code"] == "interrupted"
    assert "Traceback" not in err
    until(lambda: not [row for row in host.processes() if "jupyter" in " ".join(row.argv)], "the server to be gone", 30)
    hosts = json.loads(lab.laptop.kit("hosts", "--json").stdout)["data"]["hosts"]
    assert host.name not in {known["name"] for known in hosts}
