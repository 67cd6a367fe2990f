"""A server between its start and its first answer: only one is started at a time, and what it wrote of itself is not there yet."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from jupyter_remote_kit.errors import Failed
from jupyter_remote_kit.host import files, locks, processes, runtimefolder, runtimerecord, socketfolder, trouble, whoami
from jupyter_remote_kit.messages import msg
from jupyter_remote_kit.plan.commandline import own_command
from jupyter_remote_kit.plan.layout import PRIVATE_DIR, PRIVATE_FILE, Layout

# A server on a busy machine with a cold disk; `jupyter lab` takes two seconds on an idle one.
READY_WITHIN_S = 60.0
_POLL_S = 0.1


@contextmanager
def alone(layout: Layout, instance: str, patience_s: float) -> Iterator[None]:
    """Within, nobody else who asks starts the server of `instance`. Raises `Failed` when somebody does for longer than `patience_s`."""
    path = layout.start_lock(instance)
    lock = locks.taken(path, patience_s)
    if lock is None:
        raise Failed.of(
            "start-busy",
            msg(
                "Another command has been starting the instance {name!r} for more than {seconds} s.", name=instance, seconds=int(patience_s)
            ),
            msg("{command}", command=own_command(instance, "status")),
        )
    try:
        yield
    finally:
        with suppress(OSError):
            path.unlink()
        os.close(lock)


def note(layout: Layout, instance: str, pid: int) -> None:
    """Write down which process is to become the server of `instance`; the server writes over it once it listens."""
    with trouble.os_errors(layout.runtime_dir):
        layout.runtime_dir.mkdir(mode=PRIVATE_DIR, parents=True, exist_ok=True)
    # Another user may have been first, where the folder above it is everybody's.
    runtimefolder.check(layout.runtime_dir)
    started = processes.create_time(pid)
    if started is None:
        return
    record = {"pid": pid, "host": whoami.host_name(), "create_time": started, "instance": instance}
    files.write_atomic(layout.runtime_file(instance), json.dumps(record, indent=2).encode() + b"\n", PRIVATE_FILE)


def forget(layout: Layout, instance: str, pid: int) -> None:
    """Take the note back: the process of this host has ended, or has become no server."""
    record = runtimerecord.read(layout, instance)
    if record is not None and record["pid"] == pid and runtimerecord.other_host(record) is None:
        with suppress(OSError):
            layout.runtime_file(instance).unlink()


def alive(layout: Layout, instance: str) -> dict[str, Any] | None:
    """The record of a process of this host that is still there, whether or not it answers."""
    record = runtimerecord.read(layout, instance)
    # An id alone may be anybody's by now; and here, where it is another host's.
    if record is None or not isinstance(record.get("create_time"), float) or runtimerecord.other_host(record) is not None:
        return None
    return record if processes.process_alive(record["pid"], record["create_time"]) else None


def awaited(layout: Layout, instance: str) -> dict[str, Any] | None:
    """The status of a server that somebody else has begun to start, once it is ready; `None` where there is none, or it has ended.

    One that has been there for longer than a start takes is waited for no more.
    """
    client = socketfolder.client(layout, instance)

    def settled() -> bool:
        status = client.status()
        return status["ready"] if status is not None else not _begins(layout, instance)

    processes.wait_for(settled, READY_WITHIN_S, _POLL_S)
    return client.status()


def _begins(layout: Layout, instance: str) -> bool:
    record = alive(layout, instance)
    return record is not None and time.time() - record["create_time"] < READY_WITHIN_S
