"""The steps that put a service in place, and those that take it back."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from jupyter_remote_kit.messages import msg
from jupyter_remote_kit.plan import snapshot as snapshots
from jupyter_remote_kit.plan.commandline import own_command
from jupyter_remote_kit.plan.facts import FileKind
from jupyter_remote_kit.plan.layout import PRIVATE_FILE, PUBLIC_FILE
from jupyter_remote_kit.plan.model import MakeDirectory, Plan, RemoveFile, Run, Step, WriteFile
from jupyter_remote_kit.plan.seal import is_whole, sealed
from jupyter_remote_kit.plan.service import Place, Record, ServiceFacts, render_record
from jupyter_remote_kit.plan.snapshot import Snapshot
from jupyter_remote_kit.plan.units import Scope
from jupyter_remote_kit.plan.writing import write_unless_same
from jupyter_remote_kit.secret import Secret

PUBLIC_DIR = 0o755


def plan_install(place: Place, unit: str, environment: Snapshot, facts: ServiceFacts) -> Plan:
    """Put the unit (the text of `render_unit`) and its environment in place, and have it started at boot."""
    # First: from here on `uninstall` knows all that may have been done, whatever comes between.
    steps: list[Step] = [*_write_record(place, facts)]
    if not facts.lingers:
        steps.append(_linger(place))
    steps += [MakeDirectory(path, PUBLIC_DIR) for path in facts.missing]
    steps += _write(place.environment_file, sealed(snapshots.render(environment)), PRIVATE_FILE, facts, place.owner)
    written = _write(place.unit_file, unit, PUBLIC_FILE, facts)
    steps += written
    if written or facts.stale:
        steps.append(Run(systemctl(place.scope, "daemon-reload")))
    if not facts.file(place.link).exists:
        steps.append(Run(systemctl(place.scope, "enable", place.unit)))
    return Plan(tuple(steps), expects=_expected(place, facts) if steps else ())


def plan_forget(place: Place, facts: ServiceFacts) -> Plan:
    """Put the record back that stood there before lingering could not be switched on: what others switch on later is theirs."""
    path = place.records.service_record
    content = facts.file(path).content
    if content is None:
        return Plan((RemoveFile(path),))
    return Plan((WriteFile(path, Secret(content.decode(errors="replace")), PRIVATE_FILE),))


def plan_uninstall(place: Place, facts: ServiceFacts) -> Plan:
    """Stop it, and take back what `plan_install` has put there; what was edited is backed up. A second time nothing is left to do.

    The unit goes after its environment, and the record last: so an uninstall that was cut short is found, and goes on.
    """
    ours = [path for path in (place.environment_file, place.unit_file) if facts.file(path).exists]
    if not ours and not facts.file(place.records.service_record).exists:
        return Plan()
    steps: list[Step] = []
    if ours:
        # The unit may be gone, or none that systemd can load; what runs of it is to stop all the same.
        steps.append(Run(systemctl(place.scope, "stop", place.unit), may_fail=True))
        steps.append(Run(systemctl(place.scope, "disable", place.unit), may_fail=True))
    for path in ours:
        edited = facts.file(path).kind is FileKind.FILE and not is_ours(path, facts)
        steps.append(RemoveFile(path, backup=edited, owner=place.owner))
    if ours:
        steps.append(Run(systemctl(place.scope, "daemon-reload")))
        # What failed last stays in systemd's list until somebody has seen it; there may be nothing.
        steps.append(Run(systemctl(place.scope, "reset-failed", place.unit), may_fail=True))
    if place.user in facts.record.lingering and not facts.lingering_needed:
        steps.append(Run(("loginctl", "disable-linger", place.user)))
    # Somebody else's unit, in the other manager, lives by the lingering that is recorded here.
    kept = facts.others or (facts.lingering_needed and place.user in facts.record.lingering)
    steps += _kept_record(place, facts) if kept else _last_traces(place, facts)
    return Plan(tuple(steps), expects=_expected(place, facts) if steps else ())


def is_ours(path: Path, facts: ServiceFacts) -> bool:
    """Whether what stands there is as we left it. Root's manifest is no user's to read, hence the seal."""
    fact = facts.file(path)
    return is_whole(fact.content) or fact.digest in facts.manifest.get(str(path), ())


def systemctl(scope: Scope, *words: str) -> tuple[str, ...]:
    """The argv that tells the manager of that scope."""
    return ("systemctl", "--user", *words) if scope is Scope.USER else ("systemctl", *words)


def _expected(place: Place, facts: ServiceFacts) -> tuple[tuple[Path, str | None], ...]:
    """The record, which two who install at once would each write from what they have read."""
    path = place.records.service_record
    return ((path, facts.file(path).digest),)


def _linger(place: Place) -> Run:
    if place.scope is Scope.SYSTEM:
        sentence = msg("Lingering cannot be switched on for {user}; podman in the service needs it.", user=place.user)
        return Run(("loginctl", "enable-linger", place.user), code="lingering", sentence=sentence)
    return Run(
        ("loginctl", "enable-linger", place.user),
        code="lingering",
        sentence=msg("Lingering cannot be switched on for {user}; without it the service would end when you log out.", user=place.user),
        hint=msg(
            "{command}; or as a system service: {system}",
            command=f"sudo loginctl enable-linger {shlex.quote(place.user)}",
            system=own_command(place.instance, "service install --system"),
        ),
    )


def _write_record(place: Place, facts: ServiceFacts) -> list[WriteFile]:
    """Every instance of a user writes the same record, and has a manifest of its own: it is ours as long as it can be read."""
    return _rewrite_record(place, facts, _extended(place, facts))


def _kept_record(place: Place, facts: ServiceFacts) -> list[WriteFile]:
    """For those who stay: without the lingering that was switched off, which somebody may switch on himself from now on."""
    lingering = tuple(user for user in facts.record.lingering if user != place.user or facts.lingering_needed)
    return _rewrite_record(place, facts, replace(facts.record, lingering=lingering))


def _rewrite_record(place: Place, facts: ServiceFacts, record: Record) -> list[WriteFile]:
    if record == facts.record:
        return []
    path = place.records.service_record
    fact = facts.file(path)
    known = (fact.digest or "",) if fact.content == render_record(facts.record).encode() else ()
    written = write_unless_same(path, Secret(render_record(record)), PRIVATE_FILE, fact, known)
    # What it said before is of no use to anybody.
    return [replace(step, backup=step.edited) for step in written]


def _extended(place: Place, facts: ServiceFacts) -> Record:
    lingering = facts.record.lingering if facts.lingers else (*facts.record.lingering, place.user)
    folders = (*facts.record.folders, *map(str, facts.missing))
    return Record(tuple(dict.fromkeys(lingering)), tuple(dict.fromkeys(folders)))


def _last_traces(place: Place, facts: ServiceFacts) -> Iterator[Step]:
    """What no unit of ours needs any more: folders that were made for them, and the record."""
    yield from (RemoveFile(Path(folder), directory=True) for folder in reversed(facts.record.folders))
    # Root's; a user's own are among the instance's data, which stay.
    yield from (RemoveFile(path) for path in facts.backups)
    for path in place.paths:
        fact = facts.file(path)
        if path.is_relative_to(place.records.data_dir) and fact.exists:
            yield RemoveFile(path, directory=fact.kind is FileKind.DIRECTORY)


def _write(path: Path, text: str, mode: int, facts: ServiceFacts, owner: int | None = None) -> list[WriteFile]:
    fact = facts.file(path)
    known = (fact.digest or "",) if is_ours(path, facts) else ()
    return list(write_unless_same(path, Secret(text), mode, fact, known, owner=owner))
