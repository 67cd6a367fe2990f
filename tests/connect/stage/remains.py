"""What runs on the machines of a laboratory, and what must be gone again when a command has ended."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from tests.connect.stage.lab import Lab
from tests.e2e.stage.waiting import until

# Where the kit puts sockets, and says that it holds a line.
PLACES = ("/tmp", "/home/dana/.local/share/jupyter/runtime")


def running(lab: Lab) -> set[str]:
    """Every process and every TCP port that is listened on, of all machines; on the laptop the files that go with a connection as well."""
    machines = (lab.laptop, *lab.hosts.values())
    found = [(machine.name, process.pid, " ".join(process.argv)) for machine in machines for process in machine.processes()]
    # The sshd that listens is another one whenever a test has started it anew.
    processes = {f"{name}: {pid} {argv}" for name, pid, argv in found if "[listener]" not in argv}
    ports = {f"{machine.name}: port {port}" for machine in machines for port in machine.listeners()}
    folders = (folder for folder in map(lab.laptop.inside, PLACES) if folder.exists())
    return processes | ports | {f"{lab.laptop.name}: {path.parent.name}/{path.name}" for folder in folders for path in folder.iterdir()}


@contextlib.contextmanager
def nothing_more(lab: Lab) -> Iterator[None]:
    """What runs after the block ran before it. Raises `AssertionError` that names the rest."""
    before = running(lab)
    yield
    with contextlib.suppress(TimeoutError):
        until(lambda: running(lab) <= before, "the rest to end")
    rest = sorted(running(lab) - before)
    assert not rest, rest
