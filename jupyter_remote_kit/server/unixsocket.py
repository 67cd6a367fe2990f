"""A listening UNIX socket that is its user's alone, from the first moment on."""

from __future__ import annotations

import errno
import os
import shlex
import socket
import stat
from contextlib import suppress
from pathlib import Path

from jupyter_remote_kit.errors import Failed, RemoteKitError
from jupyter_remote_kit.host import socketfolder
from jupyter_remote_kit.host.control import socket_address
from jupyter_remote_kit.messages import msg
from jupyter_remote_kit.plan.commandline import own_command
from jupyter_remote_kit.plan.layout import PRIVATE_FILE, Layout, instance_of

BACKLOG = 16
_OTHERS = 0o077


# What file systems without sockets answer: Linux's exFAT and FAT EPERM (fs/namei.c, vfs_mknod), CIFS EPERM or EOPNOTSUPP, FUSE ENOSYS,
# or EIO where what was made turned out to be no socket (fs/fuse/dir.c, create_new_entry).
_NO_SOCKETS = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS, errno.EIO, errno.EINVAL})
# What ssh can forward to (plan/remoteserver.py).
LONGEST_FOR_SSH = 103


class _NoSockets(Exception):
    """The file system of a folder has no sockets, or none that are one user's alone."""


def listen_in(layout: Layout, usual: Path, longest: int | None = None) -> tuple[Path, socket.socket]:
    """A listening socket, and where it is: at `usual`, or where that folder has no sockets, in a private one of `host.socketfolder`.

    `longest` is how many bytes the path may have. Raises `Failed` with what the system said of the first of them.
    """
    if longest is None or len(os.fsencode(usual)) <= longest:
        try:
            return usual, listen(usual)
        except Failed as failed:
            if not isinstance(failed.__cause__, _NoSockets):
                raise
            first = failed
    else:
        first = _not_made(usual, os.strerror(errno.ENAMETOOLONG))
    try:
        path = socketfolder.make(layout) / usual.name
    except OSError as error:
        raise first from error
    return path, listen(path)


def listen(path: Path) -> socket.socket:
    """A listening socket at `path`, never wider than 0600. A socket that nobody answers on is taken away first."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.setblocking(False)
    try:
        _clear(path)
        # Linux gives the file the mode of the descriptor less the umask (unix_bind in net/unix/af_unix.c), so that there is no moment
        # in which others could connect; elsewhere the call fails, and the folder's 0700 has to do until the chmod.
        with suppress(OSError):
            os.fchmod(listener.fileno(), PRIVATE_FILE)
        _bind(listener, path)
        listener.listen(BACKLOG)
    except _NoSockets as error:
        listener.close()
        raise _not_made(path, str(error)) from error
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise _taken(path) from error
        raise _not_made(path, os.strerror(error.errno or 0)) from error
    except RemoteKitError:
        listener.close()
        raise
    return listener


def _bind(listener: socket.socket, path: Path) -> None:
    """Raises `_NoSockets` where the file system has none, or gives every file to everybody."""
    try:
        with socket_address(path) as address:
            listener.bind(address)
        path.chmod(PRIVATE_FILE)
        status = path.lstat()
    except OSError as error:
        _clear_empty(path)
        if error.errno in _NO_SOCKETS:
            raise _NoSockets(os.strerror(error.errno or 0)) from error
        raise
    if not stat.S_ISSOCK(status.st_mode) or status.st_mode & _OTHERS:
        path.unlink()
        raise _NoSockets(os.strerror(errno.EOPNOTSUPP))


def _clear_empty(path: Path) -> None:
    """Remove the empty file that is left where a socket could not be made."""
    with suppress(OSError):
        status = path.lstat()
        if stat.S_ISREG(status.st_mode) and status.st_size == 0 and status.st_uid == os.geteuid():
            path.unlink()


def _not_made(path: Path, reason: str) -> Failed:
    return Failed.of(
        "control-socket",
        msg("No socket can be made at {path}: {reason}", path=path, reason=reason),
        msg("Use a folder on another file system, and try again: {command}", command='export JUPYTER_RUNTIME_DIR="$(mktemp -d)"'),
    )


def identity(path: Path) -> tuple[int, int]:
    """What tells the socket there from one that another process has put in its place: device and inode."""
    status = os.lstat(path)
    return status.st_dev, status.st_ino


def take_away(path: Path, known: tuple[int, int]) -> bool:
    """Remove the socket there, unless it is another one by now, or gone; whether it was removed."""
    with suppress(OSError):
        if identity(path) == known:
            path.unlink()
            socketfolder.tidy(path.parent)
            return True
    return False


def _clear(path: Path) -> None:
    """Take the socket of a server that was killed away."""
    _clear_empty(path)
    try:
        status = os.lstat(path)
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(status.st_mode):
        raise Failed.of(
            "control-socket",
            msg("{path} is not a socket; it is left as it is.", path=path),
            msg("Move it away: {command}", command=f"mv {shlex.quote(str(path))} {shlex.quote(f'{path}.aside')}"),
        )
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe, socket_address(path) as address:
        probe.settimeout(2)
        try:
            probe.connect(address)
        except ConnectionRefusedError:
            path.unlink()
        except FileNotFoundError:
            pass
        else:
            raise _taken(path)


def _taken(path: Path) -> Failed:
    return Failed.of(
        "already-running",
        msg("A server of this instance is already running: it answers on {path}.", path=path),
        msg("{command}", command=own_command(instance_of(path), "status")),
    )
