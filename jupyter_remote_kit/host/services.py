"""The services of this machine that are ours: where they are, what stands there, and the templates that they are made from."""

from __future__ import annotations

import pwd
import site
import sys
from contextlib import suppress
from dataclasses import replace
from importlib import metadata
from pathlib import Path

from jupyter_remote_kit import invocation
from jupyter_remote_kit.errors import Failed
from jupyter_remote_kit.host import logind, ownprogram, processes, systemd, whoami
from jupyter_remote_kit.host.files import file_fact
from jupyter_remote_kit.host.manifest import read_manifest
from jupyter_remote_kit.messages import msg
from jupyter_remote_kit.plan import units
from jupyter_remote_kit.plan.layout import Layout
from jupyter_remote_kit.plan.profiles import Profile
from jupyter_remote_kit.plan.service import Place, ServiceFacts, parse_record
from jupyter_remote_kit.plan.units import Scope

TEMPLATES = Path(__file__).parent.parent / "templates/service"


def place(scope: Scope, instance: str, layout: Layout, user: str | None = None) -> Place:
    """Where the service of that instance is, or would be. Raises `Failed` when there is no such user."""
    name = whoami.user_name() if user is None else user
    try:
        account = pwd.getpwnam(name)
    except KeyError:
        raise Failed.of(
            "unknown-user", msg("There is no user {name!r} on this machine.", name=name), msg("See who there is: getent passwd")
        ) from None
    return Place(scope, instance, name, account.pw_uid, Path(account.pw_dir), layout)


def installed(instance: str, layout: Layout, user: str | None = None) -> tuple[Place, ...]:
    """Where a service of that instance is installed: the user's own first."""
    return tuple(found for found in _places(instance, layout, user) if _stands(found.unit_file))


def traces(instance: str, layout: Layout, user: str | None = None) -> tuple[Place, ...]:
    """The same, and where an uninstallation was cut short."""
    places = _places(instance, layout, user)
    left = (found for found in places if _stands(found.unit_file) or _stands(found.environment_file))
    recorded = (found for found in places if not _units_at(found) and _stands(found.records.service_record))
    return tuple(dict.fromkeys((*left, *recorded)))


def _places(instance: str, layout: Layout, user: str | None) -> tuple[Place, ...]:
    """Where it could be: nowhere, for a user who is not in passwd, as in many a container."""
    try:
        return tuple(place(scope, instance, layout, user) for scope in Scope)
    except Failed:
        if user not in {None, whoami.user_name()}:
            raise
        return ()


def _stands(path: Path) -> bool:
    return file_fact(path, with_content=False).exists


def content(path: Path) -> bytes | None:
    """What stands in a file of a service; `None` where there is none, or it is closed to this user."""
    return file_fact(path).content


def gather(place: Place) -> ServiceFacts:
    """One look at what stands there."""
    records = place.records
    files = {path: file_fact(path) for path in place.paths}
    needs = systemd.properties(place.scope, place.unit, "NeedDaemonReload")
    return ServiceFacts(
        files=files,
        manifest=read_manifest(records.manifest_file(place.manifest)),
        stale=needs.get("NeedDaemonReload") == "yes",
        lingers=logind.lingers(place.user),
        # Of the user's own folders `init` has made those that the environment file is in.
        missing=_missing(place.unit_file.parent, *((place.environment_file.parent,) if place.scope is Scope.SYSTEM else ())),
        others=tuple(name for name in _units_at(place) if name != place.unit),
        lingering_needed=_lingering_needed(place),
        record=parse_record(files[records.service_record].content),
        backups=_backups(records) if place.scope is Scope.SYSTEM else (),
    )


def templates(scope: Scope, profile: Profile) -> tuple[str, str]:
    """The template of a unit, and the profile's part of it."""
    return (TEMPLATES / f"{scope.value}.service").read_text(), (TEMPLATES / scope.value / f"{profile.value}.conf").read_text()


def program() -> tuple[Path, Path]:
    """The interpreter and the script of the kit, as this process was started from. Raises `Failed` when the script is gone.

    The script rather than `-m`: that would look for our modules in the working directory first, among the user's notebooks. The
    interpreter as it was called: resolved, it would be the one outside of the virtual environment.
    """
    found = ownprogram.own_script()
    if found is None:
        mend = msg("{command}", command=invocation.reinstall())
        raise Failed.of("no-script", msg("{path} is not there.", path=Path(sys.executable).with_name(ownprogram.SCRIPT)), mend)
    return Path(sys.executable), found


def in_user_site() -> bool:
    """Whether the kit lies where `pip install --user` puts it, out of sight of everybody else."""
    folder = site.getusersitepackages() if site.ENABLE_USER_SITE else None
    return folder is not None and TEMPLATES.is_relative_to(folder)


def newer_than_process(place: Place, pid: int | None) -> bool:
    """Whether the unit or its environment was written after that process was started."""
    started = processes.started_at(pid) if pid else None
    if started is None:
        return False
    written = [path.stat().st_mtime for path in (place.unit_file, place.environment_file) if _stands(path)]
    return any(moment > started for moment in written)


def version() -> str:
    """The kit's own, as it was installed."""
    return metadata.version(ownprogram.DISTRIBUTION)


def _missing(*folders: Path) -> tuple[Path, ...]:
    """Those of the folders, and of the ones above them, that are not there; outermost first."""
    wanted = (above for folder in folders for above in (*reversed(folder.parents), folder))
    return tuple(dict.fromkeys(folder for folder in wanted if not folder.exists()))


def _backups(records: Layout) -> tuple[Path, ...]:
    """The copies of units and environments of ours that were replaced."""
    patterns = (f"{units.PREFIX}*{units.SUFFIX}.*", "*.env.*")
    # Closed to whoever is not root.
    with suppress(OSError):
        return tuple(sorted(path for pattern in patterns for path in records.backups_dir.glob(pattern)))
    return ()


def _units_at(place: Place) -> tuple[str, ...]:
    """The units of ours in the folder of `place`."""
    return tuple(sorted(path.name for path in place.unit_file.parent.glob(f"{units.PREFIX}*{units.SUFFIX}")))


def _lingering_needed(place: Place) -> bool:
    """Whether another unit of this user's wants the user's manager; one of the machine's may, too."""
    for where in (replace(place, scope=scope) for scope in Scope):
        if any(name != place.unit and _owner(name) == _owner(where.unit) for name in _units_at(where)):
            return True
    return False


def _owner(unit: str) -> str | None:
    found = units.instance_of(unit)
    return found[0] if found else None
