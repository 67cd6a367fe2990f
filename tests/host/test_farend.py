"""What this laptop knows of a host by itself: real ssh, real connections, the real resolver."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from jupyter_remote_kit.host import farend
from jupyter_remote_kit.plan.target import Target

CONNECTS = (
    "import socket, sys\nheld = [socket.create_connection((to, int(sys.argv[1]))) for to in sys.argv[2:]]\nprint(flush=True)\ninput()"
)


@pytest.fixture
def configured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A configuration for ssh, which looks for its own in the home of the account and heeds no variable."""
    ssh = shutil.which("ssh")
    if ssh is None:
        pytest.skip("ssh is not installed")
    file = tmp_path / "config"
    file.write_text("Host box\n  HostName GPU1.lab.example\nHost six\n  HostName fe80::1%%eth0\n")
    (tmp_path / "ssh").write_text(f'#!/bin/sh\nexec {ssh} -F {file} "$@"\n')
    (tmp_path / "ssh").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    return file


@pytest.mark.parametrize(("host", "meant"), [("box", "gpu1.lab.example"), ("six", "fe80::1%eth0"), ("gpu1", "gpu1")])
def test_ssh_says_which_host_a_name_means(configured: Path, host: str, meant: str) -> None:
    assert farend.configured(Target(host, "alice", 2222)) == meant


def test_a_configuration_that_is_none_and_no_ssh_say_nothing(configured: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    configured.write_text("nonsense\n")
    assert farend.configured(Target("box")) is None
    monkeypatch.setenv("PATH", str(configured.parent / "nothing"))
    monkeypatch.setattr("jupyter_remote_kit.host.programs.SEARCHED", ())
    assert farend.configured(Target("box")) is None


@pytest.mark.parametrize(
    ("to", "address"), [(("127.0.0.1", "127.0.0.2"), "127.0.0.1"), (("127.0.0.2", "127.0.0.1"), "127.0.0.2"), ((), None)]
)
def test_the_first_connection_is_the_hosts(to: tuple[str, ...], address: str | None) -> None:
    with socket.create_server(("0.0.0.0", 0)) as server:
        argv = (sys.executable, "-c", CONNECTS, str(server.getsockname()[1]), *to)
        with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "\n"
            assert farend.connected(process.pid) == address
            process.communicate("\n")
    assert farend.connected(process.pid) is None


def test_a_name_in_full_counts_where_it_leads_to_the_same_address() -> None:
    assert farend.in_full("localhost", "127.0.0.1") is not None
    assert farend.in_full("localhost", "203.0.113.7") is None
    assert farend.in_full("a" * 64, "127.0.0.1") is None


def test_it_is_known_by_all_of_that(configured: Path) -> None:
    configured.write_text("Host box\n  HostName localhost\n")
    assert farend.known(Target("box"), os.getpid())[:2] == ("box", "localhost")
