"""fail2ban on this machine: whether it is there, what of ours it has, and how it is told of a change."""

from __future__ import annotations

import os
import pwd
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from jupyter_remote_kit.errors import Failed
from jupyter_remote_kit.host import programs
from jupyter_remote_kit.host.files import file_fact
from jupyter_remote_kit.host.manifest import Manifest, read_manifest
from jupyter_remote_kit.messages import msg
from jupyter_remote_kit.plan import fail2ban
from jupyter_remote_kit.plan.facts import FileFact
from jupyter_remote_kit.plan.layout import SYSTEM

_ASK_TIMEOUT_S = 10.0
_RELOAD_TIMEOUT_S = 60.0


def client() -> str | None:
    """The path of `fail2ban-client`; `None` where fail2ban is not installed."""
    if not fail2ban.JAILS.is_dir():
        return None
    return programs.find("fail2ban-client")


def facts(instance: str) -> tuple[Mapping[Path, FileFact], Manifest]:
    """What stands where the plans of `instance` write, and what root's record says about it."""
    kept: list[Path] = []
    # Not there yet, or closed to whoever is not root.
    with suppress(OSError):
        kept = sorted(SYSTEM.backups_dir.iterdir())
    files = {path: file_fact(path) for path in (*fail2ban.paths_read(instance), *kept)}
    return files, read_manifest(SYSTEM.manifest_file(fail2ban.RECORD))


def other_jails(instance: str) -> tuple[Path, ...]:
    """The jails of other instances, of every user."""
    return tuple(path for path in sorted(fail2ban.JAILS.glob(fail2ban.jail_file("*").name)) if path != fail2ban.jail_file(instance))


def has_jail(instance: str) -> bool:
    """Whether the fail2ban that runs has the jail of `instance`."""
    return _ask("status", fail2ban.jail_name(instance), timeout=_ASK_TIMEOUT_S)[0]


def reload() -> bool:
    """Have a running fail2ban read its configuration again; `False` when none runs. Raises `Failed` when it does not like it."""
    if not _ask("ping", timeout=_ASK_TIMEOUT_S)[0]:
        return False
    done, said = _ask("reload", timeout=_RELOAD_TIMEOUT_S)
    if not done:
        raise Failed.of(
            "fail2ban-reload",
            msg("fail2ban does not accept its configuration: {reason}", reason=said),
            msg("{command}", command="sudo fail2ban-client -t"),
        )
    return True


@contextmanager
def acting_as(uid: int) -> Iterator[None]:
    """Read files with the rights of `uid`, where this is root: what a user has put there must not lead root elsewhere."""
    if os.geteuid() != 0 or uid == 0:
        yield
        return
    gid, groups = os.getegid(), os.getgroups()
    os.setgroups([])
    os.setegid(_group(uid))
    os.seteuid(uid)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(gid)
        os.setgroups(groups)


def _group(uid: int) -> int:
    try:
        return pwd.getpwuid(uid).pw_gid
    except KeyError:
        # A container that runs with a user id which its /etc/passwd does not have.
        return uid


def _ask(*words: str, timeout: float) -> tuple[bool, str]:
    """Whether `fail2ban-client` did that, and the last line of what it said."""
    program = client()
    if program is None:
        return False, ""
    try:
        done = programs.call((program, *words), patience_s=timeout)
    except Failed as error:
        return False, str(error)
    return done.code == 0, done.last_line
