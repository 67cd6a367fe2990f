"""Where the sockets of a server are when the runtime folder cannot hold any: exFAT and CIFS have no UNIX sockets, and a path may be too
long for ssh.

The folder is found by name alone, so that every command finds the socket that a server has made, whatever its environment. It is below
a folder in which any user may make one of that name first, so it is used only where it is this user's own and closed to others.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from jupyter_remote_kit.host import runtimefolder
from jupyter_remote_kit.host.control import ControlClient
from jupyter_remote_kit.plan.layout import PRIVATE_DIR, Layout

_OTHERS = 0o077
_NAME = "jupyter-remotekit"
_TEMPORARY = Path("/tmp")  # noqa: S108  # see `_is_private`
_SESSIONS = Path("/run/user")
_MOUNTS = Path("/proc/self/mountinfo")


def client(layout: Layout, instance: str, timeout_s: float = 5.0) -> ControlClient:
    """The control socket of the server of that instance, wherever it is; whether or not one runs."""
    usual = layout.control_socket(instance)
    return ControlClient(usual, timeout_s, lambda: _found(layout, usual))


def door_socket(layout: Layout, instance: str) -> Path:
    """The socket for ssh of the server that runs, or where it usually is."""
    return _found(layout, layout.door_socket(instance))


def folders(layout: Layout) -> tuple[Path, ...]:
    """Every folder that may hold sockets of these servers: the runtime folder first."""
    return (layout.runtime_dir, *(folder for folder in _candidates(layout) if _is_private(folder.parent) and _is_private(folder)))


def make(layout: Layout) -> Path:
    """A folder for sockets that is this user's own, and closed to others; it may be there already. Raises OSError where there is none."""
    failure = OSError("there is no folder for temporary files")
    for folder in _candidates(layout):
        try:
            for path in (folder.parent, folder):
                with suppress(FileExistsError):
                    path.mkdir(PRIVATE_DIR)
                if not _is_private(path):
                    message = f"{path} is not a folder of yours that is closed to others"
                    raise PermissionError(message)
        except OSError as error:
            failure = error
        else:
            return folder
    raise failure


def forget(layout: Layout, instance: str) -> None:
    """Remove the sockets that a server which was killed has left outside of the runtime folder, and folders that are empty then."""
    for folder in folders(layout)[1:]:
        for name in (layout.control_socket(instance).name, layout.door_socket(instance).name):
            with suppress(OSError):
                (folder / name).unlink()
        tidy(folder)


def tidy(folder: Path) -> None:
    """Remove a folder that `make` has made, if it is empty by now; any other is left."""
    if not folder.parent.name.startswith(_NAME):
        return
    with suppress(OSError):
        folder.rmdir()
        folder.parent.rmdir()


def _found(layout: Layout, usual: Path) -> Path:
    """Raises `Refused` where another user could have put a socket of theirs there: ssh, which connects to it, asks nobody whose it is."""
    runtimefolder.check(layout.runtime_dir)
    if _is_socket(usual):
        return usual
    places = (folder / usual.name for folder in folders(layout)[1:])
    return next((place for place in places if _is_socket(place)), usual)


def _candidates(layout: Layout) -> Iterator[Path]:
    """Best one that outlives the login: systemd removes /run/user/UID with the last one, unless the user lingers."""
    import hashlib  # which `status` is quicker without

    uid = os.geteuid()
    # A user may have several runtime folders.
    name = hashlib.sha256(os.fsencode(layout.runtime_dir)).hexdigest()[:12]
    session = _SESSIONS / str(uid) / _NAME / name
    shared = _TEMPORARY / f"{_NAME}-{uid}" / name
    if _has_own_tmp():
        # Processes outside of this service would not find it there.
        if _is_private(session.parents[1]):
            yield session
        return
    if _is_guarded(_TEMPORARY):
        yield shared
    if _is_private(session.parents[1]):
        yield session


def _is_private(folder: Path) -> bool:
    """Whether that is a folder, and no link to one, of this user's that others cannot enter."""
    try:
        status = folder.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid() and not status.st_mode & _OTHERS


def _is_guarded(folder: Path) -> bool:
    """Whether other users cannot rename what this user has in that folder."""
    try:
        status = folder.stat()
    except OSError:
        return False
    return bool(status.st_mode & stat.S_ISVTX) or not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def _has_own_tmp() -> bool:
    """Whether systemd has given this process a /tmp of its own (`PrivateTmp=`)."""
    try:
        mounts = _MOUNTS.read_text(errors="replace").splitlines()
    except OSError:
        return False
    # mountinfo's fourth field is the folder of the file system that is mounted, its fifth where (proc_pid_mountinfo(5)).
    return any(fields[4] == str(_TEMPORARY) and "systemd-private-" in fields[3] for fields in map(str.split, mounts))


def _is_socket(path: Path) -> bool:
    with suppress(OSError):
        return stat.S_ISSOCK(path.lstat().st_mode)
    return False
