"""The cable between the machine that runs the tests and a container: a veth pair with addresses of its own."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass

# 10.213.0.0/16 in pieces of four addresses, one a machine.
PIECES = 1 << 14


@dataclass(frozen=True)
class Wire:
    """The `number`-th cable. The name of its end here is what reserves the number, across processes."""

    number: int

    @property
    def name(self) -> str:
        """The interface at the tests' end."""
        return f"rkservice{self.number}"

    @property
    def gateway(self) -> str:
        """The address at the tests' end."""
        return self._address(1)

    @property
    def address(self) -> str:
        """The address of the machine."""
        return self._address(2)

    def _address(self, offset: int) -> str:
        high, low = divmod(self.number * 4 + offset, 256)
        return f"10.213.{high}.{low}"


@contextlib.contextmanager
def wired(pid: int) -> Iterator[Wire]:
    """A cable to the network namespace of process `pid`, where it is `eth0`. It goes by itself when that namespace does."""
    wire = next(wire for number in range(PIECES) if _plugged(wire := Wire(number), pid))
    try:
        _ip("addr", "add", f"{wire.gateway}/30", "dev", wire.name)
        _ip("link", "set", wire.name, "up")
        yield wire
    finally:
        subprocess.run(["ip", "link", "del", wire.name], check=False, capture_output=True)


def _plugged(wire: Wire, pid: int) -> bool:
    """Whether it was still free, and is ours now. Raises `CalledProcessError` when there can be none."""
    try:
        _ip("link", "add", wire.name, "type", "veth", "peer", "name", "eth0", "netns", str(pid))
    except subprocess.CalledProcessError as error:
        if "File exists" in error.stderr:
            return False
        raise
    return True


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True, text=True)
