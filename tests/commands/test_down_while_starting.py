"""`down` ends a server that has not come up yet, and one whose control socket is gone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.commands.background import begun, ended_after, outcome
from tests.commands.host import SSH, Host, detached, free_port, is_alive
from tests.e2e.stage.waiting import until


def noted(record: Path) -> int:
    """The process that is to become the server."""
    until(record.exists, "the server to be started", every=0.005)
    pid: int = json.loads(record.read_text())["pid"]
    return pid


@pytest.fixture
def slow_host(host: Host) -> Host:
    """A host whose server takes longer to start than two commands do."""
    config = host.layout.config_dir / "jupyter_server_config.py"
    config.parent.mkdir(parents=True)
    config.write_text("import time\ntime.sleep(20)\n")
    return host


@pytest.mark.parametrize("way", [("--detach",), ()], ids=["detached", "foreground"])
def test_a_server_that_starts_is_ended(slow_host: Host, way: tuple[str, ...]) -> None:
    host, record = slow_host, slow_host.layout.runtime_file("default")
    with ended_after(host, "default"), begun(host, "up", *way, *SSH, "--port", str(free_port()), "--json") as starting:
        pid = noted(record)
        dry = host.run("down", "--dry-run", "--json")
        assert (dry.code, dry.data) == (0, {"instance": "default", "pid": pid, "changed": False})
        down = host.run("down", "--json")
        assert (down.code, down.data["pid"], down.data["changed"]) == (0, pid, True)
        assert not is_alive(pid)
        out = outcome(starting)
        assert json.loads(out.out.splitlines()[0])["problems"][0]["code"] == "not-ready"
    until(lambda: list(host.layout.runtime_dir.glob("remotekit-*")) == [], "nothing to be left behind")
    assert host.run("down", "--json").data["changed"] is False


def test_a_server_whose_socket_was_cleaned_away_is_ended(host: Host) -> None:
    with detached(host, *SSH, "--port", str(free_port())) as data:
        host.layout.control_socket("default").unlink()
        down = host.run("down", "--json")
        assert (down.code, down.data["pid"], down.data["changed"]) == (0, data["pid"], True)
        assert not is_alive(data["pid"])
    assert not host.layout.runtime_file("default").exists()
