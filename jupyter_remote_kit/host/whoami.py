"""Who runs this process, and where."""

from __future__ import annotations

import os
import pwd
import socket


def user_name(uid: int | None = None) -> str:
    """The name of a user, or of the one that this process runs as.

    The number where there is no name, as in a container whose /etc/passwd lacks its user.
    """
    number = os.geteuid() if uid is None else uid
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)


def host_name() -> str:
    """What this machine calls itself."""
    return socket.gethostname()
