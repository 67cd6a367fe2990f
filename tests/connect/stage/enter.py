"""`enter.py PID UID GID FOLDER NAME=VALUE… -- ARGV`: runs ARGV on the machine whose process 1 is PID, and ends as it does.

The caller's terminal, if it is one, is its terminal; signals that are sent to this program are passed on. When this program is killed, so
is ARGV.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import signal
import sys
import termios
import warnings  # noqa: F401  # `os.execvpe` wants it, when the standard library is out of sight

NAMESPACES = ("uts", "ipc", "net", "pid", "mnt")
PR_SET_PDEATHSIG = 1
PASSED_ON = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2, signal.SIGWINCH)
# These a terminal sends to the whole group.
FROM_TERMINAL = frozenset({signal.SIGINT, signal.SIGQUIT, signal.SIGWINCH})
SI_KERNEL = 0x80
COMMAND_NOT_FOUND = 127


def main(pid: str, uid: str, gid: str, folder: str, *words: str) -> int:
    """The exit code."""
    libc = ctypes.CDLL(None, use_errno=True)
    if os.isatty(0) and os.getsid(0) == os.getpid():
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    _enter(libc, pid)
    start = words.index("--")
    watched = {*PASSED_ON, signal.SIGCHLD}
    signal.pthread_sigmask(signal.SIG_BLOCK, watched)
    child = os.fork()
    if child:
        return _wait(child, watched)
    try:
        os.setgroups([int(gid)])
        os.setgid(int(gid))
        os.setuid(int(uid))
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        os.chdir(folder)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, watched)
        # Python ignores these two, and what is ignored stays so.
        for number in (signal.SIGPIPE, signal.SIGXFSZ):
            signal.signal(number, signal.SIG_DFL)
        os.execvpe(words[start + 1], words[start + 1 :], dict(word.split("=", 1) for word in words[:start]))
    except OSError as error:
        os.write(2, f"{words[start + 1]}: {error}\n".encode())
    os._exit(COMMAND_NOT_FOUND)


def _enter(libc: ctypes.CDLL, pid: str) -> None:
    opened = [os.open(f"/proc/{pid}/ns/{name}", os.O_RDONLY) for name in NAMESPACES]
    for descriptor in opened:
        if libc.setns(descriptor, 0) != 0:
            raise OSError(ctypes.get_errno(), "setns")
        os.close(descriptor)


def _wait(child: int, watched: set[int]) -> int:
    """Wait for the end of `child`; what ended by a signal is told by the same."""
    while True:
        got = signal.sigwaitinfo(watched)
        if got.si_signo != signal.SIGCHLD:
            if got.si_code != SI_KERNEL or got.si_signo not in FROM_TERMINAL:
                os.kill(child, got.si_signo)
            continue
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended == child:
            break
    code = os.waitstatus_to_exitcode(status)
    if code < 0:
        signal.signal(-code, signal.SIG_DFL) if -code not in {signal.SIGKILL, signal.SIGSTOP} else None
        signal.pthread_sigmask(signal.SIG_UNBLOCK, watched)
        os.kill(os.getpid(), -code)
    return code


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
