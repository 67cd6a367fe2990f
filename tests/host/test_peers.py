"""Whose connection it is that comes to a port of the loopback."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from jupyter_remote_kit.errors import Failed
from jupyter_remote_kit.host import peers

CONNECT = """
import socket, struct, sys
address, port, how = sys.argv[1], int(sys.argv[2]), sys.argv[3]
peer = socket.create_connection((address, port))
peer.sendall(b"request")
if how == "stays":
    sys.stdin.read()
elif how == "sends its end":
    peer.shutdown(socket.SHUT_WR)
    sys.stdin.read()
elif how == "resets":
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
peer.close()
"""
LOOPBACKS = [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")]
pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux tells whose a socket is")


def judged(family: socket.AddressFamily, address: str, uid: int, how: str) -> bool:
    """What becomes of a connection of that account's program, which has sent its request."""
    if os.geteuid() != 0:
        pytest.skip("needs root, to connect as another account")
    with socket.create_server((address, 0), family=family) as listener:
        port = str(listener.getsockname()[1])
        argv = ["setpriv", f"--reuid={uid}", "--clear-groups", sys.executable, "-S", "-c", CONNECT, address, port, how]
        if uid and subprocess.run([*argv[:3], sys.executable, "-S", "-c", ""], capture_output=True, check=False).returncode:
            pytest.skip("another account cannot run this interpreter")
        client = subprocess.Popen(argv, stdin=subprocess.PIPE)
        try:
            if how in {"closes", "resets"}:
                assert client.wait(20) == 0
            listener.settimeout(20)
            ours, peer = listener.accept()
            with ours:
                if how == "sends its end":
                    while ours.recv(100):
                        pass
                return peers.is_own(ours, peer, ours.getsockname())
        finally:
            client.communicate()


@pytest.mark.parametrize(("family", "address"), LOOPBACKS)
@pytest.mark.parametrize("how", ["stays", "sends its end"])
@pytest.mark.parametrize("uid", [0, 65534])
def test_own_connections_and_those_of_another_account(family: socket.AddressFamily, address: str, uid: int, how: str) -> None:
    assert judged(family, address, uid, how) is (uid == 0)


@pytest.mark.parametrize(("family", "address"), LOOPBACKS)
@pytest.mark.parametrize("how", ["closes", "resets"])
@pytest.mark.parametrize("uid", [0, 65534])
def test_who_has_closed_already_is_not_known_and_not_own(family: socket.AddressFamily, address: str, uid: int, how: str) -> None:
    """A closed socket has root's uid in the table, or none at all, and what it has sent can be read."""
    assert judged(family, address, uid, how) is False


def test_a_connection_that_the_system_does_not_know_is_not_own() -> None:
    with socket.socket() as connection:
        assert not peers.is_own(connection, ("127.0.0.1", 9), ("127.0.0.1", 10))
        assert not peers.is_own(connection, ("nonsense", 9), ("127.0.0.1", 10))
        assert not peers.is_own(connection, None, ("127.0.0.1", 10))


@pytest.mark.parametrize("open_still", [True, False])
def test_a_program_of_windows_reaches_wsl_while_its_connection_stands(open_still: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """With mirrored networks its socket is in no table of this kernel; the connection stands for one whose row is missing."""
    monkeypatch.setattr("platform.release", lambda: "6.6.87.2-microsoft-standard-WSL2")
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.create_connection(listener.getsockname()) as peer:
        ours, _ = listener.accept()
        with ours:
            if not open_still:
                peer.close()
            assert peers.is_own(ours, ("127.0.0.1", 9), ours.getsockname()) is open_still


def test_where_the_table_cannot_be_read_it_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    peers.check()
    monkeypatch.setitem(peers._TABLES, socket.AF_INET, tmp_path / "none")
    with pytest.raises(Failed, match="none cannot be read"):
        peers.check()
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.create_connection(listener.getsockname()):
        ours, peer = listener.accept()
        with ours:
            assert not peers.is_own(ours, peer, ours.getsockname())


def test_an_address_as_the_kernel_writes_it() -> None:
    expected = "0100007F:1F90" if sys.byteorder == "little" else "7F000001:1F90"
    assert peers._written(("127.0.0.1", 8080)) == expected
