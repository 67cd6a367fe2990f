"""Whose connection it is that comes to a port of the loopback."""

from __future__ import annotations

import os
import socket
import subprocess
import sys

import pytest

from jupyter_remote_kit.host import peers

CONNECT = "import socket, sys; s = socket.create_connection((sys.argv[1], int(sys.argv[2]))); sys.stdin.read()"
pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux tells whose a socket is")


@pytest.mark.parametrize(("family", "address"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")])
@pytest.mark.parametrize("uid", [0, 65534])
def test_own_connections_and_those_of_another_account(family: socket.AddressFamily, address: str, uid: int) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root, to connect as somebody else")
    with socket.create_server((address, 0), family=family) as listener:
        argv = ["setpriv", f"--reuid={uid}", "--clear-groups", sys.executable, "-S", "-c", CONNECT, address, str(listener.getsockname()[1])]
        if uid and subprocess.run([*argv[:3], sys.executable, "-S", "-c", ""], capture_output=True, check=False).returncode:
            pytest.skip("another account cannot run this interpreter")
        client = subprocess.Popen(argv, stdin=subprocess.PIPE)
        try:
            listener.settimeout(20)
            ours, peer = listener.accept()
            with ours:
                assert peers.is_own(family, peer, ours.getsockname()) is (uid == 0)
        finally:
            client.communicate()


def test_a_connection_that_the_system_does_not_know_is_not_judged() -> None:
    assert peers.is_own(socket.AF_INET, ("127.0.0.1", 9), ("127.0.0.1", 10))
    assert peers.is_own(socket.AF_INET, ("nonsense", 9), ("127.0.0.1", 10))


def test_an_address_as_the_kernel_writes_it() -> None:
    expected = "0100007F:1F90" if sys.byteorder == "little" else "7F000001:1F90"
    assert peers._written(("127.0.0.1", 8080)) == expected
