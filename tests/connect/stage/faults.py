"""What goes wrong between a laptop and a host; what lasts is undone on leaving it."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator

from tests.connect.stage.machine import Machine
from tests.connect.stage.processes import Process, descendants
from tests.connect.stage.wires import Plug
from tests.e2e.stage.waiting import until


def ssh_of(laptop: Machine, pid: int) -> list[Process]:
    """The `ssh` processes that process `pid` of the laptop has started, itself or by others."""
    return [process for process in descendants(pid, laptop.processes()) if process.name == "ssh"]


def kill_ssh(laptop: Machine, pid: int) -> int:
    """Kill them, and no other; how many there were."""
    found = ssh_of(laptop, pid)
    for process in found:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGKILL)
    killed = {process.pid for process in found}
    until(lambda: not killed & {process.pid for process in laptop.processes()}, "ssh to end")
    return len(found)


@contextlib.contextmanager
def unplugged(machine: Machine) -> Iterator[None]:
    """Within, its first interface is down."""
    machine.ip("link", "set", machine.plugs[0].interface, "down")
    try:
        yield
    finally:
        machine.ip("link", "set", machine.plugs[0].interface, "up")


@contextlib.contextmanager
def readdressed(machine: Machine, number: int = 99) -> Iterator[Plug]:
    """Within, it has another address in the same network, and the old one no more."""
    before = machine.plugs[0]
    after = Plug(before.interface, before.port, f"{before.address.rpartition('.')[0]}.{number}")
    _move(machine, before, after)
    try:
        yield after
    finally:
        _move(machine, after, before)


def _move(machine: Machine, before: Plug, after: Plug) -> None:
    # The first address of a network takes with it those that came later.
    machine.ip("addr", "del", f"{before.address}/24", "dev", before.interface)
    machine.ip("addr", "add", f"{after.address}/24", "dev", after.interface)
    machine.plugs[0] = after
