"""A host and a laptop on one cable, and an attacker with 250 addresses beside the laptop's own."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator

from tests.e2e.stage.hosts import Host, connected
from tests.e2e.stage.namespaces import Namespace

ATTACKERS = 250
FIRST_ATTACKER = "10.77.2.1"
OWNER = "10.77.1.2"
"""Where the laptop's own requests come from."""
NEWCOMER = "10.77.1.3"
"""An address that is never used before the end of a flood."""
# One address makes 60,000 connections a minute.
PORTS = "1024 65535"


def cores() -> tuple[int, int]:
    """Two cores, one for the server and one for everybody else; the same one twice where there is no second."""
    allowed = sorted(os.sched_getaffinity(0))
    return allowed[0], allowed[-1]


@contextlib.contextmanager
def crowd() -> Iterator[tuple[Host, Namespace]]:
    """A fresh host, and a machine that reaches it from `ATTACKERS` addresses, from `OWNER` and from `NEWCOMER`."""
    with connected() as (host, client):
        _ip("-n", host.machine.label, "route", "add", "10.77.2.0/24", "dev", "eth0")
        addresses = [f"10.77.2.{number}/32" for number in range(1, ATTACKERS + 1)]
        lines = "".join(f"addr add {address} dev eth0\n" for address in [f"{NEWCOMER}/24", *addresses])
        subprocess.run(["ip", "-n", client.label, "-batch", "-"], input=lines, text=True, check=True, capture_output=True)
        _sysctl(client, "net.ipv4.ip_local_port_range", PORTS)
        yield host, client


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)


def _sysctl(machine: Namespace, name: str, value: str) -> None:
    path = f"/proc/sys/{name.replace('.', '/')}"
    subprocess.run(machine.command(["sh", "-c", 'echo "$1" >"$0"', path, value]), check=True)
