"""The service of an instance: what it is called, where its files are, and what is known of it on a machine."""

from __future__ import annotations

import json
import shlex
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from jupyter_remote_kit.plan import units
from jupyter_remote_kit.plan.commandline import own_command
from jupyter_remote_kit.plan.facts import FileFact
from jupyter_remote_kit.plan.layout import SYSTEM, Layout
from jupyter_remote_kit.plan.profiles import Profile
from jupyter_remote_kit.plan.units import Scope

SYSTEM_UNITS = Path("/etc/systemd/system")
# Root's folder, so that a user can put no link where systemd reads with root's rights.
SYSTEM_ENVIRONMENTS = Path("/etc/jupyter-remotekit")
# Root's manifest of all the services of a machine.
MANIFEST = "services"


@dataclass(frozen=True)
class Place:
    """Where the service of an instance is: in whose manager, and whose server it runs.

    `layout` is the user's; root's own record is kept below /var/lib.
    """

    scope: Scope
    instance: str
    user: str
    uid: int
    home: Path
    layout: Layout

    @property
    def unit(self) -> str:
        """The unit's name."""
        return units.unit_name(self.instance, self.user if self.scope is Scope.SYSTEM else None)

    @property
    def unit_file(self) -> Path:
        """Where the unit is.

        `~/.config` also where the shell has another `XDG_CONFIG_HOME`: a manager that lingering has started knows nothing of it.
        """
        folder = SYSTEM_UNITS if self.scope is Scope.SYSTEM else self.home / ".config/systemd/user"
        return folder / self.unit

    @property
    def link(self) -> Path:
        """What stands there when the unit is started at boot."""
        return self.unit_file.parent / f"{self.scope.target}.wants" / self.unit

    @property
    def environment_file(self) -> Path:
        """Where its environment is; of a system unit in a folder of root's, and the user's own file nonetheless."""
        if self.scope is Scope.USER:
            return self.layout.environment_file(self.instance)
        return SYSTEM_ENVIRONMENTS / f"{self.unit.removeprefix(units.PREFIX).removesuffix(units.SUFFIX)}.env"

    @property
    def owner(self) -> int | None:
        """Whose the environment file is, where that is not the one who writes it."""
        return self.uid if self.scope is Scope.SYSTEM else None

    @property
    def records(self) -> Layout:
        """Where the record of what was changed on the machine is kept."""
        return SYSTEM if self.scope is Scope.SYSTEM else self.layout

    @property
    def manifest(self) -> str:
        """The name under which `host.apply` keeps the digests of what it writes there."""
        return MANIFEST if self.scope is Scope.SYSTEM else self.instance

    @property
    def paths(self) -> tuple[Path, ...]:
        """Every path whose fact the plans read."""
        manifest = SYSTEM.manifest_file(MANIFEST)
        roots = (manifest, manifest.parent, manifest.parent.parent, SYSTEM.backups_dir, SYSTEM.data_root, SYSTEM.data_dir)
        own = (self.unit_file, self.link, self.environment_file, self.records.service_record)
        return own + (roots if self.scope is Scope.SYSTEM else ())


@dataclass(frozen=True)
class Service:
    """What the unit is to be.

    `program` is the interpreter and the script that it runs. `watchdog_s` is the time after which systemd restarts a server that does
    not turn any more; `None`: it never does.
    """

    place: Place
    root_dir: Path
    program: tuple[Path, Path]
    profile: Profile
    version: str
    watchdog_s: int | None = None


@dataclass(frozen=True)
class InstallOptions:
    """What the command line says of the service, beside what it says of the instance. `None`: as it is, or the default.

    `watchdog_s` is 0 for none; `also` are names of variables that the service gets beside the known ones. `replace`: in place of a
    hand-written unit; `now`: started at once; `dry_run`: only shown.
    """

    profile: Profile | None = None
    watchdog_s: int | None = None
    also: tuple[str, ...] | None = None
    replace: bool = False
    now: bool = False
    dry_run: bool = False


@dataclass(frozen=True)
class Record:
    """What was changed on a machine for services, beside their own files: whose lingering was switched on, and which folders were made."""

    lingering: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()


@dataclass(frozen=True)
class ServiceFacts:
    """One machine at one moment, as far as a service asks. `files` and `manifest` are as in `Facts`.

    `stale`: systemd has read an older unit. `lingers`: the user's manager runs without a session, or is of no use. `missing` are the
    folders that its files need and that are not there, outermost first. `others` are the units of other instances in the same place, and
    `lingering_needed` says whether one of this user's, in either place, wants the manager. `backups` are root's, of our files.
    """

    files: Mapping[Path, FileFact] = field(default_factory=dict)
    manifest: Mapping[str, Collection[str]] = field(default_factory=dict)
    stale: bool = False
    lingers: bool = True
    missing: tuple[Path, ...] = ()
    others: tuple[str, ...] = ()
    lingering_needed: bool = False
    record: Record = field(default_factory=Record)
    backups: tuple[Path, ...] = ()

    def file(self, path: Path) -> FileFact:
        """The fact of `path`; a path that was not gathered counts as absent."""
        return self.files.get(path, FileFact())


def command_for(place: Place, text: str, reader: str) -> str:
    """One of our commands that is about the service of `place`, as the user `reader` of the hint would type it."""
    if place.user != reader:
        text = f"{text} --system --run-as {shlex.quote(place.user)}"
    elif place.scope is Scope.SYSTEM:
        text = f"{text} --system"
    return own_command(place.instance, text)


def render_record(record: Record) -> str:
    """The record, as a file."""
    return json.dumps({"lingering": record.lingering, "folders": record.folders}, indent=2) + "\n"


def parse_record(content: bytes | None) -> Record:
    """What a record says; of one that is damaged or absent nothing, so that nothing is taken back that may be somebody else's."""
    try:
        said = json.loads(content or b"{}")
        folders = _texts(said["folders"])
        return Record(_texts(said["lingering"]), folders) if all(folder.startswith("/") for folder in folders) else Record()
    except (ValueError, KeyError, TypeError, RecursionError):
        return Record()


def _texts(value: object) -> tuple[str, ...]:
    if isinstance(value, list) and all(isinstance(entry, str) for entry in value):
        return tuple(value)
    raise TypeError
