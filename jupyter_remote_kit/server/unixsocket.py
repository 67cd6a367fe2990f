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
from jupyter_remote_kit.host.control import socket_address
from jupyter_remote_kit.messages import msg
from jupyter_remote_kit.plan.commandline import own_command
from jupyter_remote_kit.plan.layout import PRIVATE_FILE, instance_of

BACKLOG = 16


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
        with socket_address(path) as address:
            listener.bind(address)
        path.chmod(PRIVATE_FILE)
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise _taken(path) from error
        raise Failed.of(
            "control-socket", msg("{path} cannot be created: {reason}", path=path, reason=os.strerror(error.errno or 0))
        ) from error
    except RemoteKitError:
        listener.close()
        raise
    return listener


def identity(path: Path) -> tuple[int, int]:
    """What tells the socket there from one that another process has put in its place: device and inode."""
    status = os.lstat(path)
    return status.st_dev, status.st_ino


def take_away(path: Path, known: tuple[int, int]) -> bool:
    """Remove the socket there, unless it is another one by now, or gone; whether it was removed."""
    with suppress(OSError):
        if identity(path) == known:
            path.unlink()
            return True
    return False


def _clear(path: Path) -> None:
    """Take the socket of a server that was killed away."""
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
