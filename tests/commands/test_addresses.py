"""A host whose addresses change while laptops trust its authority, in a network namespace of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.commands.host import LAN, PASSWORD, Host, console_script, detached, free_port, within_a_minute

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("ip"), reason="a network namespace needs root and iproute2"),
]

HOME, OFFICE, ELSEWHERE = "10.77.0.2", "10.77.0.3", "10.77.0.4"
# Prints the subjects of the certificate that a laptop with this authority accepts at that address.
LAPTOP = """
import socket, ssl, sys
context = ssl.create_default_context(cafile=sys.argv[1])
with context.wrap_socket(socket.create_connection((sys.argv[2], int(sys.argv[3])), 10), server_hostname=sys.argv[2]) as line:
    print(sorted(value for kind, value in line.getpeercert()["subjectAltName"] if kind == "IP Address"))
"""


@dataclass(frozen=True)
class Roaming:
    """A host in a namespace, and what happens to its addresses."""

    host: Host
    name: str

    def come(self, address: str) -> None:
        """The host gets another address."""
        self._ip("addr", "add", f"{address}/24", "dev", "net0")

    def go(self, address: str) -> None:
        """An address is gone."""
        self._ip("addr", "del", f"{address}/24", "dev", "net0")

    def trusted(self, authority: Path, address: str, port: int) -> str | None:
        """The addresses on the certificate there, or nothing where a laptop that trusts this authority alone warns."""
        argv = ["ip", "netns", "exec", self.name, sys.executable, "-c", LAPTOP, str(authority), address, str(port)]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=30, check=False)
        assert done.returncode == 0 or "CERTIFICATE_VERIFY_FAILED" in done.stderr, done.stderr
        return done.stdout.strip() or None

    def answers(self, address: str, port: int) -> bool:
        """Whether anything listens there."""
        reach = f"import socket; socket.create_connection(({address!r}, {port}), 5)"
        argv = ["ip", "netns", "exec", self.name, sys.executable, "-c", reach]
        return subprocess.run(argv, capture_output=True, timeout=30, check=False).returncode == 0

    def finds(self) -> dict[str, str]:
        """The sentences of the running server's findings."""
        return {row["code"]: row["message"] for row in self.host.run("status", "--json").envelope["problems"]}

    def _ip(self, *argv: str) -> None:
        subprocess.run(["ip", "-n", self.name, *argv], check=True, timeout=10)


@pytest.fixture
def roaming(tmp_path: Path) -> Iterator[Roaming]:
    name = f"kit-roaming-{os.getpid()}"
    subprocess.run(["ip", "netns", "add", name], check=True, timeout=10)
    try:
        for argv in ("link set lo up", "link add net0 type veth peer name net1", "link set net0 up", "link set net1 up"):
            subprocess.run(["ip", "-n", name, *argv.split()], check=True, timeout=10)
        yield Roaming(Host(tmp_path / "host", within=("ip", "netns", "exec", name)), name)
    finally:
        subprocess.run(["ip", "netns", "del", name], check=True, timeout=10)


def test_laptops_go_on_trusting_a_host_that_roams(roaming: Roaming, tmp_path: Path) -> None:
    host, port = roaming.host, free_port()
    exported, old, new = host.layout.ca_certificate_file, tmp_path / "old.crt", tmp_path / "new.crt"
    roaming.come(HOME)
    roaming.come(OFFICE)
    host.must("init", *LAN, "--port", str(port), stdin=PASSWORD)
    roaming.go(OFFICE)
    host.layout.leaf_file("default").unlink()
    with detached(host):
        old.write_bytes(exported.read_bytes())
        assert OFFICE not in (roaming.trusted(old, HOME, port) or OFFICE)
        # One that the authority is for: the leaf follows, while the server runs.
        roaming.come(OFFICE)
        assert within_a_minute(lambda: OFFICE in (roaming.trusted(old, OFFICE, port) or ""))

        # One that it is not for: it stays, and that browsers warn is said everywhere.
        roaming.come(ELSEWHERE)
        assert within_a_minute(lambda: f"is not for {ELSEWHERE}" in roaming.finds().get("certificate-lacks", ""))
        assert "certificate-lacks" in host.run("urls", "--json").codes
        assert "certificate-lacks" in host.run("init", "--json").codes
        assert exported.read_bytes() == old.read_bytes()
        assert "certificate-lacks: The certificate is not for" in host.layout.server_log("default").read_text()

        # Another one, when its user says so: laptops of both are served, and which ones warn is said.
        host.must("init", "--new-authority")
        new.write_bytes(exported.read_bytes())
        assert all(roaming.trusted(old, address, port) for address in (HOME, OFFICE))
        assert all(roaming.trusted(new, address, port) for address in (HOME, OFFICE, ELSEWHERE))
        assert roaming.trusted(old, ELSEWHERE, port) is None
        assert within_a_minute(lambda: ELSEWHERE in roaming.finds().get("authority-changes", ""))

        # Going back, and coming again, makes no third.
        roaming.go(ELSEWHERE)
        host.must("init", "--new-authority")
        roaming.come(ELSEWHERE)
        host.must("init", "--new-authority")
        assert exported.read_bytes() == new.read_bytes()


def test_a_server_waits_for_an_address_that_comes_late(roaming: Roaming) -> None:
    host, port = roaming.host, free_port()
    roaming.come(HOME)
    host.must("init", *LAN, "--port", str(port), "--ip", HOME, stdin=PASSWORD)
    roaming.go(HOME)
    assert host.run("init", "--ip", ELSEWHERE, "--json").codes[0] == "address-not-here"
    argv = [*host.within, console_script(), "service", "run"]
    with subprocess.Popen(argv, env=host.environment, cwd=host.home, stderr=subprocess.PIPE, text=True) as server:
        try:
            assert server.stderr is not None
            assert HOME in server.stderr.readline()
            assert server.poll() is None
            roaming.come(HOME)
            assert within_a_minute(lambda: roaming.answers(HOME, port))
        finally:
            server.terminate()
