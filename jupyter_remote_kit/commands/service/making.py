"""From what is wished to a service in its place, and what is told of it. What `install`, for oneself and for others, and `status` share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from jupyter_remote_kit.commands.service import elevated
from jupyter_remote_kit.errors import Failed, Problem
from jupyter_remote_kit.host import apply as applying
from jupyter_remote_kit.host import services, systemd
from jupyter_remote_kit.messages import Message, msg
from jupyter_remote_kit.plan import profiles, snapshot
from jupyter_remote_kit.plan.commandline import own_command
from jupyter_remote_kit.plan.handwritten import HandWritten, plan_replace
from jupyter_remote_kit.plan.model import Plan, WriteFile
from jupyter_remote_kit.plan.profiles import Profile
from jupyter_remote_kit.plan.service import Place, Service, ServiceFacts
from jupyter_remote_kit.plan.serviceplan import plan_install
from jupyter_remote_kit.plan.snapshot import Snapshot
from jupyter_remote_kit.plan.unitfile import Notes, changed_lines, notes_of, render_unit
from jupyter_remote_kit.plan.units import Scope
from jupyter_remote_kit.result import Result


@dataclass(frozen=True)
class Wish:
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
class Made:
    """A service that is ready to be put in place. `done` are the steps that root has taken instead, in root's words."""

    service: Service
    facts: ServiceFacts
    environment: Snapshot
    unit: str
    plan: Plan
    done: tuple[str, ...] = ()

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
        steps: tuple[object, ...] = self.done or tuple(step.describe() for step in self.plan.steps)
        return tuple(msg("  {step}", step=step) for step in steps)


def environment_of(place: Place, environ: Mapping[str, str], also: tuple[str, ...] | None) -> Snapshot:
    """What the service would get of `environ`; names that were asked for earlier stay."""
    kept = snapshot.parse(services.content(place.environment_file)).also
    return snapshot.take(environ, services.program()[0].parent, kept if also is None else also)


def make(place: Place, root_dir: Path, wish: Wish, environment: Snapshot, written: Iterable[HandWritten] = ()) -> Made:
    """The service as it is to be, on this machine as it is; `written` are the units whose place it takes."""
    facts = services.gather(place)
    notes = notes_of(facts.file(place.unit_file).content)
    profile = wish.profile or _known_profile(notes) or profiles.default(place.scope)
    watchdog = (notes.watchdog_s if notes else None) if wish.watchdog_s is None else wish.watchdog_s or None
    service = Service(place, root_dir, services.program(), profile, services.version(), watchdog)
    if not profiles.wants_manager(place.scope, profile):
        facts = replace(facts, lingers=True)
    unit = render_unit(service, *services.templates(place.scope, profile))
    replaced = plan_replace(written, () if elevated.is_root() or place.scope is Scope.SYSTEM else elevated.sudo())
    installed = plan_install(place, unit, environment, facts)
    return Made(service, facts, environment, unit, Plan((*replaced.steps, *installed.steps)))


def put(made: Made) -> None:
    """Take the steps."""
    place = made.service.place
    applying.apply(made.plan, layout=place.records, instance=place.manifest, now=datetime.now(timezone.utc))


def check_other_scope(place: Place) -> None:
    """Raises `Failed` where the instance is a service of the other manager already: the two would fight for the port."""
    other = next((found for found in services.installed(place.instance, place.layout, place.user) if found.scope is not place.scope), None)
    if other is None:
        return
    option = " --system" if other.scope is Scope.SYSTEM else ""
    raise Failed.of(
        "other-scope",
        msg("The instance {name!r} is installed as {unit} already, in another systemd manager.", name=place.instance, unit=other.unit_file),
        msg("Take that back first: {command}", command=own_command(place.instance, f"service uninstall{option}")),
    )


def check_written(written: tuple[HandWritten, ...], wish: Wish, instance: str, port: int) -> None:
    """Raises `Failed` where somebody's own unit serves the port, and is not to be replaced."""
    if not written or wish.replace:
        return
    unit = written[0]
    raise Failed.of(
        "hand-written-unit",
        msg("{path} is a hand-written unit for the same port, {port}.", path=unit.path, port=port),
        msg("Disable it and keep a copy: {command}", command=own_command(instance, "service install --replace")),
    )


def report(said: Result, made: Made, wish: Wish, running: Mapping[str, Any] | None = None) -> Result:
    """What was done, or would be, laid over what `init` says of the instance; `running` is the server that runs."""
    service, place = made.service, made.service.place
    steps = list(made.done) or [str(step.describe()) for step in made.plan.steps]
    before = tuple(said.data.get("steps", ()))
    data = {
        **said.data,
        "instance": place.instance,
        "scope": place.scope.value,
        "unit": place.unit,
        "unit_file": str(place.unit_file),
        "environment_file": str(place.environment_file),
        "profile": service.profile.value,
        "watchdog_s": service.watchdog_s,
        "changed": bool(before or steps),
        "dry_run": wish.dry_run,
        "steps": [*before, *steps],
        "difference": list(made.difference),
        "left_out": list(made.environment.secrets),
    }
    if wish.dry_run:
        data["text"] = made.unit
    confined = msg("Profile {name}: {sentence}", name=service.profile.value, sentence=profiles.forbids(place.scope, service.profile))
    head = () if before else said.messages[1:]
    messages = (*(said.messages if before else ()), *_told(made, wish, head), confined)
    if not (wish.now or wish.dry_run or running):
        messages += (msg("Start it: {command}", command=own_command(place.instance, "service start")),)
    blocks = (made.unit,) if wish.dry_run else tuple(filter(None, ("\n".join(made.difference),)))
    return replace(said, data=data, messages=messages, blocks=blocks, problems=(*said.problems, *_warnings(made, wish, running)))


def _told(made: Made, wish: Wish, head: tuple[Message, ...]) -> tuple[Message, ...]:
    if not made.plan.steps:
        return (*head, msg("Nothing to do: the service is as it should be."))
    return (*head, msg("This would be done:") if wish.dry_run else msg("This was done:"), *made.lines)


def _warnings(made: Made, wish: Wish, running: Mapping[str, Any] | None) -> Iterable[Problem]:
    place = made.service.place
    if made.environment.secrets:
        yield Problem(
            "secrets-left-out",
            msg("Left out of the service's environment, since they look like secrets: {names}", names=_listed(made.environment.secrets)),
            msg("Set them in the notebook that needs them"),
        )
    if made.environment.unfit:
        yield Problem(
            "variables-left-out",
            msg(
                "Left out of the service's environment, since no file can hold their values: {names}",
                names=", ".join(made.environment.unfit),
            ),
        )
    if running is None or wish.dry_run:
        return
    if systemd.unit_of(running["pid"]) != place.unit:
        yield Problem(
            "runs-outside",
            msg("The instance is running as process {pid}, not as the service.", pid=running["pid"]),
            msg(
                "{down} && {start}",
                down=own_command(place.instance, "down"),
                start=own_command(place.instance, "service start"),
            ),
        )
    elif made.rewrites:
        yield Problem(
            "restart-needed",
            msg("The running service takes it up when it is restarted; its kernels end with it."),
            msg("{command}", command=own_command(place.instance, "service restart")),
        )


def _known_profile(notes: Notes | None) -> Profile | None:
    return next((profile for profile in Profile if notes is not None and profile.value == notes.profile), None)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names)
