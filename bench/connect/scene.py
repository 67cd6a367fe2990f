"""Where it is played: a laptop, a host with a real sshd, and nothing else in reach."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.connect.stage import Host, Lab, Laptop, Machine, User
from tests.e2e.stage.waiting import until

HOST = "gpu"
ON_LAPTOP = "dana"
WITH_KIT, WITHOUT_KIT = "alice", "bob"
"""Two users of the host: the second has the kit's server extension switched off, as it is for those who do not have the kit."""
PREFIX = sys.prefix
BYTECODE = ".bytecode"
# What a login shell reads: whose Jupyter it is, and that what one round has compiled is there for the next.
PROFILE = f"PATH={PREFIX}/bin:$PATH; export PYTHONPYCACHEPREFIX=$HOME/{BYTECODE}\n"
OFF = '{"ServerApp": {"jpserver_extensions": {"jupyter_remote_kit": false}}}\n'


@dataclass(frozen=True)
class Scene:
    """The machines, and the names in each home that are there from the start."""

    lab: Lab
    host: Host
    kept: dict[Path, frozenset[str]]

    @property
    def laptop(self) -> Laptop:
        """Where the commands run."""
        return self.lab.laptop

    def reset(self) -> None:
        """As at first: nothing runs, neither side has files of a server. Compiled Python stays."""
        for machine, user in ((self.laptop, ON_LAPTOP), (self.host, WITH_KIT), (self.host, WITHOUT_KIT)):
            end_all(machine, [process.pid for process in machine.processes() if process.uid == machine.person(user).uid])
        for home, names in self.kept.items():
            for path in home.iterdir():
                if path.name not in names:
                    shutil.rmtree(path) if path.is_dir() else path.unlink()


@contextlib.contextmanager
def scene() -> Iterator[Scene]:
    """All machines, until the context is left."""
    with Lab() as lab:
        host = lab.host(HOST, User(WITH_KIT), User(WITHOUT_KIT))
        lab.laptop.write(f"/home/{ON_LAPTOP}/{BYTECODE}/.here", "", user=ON_LAPTOP)
        for user in (WITH_KIT, WITHOUT_KIT):
            host.write(f"/home/{user}/{BYTECODE}/.here", "", user=user)
            host.write(f"/home/{user}/.profile", PROFILE, user=user)
        host.write(f"/home/{WITHOUT_KIT}/.jupyter/jupyter_server_config.d/off.json", OFF, user=WITHOUT_KIT)
        homes = (lab.laptop.home(ON_LAPTOP), host.home(WITH_KIT), host.home(WITHOUT_KIT))
        yield Scene(lab, host, {home: frozenset(path.name for path in home.iterdir()) for home in homes})


def environment() -> dict[str, str]:
    """What the commands see on the laptop besides a login's."""
    # A URL is not to be wrapped, nor to wait in a buffer.
    shown = {"COLUMNS": "200", "PYTHONUNBUFFERED": "1"}
    return {"BROWSER": "/bin/true", "PYTHONPYCACHEPREFIX": f"/home/{ON_LAPTOP}/{BYTECODE}", **shown}


def end_all(machine: Machine, pids: Sequence[int]) -> None:
    """Kill these processes of the machine, and wait until they are gone."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    until(lambda: not set(pids) & {process.pid for process in machine.processes()}, f"the processes on {machine.name} to end")
