"""logind: what the end of a session takes with it, and what stays."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from jupyter_remote_kit.errors import Failed
from jupyter_remote_kit.host import programs, whoami

LINGERING = Path("/var/lib/systemd/linger")
_ASK_S = 3.0


def survives_logout() -> bool | None:
    """Whether what `spawn_detached` starts now is still there after its user has logged out; `None` when logind does not tell."""
    if not _runs():
        return True
    place = _control_group()
    if "/user.slice/" not in place:
        # A service or a cron job, which no log-out ends.
        return True
    stays = lingers(whoami.user_name())
    if "/user@" in place:
        # A child of the user's own manager, which ends with the last session unless it lingers.
        return stays
    if stays and user_manager(os.environ) is not None:
        return True
    killed = kill_user_processes()
    return None if killed is None else not killed


def lingers(user: str) -> bool:
    """Whether the user's manager stays without a session (`loginctl enable-linger`)."""
    return (LINGERING / user).exists()


def kill_user_processes() -> bool | None:
    """logind's `KillUserProcesses`: whether the end of a session ends what it left behind. `None` when logind does not tell."""
    if not _runs():
        return None
    try:
        # Without a session's name it shows the properties of the manager itself.
        answer = programs.call(("loginctl", "show-session", "--property=KillUserProcesses"), patience_s=_ASK_S).out
    except Failed:
        return None
    return {"yes": True, "no": False}.get(answer.strip().partition("=")[2])


def user_manager(environment: Mapping[str, str]) -> Path | None:
    """The runtime folder of the user's running systemd manager."""
    folder = Path(environment.get("XDG_RUNTIME_DIR") or programs.runtime_folder())
    with suppress(OSError):
        status = (folder / "systemd" / "private").lstat()
        if _runs() and stat.S_ISSOCK(status.st_mode) and status.st_uid == os.geteuid():
            return folder
    return None


def scope_helps() -> bool:
    """Whether a scope of the user's manager lives longer than a child of this session.

    Without lingering the manager ends with the last session and takes its scopes along, whereas what a session leaves behind stays where
    `KillUserProcesses` is off, as it is on most distributions (systemd-logind, logind.conf(5)).
    """
    return lingers(whoami.user_name()) or "/user@" in _control_group() or kill_user_processes() is True


def _runs() -> bool:
    # sd_booted(3) names the first; the second is logind's.
    return Path("/run/systemd/system").is_dir() and Path("/run/systemd/users").is_dir()


def _control_group() -> str:
    try:
        return Path("/proc/self/cgroup").read_text()
    except OSError:
        return ""
