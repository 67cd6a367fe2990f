"""From the options to a service in its place. What `install`, for oneself and for others, and `status` share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path

from jupyter_remote_kit.commands.service import elevated
from jupyter_remote_kit.errors import Failed
from jupyter_remote_kit.host import apply as applying
from jupyter_remote_kit.host import services, whoami
from jupyter_remote_kit.messages import Message, msg
from jupyter_remote_kit.plan import profiles, snapshot
from jupyter_remote_kit.plan.handwritten import HandWritten, plan_replace
from jupyter_remote_kit.plan.model import Plan, WriteFile
from jupyter_remote_kit.plan.profiles import Profile
from jupyter_remote_kit.plan.service import InstallOptions, Place, Service, ServiceFacts, command_for
from jupyter_remote_kit.plan.serviceplan import plan_forget, plan_install
from jupyter_remote_kit.plan.snapshot import Snapshot
from jupyter_remote_kit.plan.unitfile import Notes, changed_lines, notes_of, render_unit
from jupyter_remote_kit.plan.units import Scope


@dataclass(frozen=True)
class Made:
    """A service that is ready to be put in place. `done` are the steps that root has taken instead, `told` the same for people."""

    service: Service
    facts: ServiceFacts
    environment: Snapshot
    unit: str
    plan: Plan
    done: tuple[str, ...] = ()
    told: tuple[str, ...] = ()

    @property
    def rewrites(self) -> bool:
        """Whether the unit or its environment would change, so that a running server has older ones."""
        place = self.service.place
        return any(isinstance(step, WriteFile) and step.path in {place.unit_file, place.environment_file} for step in self.plan.steps)

    @property
    def difference(self) -> tuple[str, ...]:
        """What would change in a unit that stands there."""
        content = self.facts.file(self.service.place.unit_file).content
        return tuple(changed_lines(content, self.unit)) if content else ()

    @property
    def lines(self) -> tuple[Message, ...]:
        """The steps, for people."""
        steps: tuple[object, ...] = self.told or tuple(step.describe() for step in self.plan.steps)
        return tuple(msg("  {step}", step=step) for step in steps)


def environment_of(place: Place, environ: Mapping[str, str], also: tuple[str, ...] | None) -> Snapshot:
    """What the service would get of `environ`; names that were asked for earlier stay."""
    kept = snapshot.parse(services.content(place.environment_file)).also
    return snapshot.take(environ, services.program()[0].parent, kept if also is None else also, place.layout.variables)


def make(place: Place, root_dir: Path, options: InstallOptions, environment: Snapshot, written: Iterable[HandWritten] = ()) -> Made:
    """The service as it is to be, on this machine as it is; `written` are the units whose place it takes."""
    facts = services.gather(place)
    notes = notes_of(facts.file(place.unit_file).content)
    profile = options.profile or _known_profile(notes) or profiles.default(place.scope)
    watchdog = (notes.watchdog_s if notes else None) if options.watchdog_s is None else options.watchdog_s or None
    service = Service(place, root_dir, services.program(), profile, services.version(), watchdog)
    if not profiles.wants_manager(place.scope, profile):
        facts = replace(facts, lingers=True)
    unit = render_unit(service, *services.templates(place.scope, profile))
    # Last: what serves now goes on until all else is in place.
    replaced = plan_replace(written, () if elevated.is_root() or place.scope is Scope.SYSTEM else elevated.sudo())
    installed = plan_install(place, unit, environment, facts)
    return Made(service, facts, environment, unit, replace(installed, steps=(*installed.steps, *replaced.steps)))


def put(made: Made) -> None:
    """Take the steps."""
    place = made.service.place
    try:
        _apply(place, made.plan)
    except Failed as error:
        if error.problems[0].code == "lingering":
            _apply(place, plan_forget(place, made.facts))
        raise


def _apply(place: Place, plan: Plan) -> None:
    applying.apply(plan, layout=place.records, instance=place.manifest, now=datetime.now(timezone.utc))


def check_other_scope(place: Place) -> None:
    """Raises `Failed` where the instance is a service of the other manager already: the two would fight for the port."""
    other = next((found for found in services.installed(place.instance, place.layout, place.user) if found.scope is not place.scope), None)
    if other is None:
        return
    raise Failed.of(
        "other-scope",
        msg("The instance {name!r} is installed as {unit} already, in another systemd manager.", name=place.instance, unit=other.unit_file),
        msg("Take that back first: {command}", command=command_for(other, "service uninstall", whoami.user_name())),
    )


def check_written(written: tuple[HandWritten, ...], options: InstallOptions, place: Place, port: int) -> None:
    """Raises `Failed` where somebody's own unit serves the port, and is not to be replaced."""
    if not written or options.replace:
        return
    unit = written[0]
    raise Failed.of(
        "hand-written-unit",
        msg("{path} is a hand-written unit for the same port, {port}.", path=unit.path, port=port),
        msg(
            "Disable it and keep a copy: {command}",
            command=command_for(place, f"service install --port {port} --replace", whoami.user_name()),
        ),
    )


def _known_profile(notes: Notes | None) -> Profile | None:
    return next((profile for profile in Profile if notes is not None and profile.value == notes.profile), None)
