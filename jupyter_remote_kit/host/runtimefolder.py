"""Whether the runtime folder is out of other users' reach. Sockets, connection files of kernels and the record of the server are in it:
another user who can put a file in their place is sent the next token, or runs code as this user.
"""

from __future__ import annotations

import os
import stat
import struct
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from jupyter_remote_kit.errors import Refused
from jupyter_remote_kit.host import trouble
from jupyter_remote_kit.host.folders import HAS_MODES
from jupyter_remote_kit.messages import Message, msg

# As many as Linux follows (path_resolution(7)).
_MOST_LINKS = 40
# A version, and for each entry a tag, permissions and an id (Linux' posix_acl_xattr.h; what the tags grant: acl(5)).
_ACL, _ACL_VERSION, _ACL_ENTRY = "system.posix_acl_access", 4, struct.Struct("<HHI")
_ACL_USER, _ACL_OWN_GROUP, _ACL_GROUP, _ACL_WRITE = 2, 4, 8, 2
_USER_MAP, _OVERFLOW = Path("/proc/self/uid_map"), Path("/proc/sys/kernel/overflowuid")


def check(folder: Path) -> None:
    """Raises `Refused` where another user can write to `folder`, or rename it or a folder above it. It need not be there yet."""
    if not HAS_MODES:
        return
    for path in _ways(folder.absolute()):
        for step in _existing(path):
            _check_step(step, path)


def _ways(folder: Path) -> Iterator[Path]:
    """`folder`, and what it is called as one link on the way after the other is followed: each of them may be in a folder of others."""
    yield folder
    for _ in range(_MOST_LINKS):
        try:
            link = next((step for step in _existing(folder) if step.is_symlink()), None)
            if link is None:
                return
            folder = link.parent / link.readlink() / folder.relative_to(link)
        except OSError:
            return
        yield folder


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
        raise _of_another(step, status.st_uid, folder)
    if not _others_write(step, status):
        return
    # In a folder with the sticky bit, as /tmp is, an entry is renamed by its owner alone (unlink(2)).
    if below is not None and status.st_mode & stat.S_ISVTX:
        if below_uid is None or _is_trusted(below_uid):
            return
        raise _of_another(below, below_uid, folder)
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


def _of_another(step: Path, uid: int, folder: Path) -> Refused:
    return Refused.of(
        "runtime-folder-exposed",
        msg(
            "{step} belongs to another user ({uid}), who could take the place of a server in {folder}.",
            step=step,
            uid=uid,
            folder=folder,
        ),
        _elsewhere(folder),
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


def _others_write(step: Path, status: os.stat_result) -> bool:
    if status.st_mode & stat.S_IWOTH:
        return True
    # With an ACL these bits are the mask of all that is granted to users other than the owner.
    if not status.st_mode & stat.S_IWGRP:
        return False
    entries = _acl(step)
    if entries is None:
        return not _is_safe(status.st_gid)
    return any(
        permissions & _ACL_WRITE
        and (
            (tag == _ACL_USER and not _is_trusted(uid_or_gid))
            or (tag == _ACL_OWN_GROUP and not _is_safe(status.st_gid))
            or (tag == _ACL_GROUP and not _is_safe(uid_or_gid))
        )
        for tag, permissions, uid_or_gid in entries
    )


def _acl(step: Path) -> list[tuple[int, int, int]] | None:
    """The tags, permissions and ids of the folder's access control list; `None` where it has none, or the system has no such lists."""
    if not hasattr(os, "getxattr"):
        return None
    try:
        return list(_ACL_ENTRY.iter_unpack(os.getxattr(step, _ACL)[_ACL_VERSION:]))
    except (OSError, struct.error):
        return None


def _is_safe(gid: int) -> bool:
    """Whether a group is this user's alone, or root's."""
    return gid == 0 or _is_alone_in(gid)


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
