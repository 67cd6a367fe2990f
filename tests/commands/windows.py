"""Runs the command line as a laptop with Windows would: without what that system lacks. The first argument is not the program's.

What the standard library and other packages do on Windows is theirs; they are imported before Linux is taken away.
"""

from __future__ import annotations

import asyncio
import ctypes
import fcntl
import importlib.metadata
import multiprocessing
import os
import select
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import types
import webbrowser
from typing import Any

import click.shell_completion
import cryptography.x509
import jupyter_core.paths
import psutil
import rich.console
import rich.live
import rich.table

LACKING = {
    os: ("chown", "fchmod", "fchown", "fork", "getegid", "geteuid", "getgid", "getuid", "getpgid", "killpg", "lchown", "mkfifo", "openpty"),
    signal: ("SIGHUP", "SIGKILL", "SIGPIPE", "SIGUSR1", "SIGUSR2", "SIGWINCH"),
    select: ("poll", "epoll"),
    socket: ("AF_UNIX",),
    asyncio: ("open_unix_connection", "start_unix_server"),
}
NEW_GROUP, NO_WINDOW = 0x200, 0x8000000
FLAGS = ("O_CLOEXEC", "O_DIRECTORY", "O_NOFOLLOW", "O_NONBLOCK")
MODULES = ("fcntl", "grp", "pty", "pwd", "resource", "termios", "tty")


def _locking(file: int, mode: int, size: int) -> None:
    try:
        _flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise PermissionError(*error.args) from error


def _socketpair() -> tuple[socket.socket, socket.socket]:
    # Python's own event loop has one in any case; on Windows it makes do without AF_UNIX.
    return _pair(_unix)


class _Popen(subprocess.Popen):  # type: ignore[type-arg]
    """As it is on Windows, as far as the flags go that it takes there and refuses here."""

    def __init__(self, *args: Any, creationflags: int = 0, **options: Any) -> None:
        assert creationflags in {0, NEW_GROUP, NO_WINDOW}
        super().__init__(*args, **options)


def take_posix_away() -> None:
    """From here on this process can do what one on Windows could, and is told that it is on one."""
    socket.socketpair = _socketpair  # type: ignore[assignment]
    # It was decided when the module was imported.
    shutil._use_fd_functions = False  # type: ignore[attr-defined]
    subprocess.Popen = _Popen  # type: ignore[misc]
    subprocess.CREATE_NEW_PROCESS_GROUP, subprocess.CREATE_NO_WINDOW = NEW_GROUP, NO_WINDOW  # type: ignore[attr-defined]
    for module, names in LACKING.items():
        for name in names:
            delattr(module, name)
    for name in FLAGS:
        delattr(os, name)
    for name in MODULES:
        # An import of it fails from now on.
        sys.modules[name] = None  # type: ignore[assignment]
    msvcrt = types.ModuleType("msvcrt")
    msvcrt.LK_NBLCK, msvcrt.locking = 2, _locking  # type: ignore[attr-defined]
    sys.modules["msvcrt"] = msvcrt
    os.O_BINARY = os.O_NOINHERIT = 0  # type: ignore[attr-defined]
    # Python 3.12 and later; what Windows answers unless NoDefaultCurrentDirectoryInExePath is set.
    shutil._winapi = types.SimpleNamespace(NeedCurrentDirectoryForExePath=lambda _name: True)  # type: ignore[attr-defined]
    sys.platform = "win32"


_flock, _pair, _unix = fcntl.flock, socket.socketpair, socket.AF_UNIX
_IMPORTED = (
    ctypes,
    importlib.metadata,
    multiprocessing,
    ssl,
    subprocess,
    tempfile,
    webbrowser,
    click,
    cryptography,
    jupyter_core,
    psutil,
    rich,
)

if __name__ == "__main__":
    take_posix_away()
    from jupyter_remote_kit.cli import main

    main(sys.argv[1:])
