"""A machine's place on the machine that runs the tests, and what a killed run has left of one."""

from __future__ import annotations

import contextlib
import fcntl
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from tests.service.stage.groups import Group

WORK = "rk-service-"


@contextlib.contextmanager
def place() -> Iterator[tuple[Path, Group]]:
    """A folder and a control group. The lock on the folder tells other runs that somebody is still there."""
    making = Path(tempfile.mkdtemp(prefix=f".{WORK}"))
    work = making.with_name(making.name[1:])
    with making.joinpath("lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        # Under a name that is swept it appears locked.
        making.rename(work)
        group = Group(work.name)
        try:
            for name in ("upper", "overlay", "root", "dev"):
                work.joinpath(name).mkdir()
            # The top of the upper layer is the top of what is seen.
            work.joinpath("upper").chmod(0o755)
            group.make()
            yield work, group
        finally:
            _remove(work, group, lock)


def _remove(work: Path, group: Group, lock: IO[str]) -> None:
    group.remove()
    shutil.rmtree(work)
    lock.close()


def sweep() -> None:
    """Take away what a run that was killed has left: folders whose lock nobody holds."""
    for work in Path(tempfile.gettempdir()).glob(f"{WORK}*"):
        with contextlib.suppress(FileNotFoundError, BlockingIOError), work.joinpath("lock").open("r+") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _remove(work, Group(work.name), lock)
