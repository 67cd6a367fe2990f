"""What a start adds to the environment of the server, and what kernels, terminals and language servers see of it: one table.

The rule: they get the environment of the user's shell (of a service: the snapshot), as from a bare `jupyter lab`. A row that is kept says
why. Descriptors: the launcher opens the log of a detached server as 1 and 2, and nothing else that an exec would keep (PEP 446).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

NOTIFY_ADDRESS = "NOTIFY_SOCKET"
MAIN_PROCESS = "SYSTEMD_EXEC_PID"


class Source(str, Enum):
    """Who adds a variable."""

    LAUNCHER = "up"
    CONNECT = "connect"
    SCOPE = "systemd-run"
    MANAGER = "systemd"


@dataclass(frozen=True)
class Row:
    """A variable that a start adds or changes. `kept` is why processes of the server see it; empty where they do not."""

    name: str
    sources: tuple[Source, ...]
    kept: str = ""


ROWS = (
    Row("PATH", (Source.LAUNCHER,), "The environment's scripts come first, as where it is activated: for language servers and `!pip`."),
    Row("JUPYTER_CONFIG_DIR", (Source.LAUNCHER,), "A relative one is made absolute: the server works in another folder than the shell."),
    Row("JUPYTER_DATA_DIR", (Source.LAUNCHER,), "As JUPYTER_CONFIG_DIR."),
    Row("JUPYTER_RUNTIME_DIR", (Source.LAUNCHER,), "As JUPYTER_CONFIG_DIR."),
    # Of the process that asks for a start over ssh (words.LANGUAGE_VARIABLE, remoteserver.KNOWN_AS).
    Row("REMOTEKIT_LANGUAGE", (Source.CONNECT,)),
    Row("REMOTEKIT_KNOWN_AS", (Source.CONNECT,)),
    # The process that ends a kit which hangs (shell.TIMER).
    Row("REMOTEKIT_TIMER", (Source.CONNECT,)),
    # `systemd-run --user` finds the user's manager by it.
    Row("XDG_RUNTIME_DIR", (Source.SCOPE,)),
    Row("INVOCATION_ID", (Source.SCOPE, Source.MANAGER)),
    # systemd.exec(5), "Environment Variables in Spawned Processes", and sd_listen_fds(3), sd_watchdog_enabled(3), of systemd 257. HOME,
    # USER, LOGNAME, SHELL and LANG are those of a shell as well, and stay. Of the first three the server takes what is meant for itself.
    *(
        Row(name, (Source.MANAGER,))
        for name in (
            NOTIFY_ADDRESS, "WATCHDOG_USEC", "WATCHDOG_PID", "JOURNAL_STREAM", MAIN_PROCESS, "MANAGERPID",
            "MANAGERPIDFDID", "MAINPID", "MAINPIDFDID", "LISTEN_PID", "LISTEN_PIDFDID", "LISTEN_FDS", "LISTEN_FDNAMES", "FDSTORE",
            "CREDENTIALS_DIRECTORY", "RUNTIME_DIRECTORY", "STATE_DIRECTORY", "CACHE_DIRECTORY", "LOGS_DIRECTORY",
            "CONFIGURATION_DIRECTORY", "MEMORY_PRESSURE_WATCH", "MEMORY_PRESSURE_WRITE", "EXIT_CODE", "EXIT_STATUS", "SERVICE_RESULT",
            "MONITOR_SERVICE_RESULT", "MONITOR_EXIT_CODE", "MONITOR_EXIT_STATUS", "MONITOR_INVOCATION_ID", "MONITOR_UNIT",
            "TRIGGER_UNIT", "TRIGGER_PATH", "TRIGGER_TIMER_REALTIME_USEC", "TRIGGER_TIMER_MONOTONIC_USEC", "PIDFILE", "LOG_NAMESPACE",
            "DEBUG_INVOCATION",
        )
    ),
)  # fmt: skip


def added_by(source: Source) -> tuple[str, ...]:
    """The names of the variables from there that processes of the server must not see."""
    return tuple(row.name for row in ROWS if source in row.sources and not row.kept)


def of_a_manager(environ: Mapping[str, str], pid: int) -> tuple[str, ...]:
    """The variables that a service manager has given the process `pid` as its main process; none where it was started from a shell.

    A shell may be part of a service, too (a terminal emulator's, tmux's): its variables are the user's environment, and stay.
    """
    if NOTIFY_ADDRESS not in environ and environ.get(MAIN_PROCESS) != str(pid):
        return ()
    return tuple(name for name in added_by(Source.MANAGER) if name in environ)
