"""What fail2ban is given: a filter that reads the audit, and a jail for the port of an instance."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from jupyter_remote_kit.errors import Failed
from jupyter_remote_kit.messages import msg
from jupyter_remote_kit.plan.audit import HARMLESS, Action
from jupyter_remote_kit.plan.facts import FileFact, FileKind
from jupyter_remote_kit.plan.layout import PUBLIC_FILE, SYSTEM
from jupyter_remote_kit.plan.model import Plan, RemoveFile, Step
from jupyter_remote_kit.plan.writing import write_unless_same
from jupyter_remote_kit.secret import Secret

FOLDER = Path("/etc/fail2ban")
FILTER_FILE = FOLDER / "filter.d" / "jupyter-remotekit.conf"
JAILS = FOLDER / "jail.d"
RECORD = "fail2ban"
# The options of `audit` that put it in place and take it back.
INSTALL, REMOVE = "--install-fail2ban", "--remove-fail2ban"
LOOPBACK = ("127.0.0.0/8", "::1")
MAX_RETRY = 5
# A name refused is no attack on the server: the owner's own browser sends it, led by a page that plays with DNS.
_COUNTED = (Action.GUESS, Action.ADDRESS)
# What fail2ban reads as something else in a path: `%` and `;` of its configuration files, `*?[` of globs, and line breaks.
_PATH = re.compile(r"[^\x00-\x1f%;*?\[\]<>\x7f]+\Z")
# fail2ban cuts the time out of the line before it looks for the address. Up to there every character is ours: what a stranger sends
# comes later, and no quotation mark of his is one in JSON. So he cannot name a reason either.
FILTER = r"""# Written by jupyter-remote-kit: jupyter remotekit audit --install-fail2ban
# Wrong guesses and refused addresses in the audit of a Jupyter server.
[Definition]
datepattern = ^\{{"time": "%%Y-%%m-%%dT%%H:%%M:%%S\.%%f%%z"
failregex = ^, "action": "(?:{actions})", "client": "<ADDR>"(?!.*, "reason": "(?:{harmless})"[,}}])[,}}]
ignoreregex =
"""
JAIL = """# Written by jupyter-remote-kit: jupyter remotekit audit --install-fail2ban
[{name}]
enabled = true
filter = jupyter-remotekit
backend = polling
port = {port}
logpath = {log} head
ignoreip = {ignored}
maxretry = {retries}
findtime = 10m
bantime = 1h
"""


@dataclass(frozen=True)
class Jail:
    """The jail of one instance: its port, its audit, and the networks that are never banned beside loopback."""

    instance: str
    port: int
    log: Path
    never: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """How fail2ban calls it."""
        return jail_name(self.instance)


def jail_name(instance: str) -> str:
    """The jail of that instance, as `fail2ban-client status` lists it."""
    return f"jupyter-remotekit-{instance}"


def jail_file(instance: str) -> Path:
    """Where the jail of that instance is."""
    return JAILS / f"{jail_name(instance)}.conf"


def render_filter() -> str:
    """The filter, which all instances share."""
    return FILTER.format(actions="|".join(action.value for action in _COUNTED), harmless="|".join(HARMLESS))


def render_jail(jail: Jail) -> str:
    """The jail. Raises `Failed` where fail2ban could not read the path of its log."""
    if not _PATH.match(str(jail.log)):
        raise Failed.of("log-path", msg("fail2ban cannot read a log at {path!r}.", path=str(jail.log)))
    ignored = " ".join(dict.fromkeys((*LOOPBACK, *jail.never)))
    return JAIL.format(name=jail.name, port=jail.port, log=jail.log, ignored=ignored, retries=MAX_RETRY)


def log_of(content: bytes | None) -> str | None:
    """The log that a jail of ours reads; `None` of what is no such file."""
    found = re.search(rb"(?m)^logpath = (.+) head$", content or b"")
    return found[1].decode(errors="replace") if found else None


def fits(content: bytes | None, jail: Jail) -> bool:
    """Whether a jail guards the port of `jail` and spares its networks; what else somebody has changed in it is theirs."""
    found = (content or b"").decode(errors="replace").splitlines()
    return all(line in found for line in render_jail(jail).splitlines() if line.startswith(("port =", "ignoreip =")))


def plan_install(jail: Jail, files: Mapping[Path, FileFact], manifest: Mapping[str, tuple[str, ...]]) -> Plan:
    """Write filter and jail; of what stands there already no step.

    Raises `Failed` where another user's instance of that name has its jail there.
    """
    path = jail_file(jail.instance)
    text = render_jail(jail)
    fact = files.get(path, FileFact())
    other = log_of(fact.content)
    if other is not None and other != str(jail.log) and fact.digest in manifest.get(str(path), ()):
        raise Failed.of(
            "jail-taken",
            msg("{path} is the jail of another instance called {name}, with the log {log}.", path=path, name=jail.instance, log=other),
            msg("Remove that one first, or give this instance another name"),
        )
    wanted = ((FILTER_FILE, render_filter()), (path, text))
    steps: list[Step] = []
    for target, content in wanted:
        steps += write_unless_same(target, Secret(content), PUBLIC_FILE, files.get(target, FileFact()), manifest.get(str(target), ()))
    return Plan(tuple(steps))


def plan_remove(
    instance: str, files: Mapping[Path, FileFact], manifest: Mapping[str, tuple[str, ...]], *, other_jails: Iterable[Path]
) -> Plan:
    """Take the jail back and, with the last one, the filter, root's record and old backups. What was edited is backed up once more."""
    ours = [jail_file(instance)]
    if not tuple(other_jails):
        ours += [FILTER_FILE, *(path for path in files if path.parent == SYSTEM.backups_dir), *_record()]
    steps = []
    for path in ours:
        fact = files.get(path, FileFact())
        edited = path.is_relative_to(FOLDER) and fact.digest not in manifest.get(str(path), ())
        if fact.kind is not FileKind.ABSENT:
            steps.append(RemoveFile(path, directory=fact.kind is FileKind.DIRECTORY, backup=edited))
    return Plan(tuple(steps) if any(step.path.is_relative_to(FOLDER) for step in steps) else ())


def paths_read(instance: str) -> tuple[Path, ...]:
    """Every path whose fact the two plans read."""
    return (FILTER_FILE, jail_file(instance), *_record())


def _record() -> tuple[Path, ...]:
    """Root's own record, and the folders around it; those that others use as well are not empty, and stay."""
    manifest = SYSTEM.manifest_file(RECORD)
    return (manifest, manifest.parent, manifest.parent.parent, SYSTEM.backups_dir, SYSTEM.data_root, SYSTEM.data_dir)
