"""Several hosts with one home: an instance is served by one of them at a time."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
from pathlib import Path

import pytest

from jupyter_remote_kit.commands import elsewhere
from jupyter_remote_kit.errors import Failed
from jupyter_remote_kit.host import processes, runtimerecord, starting, whoami
from jupyter_remote_kit.host.control import socket_address
from jupyter_remote_kit.plan import instancename
from tests.commands.background import ended_after
from tests.commands.host import SSH, Host, Outcome, console_script, detached, free_port, is_alive

OTHER = "gpu1-of-a-test"
OWN = instancename.of_host("default", whoami.host_name())
UP = ("up", "--detach", "--json", *SSH)
# Gives this process, and what it becomes, another table of mounts than the kernel's own.
WITH_TABLE = 'mount --bind "$1" /proc/$$/mountinfo || exit 99; shift; exec "$@"'


@pytest.fixture
def nfs_home(host: Host) -> Path:
    """A table of mounts in which the host's folder is on NFS."""
    table = host.folder.parent / "mountinfo"
    table.write_text(f"1 0 8:1 / / rw - ext4 /dev/sda1 rw\n2 1 0:40 / {os.path.realpath(host.folder)} rw - nfs4 nas:/home rw\n")
    return table


def recorded_by(host: Host, name: str) -> Path:
    """The record of a server which that other host runs; its id is also that of a process here, of about the same age."""
    starting.note(host.layout, "default", os.getpid())
    record = host.layout.runtime_file("default")
    record.write_text(json.dumps({**json.loads(record.read_text()), "host": name}))
    return record


def run_with(host: Host, table: Path, *argv: str) -> Outcome:
    """Run the command where the kernel tells of these mounts."""
    if os.geteuid() != 0 or not shutil.which("unshare"):
        pytest.skip("a namespace of mounts needs root")
    inside = ("unshare", "--mount", "--propagation", "private", "sh", "-c", WITH_TABLE, "sh", str(table), console_script(), *argv)
    done = subprocess.run(inside, env=host.environment, cwd=host.home, capture_output=True, text=True, timeout=60, check=False)
    if done.returncode == 99:
        pytest.skip(f"cannot mount here: {done.stderr.strip()}")
    return Outcome(done.returncode, done.stdout, done.stderr)


def test_a_server_tells_on_which_host_it_runs(host: Host) -> None:
    with detached(host, *SSH, "--port", str(free_port())) as data:
        record = starting.alive(host.layout, "default")
        assert record is not None
        assert (record["pid"], record["host"]) == (data["pid"], whoami.host_name())
        assert runtimerecord.elsewhere(host.layout, "default") is None


def test_on_a_disk_of_its_own_a_host_starts_whatever_its_name_was(host: Host) -> None:
    """As a container does whose volume is older than itself."""
    recorded_by(host, OTHER)
    with detached(host, *SSH, "--port", str(free_port())) as data:
        assert is_alive(data["pid"])
        assert runtimerecord.elsewhere(host.layout, "default") is None


def test_of_a_shared_home_another_hosts_server_is_left_alone(host: Host, nfs_home: Path) -> None:
    record = recorded_by(host, OTHER)
    before = host.tree()
    refused = run_with(host, nfs_home, *UP)
    assert (refused.code, refused.codes) == (1, ["runs-elsewhere"])
    problem = refused.envelope["problems"][0]
    assert OTHER in problem["message"]
    assert str(host.layout.runtime_dir) in problem["message"]
    assert f"--instance {OWN}" in problem["hint"]
    assert f"rm {record}" in problem["hint"]
    assert host.tree() == before


def test_the_hint_leads_to_a_server_of_ones_own(host: Host, nfs_home: Path) -> None:
    recorded_by(host, OTHER)
    with ended_after(host, OWN):
        started = run_with(host, nfs_home, *UP, "--instance", OWN, "--port", str(free_port()))
        assert started.code == 0, started.everything
        assert is_alive(started.data["pid"])
    assert runtimerecord.elsewhere(host.layout, "default") == OTHER


def test_a_service_does_not_take_it_over_either(ssh_host: Host, nfs_home: Path) -> None:
    recorded_by(ssh_host, OTHER)
    refused = run_with(ssh_host, nfs_home, "service", "run", "--json")
    assert (refused.code, refused.codes) == (1, ["runs-elsewhere"])


def test_only_a_home_that_is_shared_keeps_a_host_from_it(host: Host, nfs_home: Path) -> None:
    elsewhere.check(host.layout, "default", nfs_home)
    recorded_by(host, "bad\x1b[31m")
    with pytest.raises(Failed, match=r"runs on bad\\x1b\[31m, which shares this home"):
        elsewhere.check(host.layout, "default", nfs_home)
    nfs_home.write_text(nfs_home.read_text().replace("nfs4", "xfs"))
    elsewhere.check(host.layout, "default", nfs_home)
    elsewhere.check(host.layout, "default", host.folder / "no such table")
    recorded_by(host, whoami.host_name())
    nfs_home.write_text("1 0 0:40 / / rw - nfs nas:/ rw\n")
    elsewhere.check(host.layout, "default", nfs_home)


def test_the_process_of_another_host_is_nobodys_here(ssh_host: Host) -> None:
    """Its id may be anybody's: here it is that of this test."""
    host, record = ssh_host, recorded_by(ssh_host, OTHER)
    content = record.read_bytes()
    for argv in (("down",), ("down", "--dry-run")):
        down = host.must(*argv, "--json")
        assert down.data == {"instance": "default", "changed": False}
        assert f"{OTHER} has started it" in down.envelope["messages"][0]
    status = host.must("status", "--json")
    assert status.data["running"] is False
    assert f"{OTHER} has started it" in status.envelope["messages"][0]
    starting.forget(host.layout, "default", os.getpid())
    assert starting.alive(host.layout, "default") is None
    assert record.read_bytes() == content
    assert processes.process_alive(os.getpid())


def test_a_home_that_is_slow_makes_no_hung_server_of_another_hosts(host: Host) -> None:
    record = recorded_by(host, whoami.host_name())
    with socket.socket(socket.AF_UNIX) as silent:
        with socket_address(host.layout.control_socket("default")) as address:
            silent.bind(address)
        host.layout.control_socket("default").chmod(0o600)
        silent.listen()
        (server,) = host.must("list", "--here", "--json").data["servers"]
        assert (server["state"], server["pid"]) == ("hung", os.getpid())
        record.write_text(json.dumps({**json.loads(record.read_text()), "host": OTHER}))
        assert host.must("list", "--here", "--json").data["servers"] == []


def test_down_takes_away_what_a_killed_server_has_left(host: Host) -> None:
    with detached(host, *SSH, "--port", str(free_port())):
        pass
    record = host.layout.runtime_file("default")
    assert host.must("down", "--dry-run", "--json").data["changed"] is False
    assert record.exists()
    assert host.must("down", "--json").data["changed"] is False
    assert not record.exists()
