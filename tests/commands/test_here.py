"""`list --here`: what runs on this host, and how busy it is."""

from __future__ import annotations

import json
import os
import signal
import socket
import threading
from pathlib import Path
from typing import Any

import psutil
import pytest

from jupyter_remote_kit import __version__
from jupyter_remote_kit.commands import here
from jupyter_remote_kit.host import whoami
from jupyter_remote_kit.host.control import socket_address
from tests.commands.host import SSH, Host, detached, free_port
from tests.e2e.stage.waiting import until


def listed(host: Host) -> dict[str, dict[str, Any]]:
    """The servers by name."""
    outcome = host.must("list", "--here", "--json")
    assert outcome.err == ""
    return {server["instance"]: server for server in outcome.data["servers"]}


def test_a_host_without_a_server_tells_its_load(host: Host) -> None:
    data = host.must("list", "--here", "--json").data
    assert (data["version"], data["hostname"], data["user"]) == (__version__, whoami.host_name(), whoami.user_name())
    assert data["servers"] == []
    assert data["load"]["cpu_count"] == psutil.cpu_count()
    memory = data["load"]["memory"]
    assert 0 < memory["available_bytes"] <= memory["total_bytes"]
    assert data["gpus"] is None or isinstance(data["gpus"], list)


def test_every_server_that_runs_is_listed_and_one_that_hangs_holds_nobody_up(host: Host) -> None:
    names = ("a", "b", "c", "killed")
    ports = {name: str(free_port()) for name in names}
    folder = host.folder / "books \x1b[31m"
    folder.mkdir()
    with (
        detached(host, *SSH, "--instance", "a", "--port", ports["a"]) as a,
        detached(host, *SSH, "--instance", "b", "--port", ports["b"], "--root-dir", str(folder)) as b,
        detached(host, *SSH, "--instance", "c", "--port", ports["c"]) as c,
    ):
        with detached(host, *SSH, "--instance", "killed", "--port", ports["killed"]):
            pass
        assert host.layout.control_socket("killed").exists()
        host.must("init", *SSH, "--instance", "never-started")
        os.kill(c["pid"], signal.SIGSTOP)
        try:
            servers = listed(host)
        finally:
            os.kill(c["pid"], signal.SIGCONT)
        assert list(servers) == ["a", "b", "c"]
        assert [server["state"] for server in servers.values()] == ["running", "running", "hung"]
        assert [server["pid"] for server in servers.values()] == [a["pid"], b["pid"], c["pid"]]
        assert [str(server["port"]) for server in servers.values()] == [ports[name] for name in "abc"]
        running, hung = servers["a"], servers["c"]
        assert (running["access"], running["kernels"], running["root_dir"]) == ("ssh", 0, str(host.home))
        assert running["url"] == f"http://127.0.0.1:{ports['a']}/"
        assert 0 <= running["uptime_s"] < 600
        assert running["started"].endswith("Z")
        assert (hung["access"], hung["kernels"], hung["root_dir"]) == (None, None, None)
        assert hung["url"] == f"http://127.0.0.1:{ports['c']}/"
        for_people = host.must("list", "--here").out
        assert "books" in for_people
        assert "\x1b" not in for_people


def test_what_others_could_use_or_is_no_instance_is_not_asked(host: Host) -> None:
    host.layout.runtime_dir.mkdir(mode=0o700)
    asked = []
    for name in ("exposed", "no instance"):
        listener = socket.socket(socket.AF_UNIX)
        listener.settimeout(0)
        with socket_address(host.layout.control_socket(name)) as address:
            listener.bind(address)
        listener.listen()
        host.layout.control_socket(name).chmod(0o666 if name == "exposed" else 0o600)
        asked.append(listener)
    assert listed(host) == {}
    for listener in asked:
        with pytest.raises(BlockingIOError):
            listener.accept()
        listener.close()


@pytest.fixture
def inside(host: Host, monkeypatch: pytest.MonkeyPatch) -> Host:
    """This process is on that host."""
    for name, value in host.environment.items():
        monkeypatch.setenv(name, value)
    return host


def test_a_driver_that_takes_too_long_is_left_behind(inside: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    stuck = threading.Event()
    monkeypatch.setattr(here, "_gpus", stuck.wait)
    monkeypatch.setattr(here, "GPUS_WITHIN_S", 0.01)
    try:
        assert here.servers_here()["gpus"] is None
    finally:
        stuck.set()


def test_the_gpus_of_a_host_are_those_that_nvml_tells(inside: Host, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The driver's sign and the driver are the edge of the machine."""
    from jupyter_remote_kit.host import gpus, load

    sign = tmp_path / "nvidiactl"
    gpu = gpus.Gpu(0, "NVIDIA H200", "GPU-1", 150_000_000_000, 1_000, 7, 40)
    monkeypatch.setattr(gpus, "sample_gpus", lambda: (gpu,))
    monkeypatch.setattr(load, "_NVIDIA", (sign,))
    assert here.servers_here()["gpus"] == []
    sign.touch()
    (found,) = here.servers_here()["gpus"]
    assert found["name"] == "NVIDIA H200"
    assert {"index", "utilization_percent", "memory_used_bytes", "memory_total_bytes"} <= set(found)
    assert json.loads(json.dumps(found)) == found


def test_a_server_of_another_version_is_listed_with_gaps(inside: Host) -> None:
    """It answers with less than ours does."""
    inside.layout.runtime_dir.mkdir(mode=0o700)
    place = inside.layout.control_socket("old")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(place))
        place.chmod(0o600)
        listener.listen()

        def answer() -> None:
            connection, _ = listener.accept()
            with connection:
                until(lambda: b"\r\n\r\n" in connection.recv(65536), "a request")
                connection.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{"pid": 7}')

        thread = threading.Thread(target=answer)
        thread.start()
        (server,) = here.servers_here()["servers"]
        thread.join()
    assert (server["instance"], server["pid"], server["state"]) == ("old", 7, "starting")
    assert server["uptime_s"] is server["url"] is None
