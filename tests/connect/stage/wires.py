"""The network between machines: a switch with two segments, and the cables that lead to it."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

SEGMENTS = {"near": "10.79.1", "far": "10.79.2"}
"""Where the laptop is, and what only a jump host leads to: names of bridges, and the networks on them."""


@dataclass(frozen=True)
class Plug:
    """One end of a cable in a machine, and the switch's port at the other."""

    interface: str
    port: str
    address: str


def in_network(pid: int, *argv: str) -> str:
    """Run `argv` in the network namespace of process `pid`; what it prints. Raises `CalledProcessError`."""
    done = subprocess.run(["nsenter", "-t", str(pid), "-n", "--", *argv], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise subprocess.CalledProcessError(done.returncode, argv, done.stdout, done.stderr.strip())
    return done.stdout


class Switch:
    """A network namespace with a bridge for each segment. It goes with its process, and that with whoever has made it."""

    def __init__(self) -> None:
        self._ports = 0
        self._holder = subprocess.Popen(["unshare", "--net", "cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
        stdin, stdout = self._pipes()
        stdin.write(b"\n")
        # It answers from within its namespace.
        assert stdout.read(1) == b"\n"
        for segment in SEGMENTS:
            self.ip("link", "add", segment, "type", "bridge")
            self.ip("link", "set", segment, "up")

    @property
    def pid(self) -> int:
        """The process that holds it."""
        return self._holder.pid

    def close(self) -> None:
        """Take it away."""
        for pipe in self._pipes():
            pipe.close()
        self._holder.wait()

    def ip(self, *words: str) -> None:
        """`ip …` in the switch."""
        in_network(self.pid, "ip", *words)

    def plug(self, pid: int, segment: str, number: int, interface: str = "eth0") -> Plug:
        """Lead a cable from the segment to the machine with process `pid`, which gets the `number`-th address there."""
        self._ports += 1
        plug = Plug(interface, f"port{self._ports}", f"{SEGMENTS[segment]}.{number}")
        self.ip("link", "add", plug.port, "type", "veth", "peer", "name", interface, "netns", str(pid))
        self.ip("link", "set", plug.port, "master", segment, "up")
        in_network(pid, "ip", "addr", "add", f"{plug.address}/24", "dev", interface)
        in_network(pid, "ip", "link", "set", interface, "up")
        return plug

    @contextlib.contextmanager
    def silence(self, plug: Plug) -> Iterator[None]:
        """Within, nothing passes from or to that port, and nobody is told."""
        chain = f"bridge {plug.port} forward"
        added = [f"add table bridge {plug.port}", f"add chain {chain} {{ type filter hook forward priority 0; }}"]
        self._nft(*added, *(f'add rule {chain} {end} "{plug.port}" drop' for end in ("iifname", "oifname")))
        try:
            yield
        finally:
            self._nft(f"delete table bridge {plug.port}")

    def _nft(self, *commands: str) -> None:
        in_network(self.pid, "nft", "; ".join(commands))

    def _pipes(self) -> tuple[IO[bytes], IO[bytes]]:
        assert self._holder.stdin is not None
        assert self._holder.stdout is not None
        return self._holder.stdin, self._holder.stdout
