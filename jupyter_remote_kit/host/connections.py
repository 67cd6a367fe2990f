"""The lines that `connect` holds on this laptop, so that a second one for the same server finds the first."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from jupyter_remote_kit.host import files
from jupyter_remote_kit.plan.layout import PRIVATE_FILE, Layout

_SAME_START_S = 2.0


@dataclass(frozen=True)
class Connection:
    """One `connect` that runs: its process, and the port of this machine that it holds."""

    pid: int
    started: float
    port: int


def path(layout: Layout, name: str, instance: str) -> Path:
    """Where the connection to a server is written down."""
    # No instance has the sign in its name, and none is mistaken for a server of this machine.
    return layout.runtime_dir / f"remotekit-connect-{instance}@{name}.json"


def find(layout: Layout, name: str, instance: str) -> Connection | None:
    """The connection to that server, if there is one."""
    try:
        found = Connection(**json.loads(path(layout, name, instance).read_bytes()))
        alive = abs(psutil.Process(found.pid).create_time() - found.started) <= _SAME_START_S
    except (OSError, ValueError, TypeError, psutil.Error):
        return None
    return found if alive else None


@contextmanager
def held(layout: Layout, name: str, instance: str, port: int) -> Iterator[None]:
    """Within, this process is the one that holds the connection."""
    own = Connection(os.getpid(), psutil.Process().create_time(), port)
    file = path(layout, name, instance)
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    files.write_atomic(file, json.dumps(asdict(own)).encode(), PRIVATE_FILE)
    try:
        yield
    finally:
        with suppress(OSError):
            if find(layout, name, instance) == own:
                file.unlink()
