"""Starts, watches and ends processes. The one place with subprocess."""

from __future__ import annotations

import os
import select
import shutil
import signal
import stat
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NoReturn, TypeVar

import psutil

from jupyter_remote_kit.errors import Failed
from jupyter_remote_kit.host import logind, trouble
from jupyter_remote_kit.host.ports import PortHolder, port_holder
from jupyter_remote_kit.messages import msg
from jupyter_remote_kit.plan import inherited
from jupyter_remote_kit.plan.inherited import Source
from jupyter_remote_kit.plan.layout import PRIVATE_FILE

__all__ = [
    "Launch",
    "PortHolder",
    "create_time",
    "exec_server",
    "port_holder",
    "process_alive",
    "spawn_detached",
    "terminate",
    "wait_for",
]

T = TypeVar("T")

MAX_LOG = 10 * 1024 * 1024
# psutil derives the start from the boot time, which moves a little when the clock is set.
_SAME_START_S = 2.0
_SCOPE_START_S = 10.0
_POLL_S = 0.02
_KILLED_S = 10.0


@dataclass(frozen=True)
class Launch:
    """A program to start: its argv (the first is looked up on the PATH of `env`), whole environment, working directory and log file."""

    argv: tuple[str, ...]
    env: Mapping[str, str]
    cwd: Path
    log: Path | None = None


def exec_server(launch: Launch) -> NoReturn:
    """Become that program, with this process's id and terminal. Raises `Failed` when it cannot be started."""
    program = _program(launch)
    with trouble.os_errors(launch.cwd):
        os.chdir(launch.cwd)
    for stream in (sys.stdout, sys.stderr):
        # What is buffered would be lost; a reader that went away is no reason not to serve.
        with suppress(OSError, ValueError):
            stream.flush()
    if launch.log is not None:
        log = open_log(launch.log)
        os.dup2(log, 1)
        os.dup2(log, 2)
    with trouble.os_errors(Path(program)):
        os.execve(program, launch.argv, dict(launch.env))  # noqa: S606  # an argv, no shell
    raise AssertionError


def spawn_detached(launch: Launch, scope_unit: str) -> int:
    """Start that program so that it outlives this terminal and, where the machine allows it, the log-out; returns its own pid.

    Where a log-out would kill it, it goes into a transient scope `scope_unit` of the user's systemd manager. Its standard output and
    error are appended to `launch.log` (0600; one of more than 10 MB becomes `.1`). Raises `Failed` when it cannot be started.
    """
    program = _program(launch)
    runtime = logind.user_manager(launch.env)
    if runtime is not None and logind.scope_helps():
        runner = shutil.which("systemd-run", path=launch.env.get("PATH"))
        if runner is not None:
            scope = (runner, "--user", "--scope", "--quiet", "--collect", f"--unit={scope_unit}", "--")
            environment = {"XDG_RUNTIME_DIR": str(runtime), **launch.env}
            own = _without_added(launch, (program, *launch.argv[1:]))
            pid = _detach(runner, replace(launch, argv=(*scope, *own), env=environment))
            wait_for(lambda: _has_replaced(pid, runner) or not process_alive(pid), _SCOPE_START_S, _POLL_S)
            if _has_replaced(pid, runner):
                return pid
            # No bus, no permission: its log says so. A server that a log-out ends is better than none.
            terminate(pid, None, 0)
    return _detach(program, launch)


def create_time(pid: int) -> float | None:
    """When the process was started, in seconds since the epoch; with its id it names one process for good. `None` when there is none."""
    try:
        return psutil.Process(pid).create_time()
    except (psutil.Error, ValueError, OverflowError):
        return None


def started_at(pid: int) -> float | None:
    """`create_time` as the clock of files has it. Linux's is up to a second too early: the `btime` of /proc/stat is in whole seconds."""
    created = create_time(pid)
    if created is None or not hasattr(time, "CLOCK_BOOTTIME"):
        return created
    after_boot = created - psutil.boot_time()
    return time.time() - (time.clock_gettime(time.CLOCK_BOOTTIME) - after_boot)


def process_alive(pid: int, started: float | None = None) -> bool:
    """Whether the process is there, is the one that was started at `started` (`None`: any), and is more than a zombie."""
    try:
        process = psutil.Process(pid)
        same = started is None or abs(process.create_time() - started) <= _SAME_START_S
        return same and process.status() not in {psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD}
    except psutil.AccessDenied:
        return True
    except (psutil.Error, ValueError, OverflowError):
        return False


def terminate(pid: int, started: float | None, grace_s: float) -> bool:
    """End that one process: SIGTERM, and SIGKILL when it is still there after `grace_s` seconds.

    Returns whether it went by itself; one that is not there, or whose id now belongs to another, counts as gone. Raises `Failed` when
    this user may not end it, or when it does not go.
    """
    handle = _pidfd(pid)
    try:
        # Looked at after the handle was taken: from here on the handle cannot mean another process.
        if not process_alive(pid, started):
            return True
        for number, wait_s in ((signal.SIGTERM, grace_s), (signal.SIGKILL, _KILLED_S)):
            _signal(pid, handle, number)
            if _ended(pid, started, handle, wait_s):
                return number == signal.SIGTERM
    finally:
        if handle is not None:
            os.close(handle)
    raise Failed.of("process-stays", msg("Process {pid} does not stop.", pid=pid), msg("ps -o pid,stat,wchan,comm -p {pid}", pid=pid))


