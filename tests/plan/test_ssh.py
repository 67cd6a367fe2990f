"""How ssh is called, on each platform."""

from __future__ import annotations

from itertools import pairwise

import pytest

from jupyter_remote_kit.plan.ssh import Near, Opening, Platform, Settings, forward_argv, is_socket_folder, open_argv, settings_argv
from jupyter_remote_kit.plan.target import Target

SHARED = [
    "ServerAliveInterval=5",
    "ServerAliveCountMax=2",
    "ExitOnForwardFailure=yes",
    "StreamLocalBindMask=0177",
    "StreamLocalBindUnlink=yes",
    "EscapeChar=none",
    "ForwardX11=no",
    "PermitLocalCommand=no",
    "LogLevel=INFO",
    "RemoteCommand=none",
    "RequestTTY=no",
]


def options(argv: tuple[str, ...]) -> list[str]:
    return [word for flag, word in pairwise(argv) if flag == "-o"]


def test_linux_and_macos_open_a_master_of_their_own() -> None:
    argv = open_argv(Opening(Target("gpu", "alice", 2222), control="/tmp/rk-1/ssh 50%"), "exec /bin/sh")
    assert argv[0] == "ssh"
    assert options(argv) == [
        "BatchMode=no",
        "ConnectTimeout=10",
        *SHARED,
        "ControlMaster=yes",
        "ControlPath=/tmp/rk-1/ssh 50%%",
        "ControlPersist=no",
        "ClearAllForwardings=yes",
    ]
    assert argv[-7:] == ("-l", "alice", "-p", "2222", "--", "gpu", "exec /bin/sh")
    assert "-L" not in argv


def test_a_host_that_is_configured_for_tunnels_runs_our_command_all_the_same() -> None:
    argv = open_argv(Opening(Target("gpu"), for_tunnels=True), "exec /bin/sh")
    assert options(argv)[-3:] == ["sessiontype=default", "stdinnull=no", "forkafterauthentication=no"]


def test_windows_forwards_from_the_start_in_one_process() -> None:
    argv = open_argv(Opening(Target("gpu"), forward=(Near(port=50001), 18801), batch=True, connect_s=6), "exec /bin/sh")
    assert options(argv) == ["BatchMode=yes", "ConnectTimeout=6", *SHARED, "ControlMaster=no", "ControlPath=none"]
    assert argv[-5:] == ("-L", "127.0.0.1:50001:127.0.0.1:18801", "--", "gpu", "exec /bin/sh")


def test_windows_the_first_time_knows_no_port_yet() -> None:
    argv = open_argv(Opening(Target("gpu")), "exec /bin/sh")
    assert options(argv)[-3:] == ["ControlMaster=no", "ControlPath=none", "ClearAllForwardings=yes"]
    assert argv[-3:] == ("--", "gpu", "exec /bin/sh")
    assert "-L" not in argv


def test_the_master_is_asked_to_forward() -> None:
    argv = forward_argv("/tmp/rk-1/ssh-1", Target("gpu", "alice"), Near(path="/tmp/rk-1/near-1"), 18801)
    assert argv == (
        *("ssh", "-F", "/dev/null", "-O", "forward", "-o", "StreamLocalBindMask=0177", "-o", "StreamLocalBindUnlink=yes"),
        *("-o", "ControlPath=/tmp/rk-1/ssh-1", "-L", "/tmp/rk-1/near-1:127.0.0.1:18801", "-l", "alice", "--", "gpu"),
    )


def test_the_far_end_may_be_a_socket() -> None:
    argv = forward_argv("/tmp/rk-1/ssh-1", Target("gpu"), Near(path="/tmp/rk-1/near-1"), "/home/alice/x.sock")
    assert argv[argv.index("-L") + 1] == "/tmp/rk-1/near-1:/home/alice/x.sock"


def test_ssh_is_asked_what_a_host_means() -> None:
    assert settings_argv(Target("gpu", "alice", 2222)) == ("ssh", "-G", "-l", "alice", "-p", "2222", "--", "gpu")


@pytest.mark.parametrize(
    ("said", "settings"),
    [
        ("host box\nuser alice\nhostname gpu1.lab\nconnecttimeout none\nproxyusefdpass no\nport 22\n", Settings("gpu1.lab")),
        ("hostname fe80::1%eth0\r\n", Settings("fe80::1%eth0")),
        ("host box\nhostname\n\nhostnames a\nsetenv hostname=a\n", Settings()),
        ("hostname gpu\nconnecttimeout 33\nproxyjump hop@gate:2222\n", Settings("gpu", 33, behind=True)),
        ("proxycommand nc -X 5 %h %p\n", Settings(behind=True)),
        ("sessiontype none\nstdinnull no\n", Settings(for_tunnels=True)),
        ("sessiontype default\nstdinnull yes\n", Settings(for_tunnels=True)),
        ("sessiontype default\nstdinnull no\nforkafterauthentication yes\n", Settings(for_tunnels=True)),
        ("sessiontype default\nstdinnull no\nforkafterauthentication no\n", Settings()),
        ("proxycommand none\nproxyjump none\nconnecttimeout 99999999\n", Settings()),
        ("Bad configuration option: nonsense\n", Settings()),
        ("", Settings()),
    ],
)
def test_what_ssh_tells_of_a_host(said: str, settings: Settings) -> None:
    assert Settings.parse(said) == settings


@pytest.mark.parametrize(
    ("settings", "batch", "seconds"),
    [
        (Settings(), True, 6),
        (Settings(), False, 6),
        (Settings(connect_s=4), False, 6),
        (Settings(connect_s=30), True, 30),
        (Settings(behind=True), True, 12),
        (Settings(connect_s=30, behind=True), True, 30),
        # Two logins of 120 s each may lie on the way.
        (Settings(behind=True), False, 300),
    ],
)
def test_a_host_has_its_time_for_a_first_answer(settings: Settings, batch: bool, seconds: int) -> None:
    assert settings.patience_s(6, batch=batch) == seconds


def test_only_windows_has_no_multiplexing() -> None:
    assert [platform.multiplexes for platform in Platform] == [True, False]


@pytest.mark.parametrize("path", ["/tmp", "/run/user/1000", "/var/folders/zz/zyxvpxvq6csfxvn_n0000000000000/T", "/home/a.b-c+d%h"])
def test_where_sockets_may_lie(path: str) -> None:
    assert is_socket_folder(path)


@pytest.mark.parametrize(
    "path", ["", "tmp", "/tmp/a b", "/tmp/a:b", '/tmp/"', "/tmp/$(id)", "/tmp/数据", "/tmp\n", "/" + "x" * 60, "C:\\Temp"]
)
def test_what_ssh_takes_for_no_path_of_a_socket(path: str) -> None:
    assert not is_socket_folder(path)
