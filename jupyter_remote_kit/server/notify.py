"""Tells the service manager how this server is doing: sd_notify(3) in a few lines, without libsystemd.

Nothing here can hurt the server: a manager that is gone, or busy, costs a datagram and no more.
"""

from __future__ import annotations

import os
import socket
from collections.abc import MutableMapping
from dataclasses import dataclass
from functools import cache

from jupyter_remote_kit.plan import inherited
from jupyter_remote_kit.plan.inherited import NOTIFY_ADDRESS as ADDRESS
from jupyter_remote_kit.server import journal

WATCHDOG_TIME = "WATCHDOG_USEC"
WATCHDOG_PROCESS = "WATCHDOG_PID"
MICROSECONDS = 1_000_000


@dataclass(frozen=True)
class Manager:
    """Who started this process as a service; `address` is where it listens, empty where nobody does.

    `watchdog_s` is how many seconds it waits for a sign of life before it ends the process; `None`: it asks for none.
    """

    address: str = ""
    watchdog_s: float | None = None

    @property
    def listens(self) -> bool:
        """Whether there is anybody to tell."""
        return bool(self.address)

    def tell(self, **states: str) -> bool:
        """Send states such as `READY="1"`, all in one datagram; `False` where its queue is full just now, and trying again helps."""
        if not self.address:
            return True
        # One line a state: a line break in a value would make another state of the rest.
        text = "\n".join(f"{name}={' '.join(value.split())}" for name, value in states.items())
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
                # The manager is process 1, and may be busy: the event loop does not wait for it.
                sender.setblocking(False)
                sender.sendto(text.encode("utf-8", "replace"), _kernels(self.address))
        except BlockingIOError:
            return False
        except OSError:
            # It is gone, or forbids it; nothing mends that.
            return True
        return True


def taken_from(environ: MutableMapping[str, str], pid: int) -> Manager:
    """The manager that `environ` names, with all of its variables taken out (`plan.inherited`).

    Kernels and terminals inherit what is left: they must neither speak for this process `pid` nor believe that they are watched.
    """
    given = inherited.of_a_manager(environ, pid)
    address = environ.pop(ADDRESS, "")
    time, process = environ.pop(WATCHDOG_TIME, ""), environ.pop(WATCHDOG_PROCESS, "")
    for name in given:
        environ.pop(name, None)
    # Others, `vsock:` among them, are for managers outside of a virtual machine.
    if not address.startswith(("/", "@")):
        return Manager()
    # As sd_watchdog_enabled(3): without a process named, it is whoever reads it.
    meant = process in {"", str(pid)} and time.isascii() and time.isdigit() and int(time) > 0
    return Manager(address, int(time) / MICROSECONDS if meant else None)


@cache
def manager() -> Manager:
    """The manager of this process; the first call takes its variables out of the environment."""
    # It reads one of them.
    journal.is_diverted()
    return taken_from(os.environ, os.getpid())


def _kernels(address: str) -> str:
    """`@name`, an abstract address, as unix(7) has it."""
    return f"\0{address[1:]}" if address.startswith("@") else address
