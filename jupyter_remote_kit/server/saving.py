"""Keeps a private file up to date with something in memory, off the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from threading import Lock

from traitlets.log import get_logger

from jupyter_remote_kit.errors import RemoteKitError
from jupyter_remote_kit.host import files
from jupyter_remote_kit.plan.layout import PRIVATE_FILE
from jupyter_remote_kit.server import report


class Saver:
    """Writes the newest state that it was given, whole; what comes while it writes waits as one write, however much it is."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._worker = ThreadPoolExecutor(1, thread_name_prefix=f"remotekit-{path.stem}")
        self._lock = Lock()
        self._wanted: Callable[[], bytes] | None = None
        self._job: Future[None] | None = None
        self._failure: RemoteKitError | None = None
        self._closed = False

    def put(self, render: Callable[[], bytes]) -> None:
        """Have what `render` gives written soon; it is called on another thread."""
        with self._lock:
            if self._closed:
                return
            waits = self._wanted is not None
            self._wanted = render
            if not waits:
                self._job = self._worker.submit(self._write)

    async def saved(self) -> None:
        """Return once everything that was put is on the disk. Raises what keeps it from there, `Failed` or `Refused`."""
        job = self._job
        if job is not None:
            # Who waits may go away; cancelled with it, a write that has not begun would never be asked for again.
            await asyncio.shield(asyncio.wrap_future(job))
        if self._failure is not None:
            raise self._failure

    def close(self) -> None:
        """Write what waits, and end; it blocks for as long as the disk does."""
        with self._lock:
            self._closed = True
        self._worker.shutdown(wait=True)

    def _write(self) -> None:
        with self._lock:
            render, self._wanted = self._wanted, None
        if render is None:
            return
        try:
            # `init` made the folder; somebody may have cleared it since.
            if not self._path.parent.exists():
                files.make_directory(self._path.parent)
            files.write_atomic(self._path, render(), PRIVATE_FILE)
        except RemoteKitError as error:
            # Once until it works again: a full disk must not be filled by its own complaints.
            if self._failure is None:
                for line in report.lines(error.problems):
                    get_logger().warning("%s", line)
            self._failure = error
        else:
            self._failure = None
