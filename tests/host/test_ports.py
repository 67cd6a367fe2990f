"""Who holds a port, seen with real sockets."""

from __future__ import annotations

import os
import pwd
import socket
import subprocess
import sys

import psutil
import pytest

from jupyter_remote_kit.host.ports import port_holder


def listener(family: socket.AddressFamily, address: str, *, only_ipv6: bool = True) -> socket.socket:
    server = socket.socket(family, socket.SOCK_STREAM)
    # As every server does; without it on both sides the kernel counts connections in TIME_WAIT.
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if family is socket.AF_INET6:
        server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(only_ipv6))
    try:
        server.bind((address, 0))
    except OSError as error:
        server.close()
        pytest.skip(f"no {address} on this machine: {error}")
    server.listen()
    return server


@pytest.mark.parametrize(
    ("family", "held", "wanted"),
    [
        (socket.AF_INET, "127.0.0.1", "127.0.0.1"),
        (socket.AF_INET, "127.0.0.1", "0.0.0.0"),
        (socket.AF_INET, "127.0.0.1", ""),
        (socket.AF_INET, "0.0.0.0", "127.0.0.1"),
        (socket.AF_INET6, "::1", "::1"),
        (socket.AF_INET6, "::1", ""),
        (socket.AF_INET6, "::", "::1"),
    ],
)
def test_a_holder_is_found_with_its_process(family: socket.AddressFamily, held: str, wanted: str) -> None:
    with listener(family, held) as server:
        holder = port_holder(wanted, server.getsockname()[1])
    assert holder is not None
    assert (holder.pid, holder.user) == (os.getpid(), pwd.getpwuid(os.geteuid()).pw_name)
    assert holder.command == psutil.Process().name()


def test_a_listener_of_both_families_holds_ipv4_as_well() -> None:
    with listener(socket.AF_INET6, "::", only_ipv6=False) as server:
        holder = port_holder("127.0.0.1", server.getsockname()[1])
    assert holder is not None
    assert holder.pid == os.getpid()


@pytest.mark.parametrize(("held", "wanted"), [("127.0.0.1", "127.0.0.2"), ("127.0.0.1", "::1")])
def test_another_address_is_no_holder(held: str, wanted: str) -> None:
    with listener(socket.AF_INET, held) as server:
        assert port_holder(wanted, server.getsockname()[1]) is None


def test_a_port_is_free_again_after_its_connections() -> None:
    """Connections in TIME_WAIT do not keep a server from listening."""
    server = listener(socket.AF_INET, "127.0.0.1")
    port = server.getsockname()[1]
    with socket.create_connection(("127.0.0.1", port)) as client:
        connection, _ = server.accept()
        connection.close()
        client.recv(1)
    server.close()
    assert port_holder("127.0.0.1", port) is None


def test_an_address_that_this_host_lacks_is_held_by_nobody() -> None:
    assert port_holder("203.0.113.1", 8800) is None


def test_the_child_that_holds_it_is_named() -> None:
    code = "import socket,sys; s=socket.create_server(('127.0.0.1',0)); print(s.getsockname()[1], flush=True); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        holder = port_holder("0.0.0.0", int(child.stdout.readline()))
        child.kill()
    assert holder is not None
    assert holder.pid == child.pid
