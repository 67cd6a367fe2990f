"""The lines that `connect` holds on this laptop, so that a second one for the same server finds the first."""

from __future__ import annotations

import hashlib
import json
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from jupyter_remote_kit.errors import RemoteKitError
from jupyter_remote_kit.host import files, locks, runtimefolder
from jupyter_remote_kit.plan.layout import PRIVATE_FILE, Layout
from jupyter_remote_kit.plan.target import Target

# Somebody who looks whether there is a connection has the lock for an instant.
_LOOKS_S = 1.0


@dataclass(frozen=True)
class Connection:
    """One `connect` that runs: its process, and the port of this machine that it holds."""

    pid: int
    port: int


def path(layout: Layout, target: Target, instance: str) -> Path:
    """Where the connection to a server is written down, whatever its host is called here. Homes may be shared between laptops."""
    named = hashlib.sha256(f"{platform.node()} {target}".encode()).hexdigest()[:16]
    # No instance has the sign in its name, and none is mistaken for a server of this machine.
    return layout.runtime_dir / f"remotekit-connect-{instance}@{named}.json"


def find(layout: Layout, target: Target, instance: str) -> Connection | None:
    """The connection to that server, if there is one.

    Raises `Refused` where another user could have written it down: a browser is sent to its port with a ticket.
    """
    runtimefolder.check(layout.runtime_dir)
    record = path(layout, target, instance)
    with suppress(RemoteKitError, OSError, ValueError, TypeError):
        told = files.read_private(record)
        lock = locks.taken(_lock_of(record), 0)
        if lock is None:
            return Connection(**json.loads(told))
        os.close(lock)
    return None


@contextmanager
def held(layout: Layout, target: Target, instance: str, port: int) -> Iterator[None]:
    """Within, this process is the one that holds the connection, unless another does: its lock tells, which ends with it."""
    record = path(layout, target, instance)
    lock = None
    with suppress(RemoteKitError):
        lock = locks.taken(_lock_of(record), _LOOKS_S)
    if lock is None:
        yield
        return
    try:
        files.write_atomic(record, json.dumps(asdict(Connection(os.getpid(), port))).encode(), PRIVATE_FILE)
        yield
    finally:
        for file in (record, _lock_of(record)):
            with suppress(OSError):
                file.unlink()
        os.close(lock)


def _lock_of(record: Path) -> Path:
    return record.with_suffix(".lock")
