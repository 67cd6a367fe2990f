"""A lock between the kit's processes of one user: a file that one of them holds."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from jupyter_remote_kit.errors import Failed
from jupyter_remote_kit.host import trouble
from jupyter_remote_kit.host.files import make_directory
from jupyter_remote_kit.messages import msg
from jupyter_remote_kit.plan.layout import PRIVATE_DIR, PRIVATE_FILE, Layout

LOCK_NAME = "lock"
LOCK_WAIT_S = 10.0
_LOCK_POLL_S = 0.05

if sys.platform == "win32":
    import msvcrt

    _FLAGS = os.O_RDWR | os.O_CREAT | os.O_NOINHERIT

    def _could_take(lock: int) -> bool:
        try:
            msvcrt.locking(lock, msvcrt.LK_NBLCK, 1)
        except PermissionError:
            return False
        return True

else:
    import errno
    import fcntl

    # Lustre mounted without `flock`, NFS without its lock daemon: two at once are rare, and no server at all would be worse.
    _NO_LOCKS = frozenset({errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP})
    _FLAGS = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC

    def _could_take(lock: int) -> bool:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                raise
        return True


@contextmanager
def exclusive(layout: Layout, wait_s: float = LOCK_WAIT_S) -> Iterator[None]:
    """Keep every other process that changes this user's files of ours out. Not reentrant.

    The lock is a file, since NFS grants an exclusive lock on a directory to nobody. Raises `Failed` (`busy`) after `wait_s` seconds.
    """
    path = layout.data_root / LOCK_NAME
    lock = taken(path, wait_s)
    if lock is None:
        raise Failed.of(
            "busy",
            msg("Another jupyter remotekit command has been running for {seconds} s.", seconds=int(wait_s)),
            msg("See which one holds {path}: fuser -v {path}", path=trouble.quoted(path)),
        )
    try:
        yield
    finally:
        os.close(lock)


def taken(path: Path, wait_s: float) -> int | None:
    """A descriptor that holds the lock at `path` until it is closed; `None` where another process has held it for `wait_s` seconds.

    Its folder is ours alone. Whoever holds the lock may take the file away before it lets go.
    """
    deadline = time.monotonic() + wait_s
    while (lock := _try_lock(path)) is None and time.monotonic() < deadline:
        time.sleep(_LOCK_POLL_S)
    return lock


def _try_lock(path: Path) -> int | None:
    make_directory(path.parent, PRIVATE_DIR)
    with trouble.os_errors(path):
        try:
            lock = os.open(path, _FLAGS, PRIVATE_FILE)
        except FileNotFoundError:
            # The folder went away again: a `remove` just finished.
            return None
        held = False
        try:
            # Its last holder may have removed it; whoever comes now makes a new one, which is the one to hold.
            held = _could_take(lock) and os.path.samestat(os.fstat(lock), path.lstat())
        except FileNotFoundError:
            return None
        finally:
            if not held:
                os.close(lock)
    return lock if held else None
