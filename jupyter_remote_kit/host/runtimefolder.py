"""Whether the runtime folder is out of other users' reach. Sockets, connection files of kernels and the record of the server are in it:
another user who can put a file in their place is sent the next token, or runs code as this user.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from jupyter_remote_kit.errors import Refused
from jupyter_remote_kit.host import trouble
from jupyter_remote_kit.host.folders import HAS_MODES
from jupyter_remote_kit.messages import Message, msg

_USER_MAP, _OVERFLOW = Path("/proc/self/uid_map"), Path("/proc/sys/kernel/overflowuid")


def check(folder: Path) -> None:
    """Raises `Refused` where another user can write to `folder`, or rename it or a folder above it. It need not be there yet."""
    if not HAS_MODES:
        return
    # Both what a link on the way is, and where it leads.
    for path in dict.fromkeys((folder, folder.resolve())):
        for step in _existing(path):
            _check_step(step, path)


def _existing(path: Path) -> Iterator[Path]:
    """The folders on the way to `path`, from the root on, and `path` itself, as far as they exist."""
    return (step for step in (*reversed(path.parents), path) if os.path.lexists(step))


def _check_step(step: Path, folder: Path) -> None:
    try:
        status = step.stat()
        below = _below(step, folder)
        below_uid = os.lstat(below).st_uid if below is not None and os.path.lexists(below) else None
    except OSError:
        # Whoever uses the folder is told why it cannot be used.
        return
    if not _is_trusted(status.st_uid):
        raise Refused.of(
            "runtime-folder-exposed",
            msg(
                "{step} belongs to another user ({uid}), who could take the place of a server in {folder}.",
                step=step,
                uid=status.st_uid,
                folder=folder,
            ),
            _elsewhere(folder),
        )
    if not _others_write(status):
        return
    # In a folder with the sticky bit, as /tmp is, an entry is renamed by its owner alone (unlink(2)).
    if below is not None and status.st_mode & stat.S_ISVTX and (below_uid is None or _is_trusted(below_uid)):
        return
    raise Refused.of(
        "runtime-folder-exposed",
        msg(
            "Other users can write to {step} (mode {mode}), and could take the place of a server in {folder}.",
            step=step,
            mode=format(stat.S_IMODE(status.st_mode), "04o"),
            folder=folder,
        ),
        _mend(step, status, below, folder),
    )


def _below(step: Path, folder: Path) -> Path | None:
    """The next step on the way to `folder`."""
    names = folder.relative_to(step).parts
    return step / names[0] if names else None


def _is_trusted(uid: int) -> bool:
    return uid in {os.geteuid(), 0} or uid == _unmapped_uid()


@cache
def _unmapped_uid() -> int | None:
    """By what the owners show who are unknown in this user namespace, as root of the machine is in a container without privileges.

    `None` where that id is an account's: nobody's.
    """
    try:
        overflow = int(_OVERFLOW.read_text())
        ranges = [tuple(map(int, line.split())) for line in _USER_MAP.read_text().splitlines()]
    except (OSError, ValueError):
        return None
    return None if any(first <= overflow < first + count for first, _, count in ranges) else overflow


def _others_write(status: os.stat_result) -> bool:
    if status.st_mode & stat.S_IWOTH:
        return True
    return bool(status.st_mode & stat.S_IWGRP) and status.st_gid != 0 and not _is_alone_in(status.st_gid)


def _is_alone_in(gid: int) -> bool:
    """Whether a group is this user's own, as many systems make one for each user (and then open folders to it: umask 002)."""
    import grp
    import pwd

    try:
        user, group = pwd.getpwuid(os.geteuid()), grp.getgrgid(gid)
    except KeyError:
        return False
    return gid == user.pw_gid and group.gr_name == user.pw_name and set(group.gr_mem) <= {user.pw_name}


def _mend(step: Path, status: os.stat_result, below: Path | None, folder: Path) -> Message:
    """What mends it: closed to others, where it is this user's own and for nothing else, or else another folder."""
    if status.st_uid == os.geteuid() and not status.st_mode & stat.S_ISVTX:
        mode = "go-w" if below is None else "+t"
        return msg("Keep them out: {command}", command=f"chmod {mode} {trouble.quoted(step)}")
    return _elsewhere(folder)


def _elsewhere(folder: Path) -> Message:
    return msg("Have Jupyter keep these files elsewhere: {command}", command=trouble.elsewhere(folder, ("runtime",)))