def wait_for(condition: Callable[[], T | None], deadline_s: float, every_s: float) -> T | None:
    """The first answer of `condition` that is true, asked every `every_s` seconds; `None` after `deadline_s` seconds of others.

    It is asked at least once, and once more at the end.
    """
    deadline = time.monotonic() + deadline_s
    while not (answer := condition()):
        left = deadline - time.monotonic()
        if left <= 0:
            return None
        time.sleep(min(every_s, left))
    return answer


def open_log(path: Path) -> int:
    """A descriptor that appends to `path`, 0600; what stands there is set aside as `.1` when it is larger than 10 MB."""
    with trouble.os_errors(path):
        with suppress(FileNotFoundError):
            if path.lstat().st_size > MAX_LOG:
                path.replace(path.with_name(f"{path.name}.1"))
        log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, PRIVATE_FILE)
        try:
            status = os.fstat(log)
            if not stat.S_ISREG(status.st_mode):
                raise trouble.not_a_file(path)
            if status.st_uid not in {os.geteuid(), 0}:
                raise trouble.wrong_owner(path, status.st_uid)
            os.fchmod(log, PRIVATE_FILE)
            os.set_blocking(log, True)
        except BaseException:
            os.close(log)
            raise
    return log


def _program(launch: Launch) -> str:
    program = shutil.which(launch.argv[0], path=launch.env.get("PATH"))
    if program is None:
        raise Failed.of(
            "no-program",
            msg("{program} cannot be started: it does not exist, or is not a program.", program=launch.argv[0]),
            msg("ls -l {path}", path=trouble.quoted(Path(launch.argv[0]))),
        )
    return program


def _detach(program: str, launch: Launch) -> int:
    """Fork twice, so that the program is nobody's child and can get no terminal; returns its pid once it runs.

    The program's id comes through a pipe, then either the end of the pipe, closed by a successful exec, or an errno.
    """
    log = open_log(launch.log) if launch.log is not None else os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
    reader, writer = os.pipe()
    try:
        middle = os.fork()
        if middle == 0:
            _become_daemon(program, launch, log, writer)
        os.close(writer)
        writer = -1
        os.waitpid(middle, 0)
        with os.fdopen(reader, "rb", closefd=False) as pipe:
            words = pipe.read().split()
    finally:
        for descriptor in (log, reader, writer):
            if descriptor >= 0:
                os.close(descriptor)
    if len(words) != 1:
        number = int(words[-1]) if words else 0
        raise trouble.failed(OSError(number, os.strerror(number)), Path(program))
    return int(words[0])


def _become_daemon(program: str, launch: Launch, log: int, writer: int) -> NoReturn:
    # Nothing here may raise into the caller's code, which now runs in two processes.
    try:
        os.setsid()
        if os.fork():
            os._exit(0)
        os.write(writer, f"{os.getpid()} ".encode())
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(log, 1)
        os.dup2(log, 2)
        os.chdir(launch.cwd)
        # Python ignores both, and what is ignored stays so across an exec.
        for number in (signal.SIGPIPE, signal.SIGXFSZ):
            signal.signal(number, signal.SIG_DFL)
        # A make or a shell above us may have left descriptors open that a server must not keep.
        os.closerange(3, writer)
        os.closerange(writer + 1, writer + 256)
        os.execve(program, launch.argv, dict(launch.env))  # noqa: S606  # an argv, no shell
    except OSError as error:
        os.write(writer, str(error.errno).encode())
    finally:
        os._exit(127)


def _without_added(launch: Launch, argv: tuple[str, ...]) -> tuple[str, ...]:
    """`argv` without the variables that systemd-run needs or sets, where `launch` has none of that name."""
    added = [name for name in inherited.added_by(Source.SCOPE) if name not in launch.env]
    env = shutil.which("env", path=launch.env.get("PATH"))
    if not added or env is None:
        return argv
    return (env, *(word for name in added for word in ("-u", name)), *argv)


def _has_replaced(pid: int, runner: str) -> bool:
    """Whether the process at `pid` runs something other than `runner` by now: systemd-run becomes what it was asked to run."""
    try:
        return Path(f"/proc/{pid}/exe").readlink() != Path(runner).resolve()
    except OSError:
        return False


def _pidfd(pid: int) -> int | None:
    # Linux 5.3; a macOS or an older kernel, and a sandbox that forbids it, have none.
    if not hasattr(os, "pidfd_open"):
        return None
    try:
        return os.pidfd_open(pid)
    except OSError:
        return None


def _signal(pid: int, handle: int | None, number: signal.Signals) -> None:
    try:
        if handle is not None:
            signal.pidfd_send_signal(handle, number)
        else:
            os.kill(pid, number)
    except ProcessLookupError:
        return
    except PermissionError as error:
        raise Failed.of(
            "not-yours",
            msg("Process {pid} belongs to another user and cannot be stopped.", pid=pid),
            msg("sudo kill {pid}", pid=pid),
        ) from error


def _ended(pid: int, started: float | None, handle: int | None, wait_s: float) -> bool:
    if handle is None:
        return bool(wait_for(lambda: not process_alive(pid, started), wait_s, _POLL_S))
    poll = select.poll()
    poll.register(handle, select.POLLIN)
    return bool(poll.poll(wait_s * 1000))
