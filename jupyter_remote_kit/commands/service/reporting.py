"""What `service install` tells: the steps, the confinement, and what the user should know beside them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from jupyter_remote_kit.commands.service.making import Made
from jupyter_remote_kit.errors import Problem
from jupyter_remote_kit.host import systemd, whoami
from jupyter_remote_kit.messages import Message, msg
from jupyter_remote_kit.plan import profiles
from jupyter_remote_kit.plan.commandline import own_command
from jupyter_remote_kit.plan.service import InstallOptions, Place, command_for
from jupyter_remote_kit.result import Result


def report(said: Result, made: Made, options: InstallOptions, running: Mapping[str, Any] | None = None) -> Result:
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
        "changed": bool(before or steps) and not options.dry_run,
        "dry_run": options.dry_run,
        "steps": [*before, *steps],
        "difference": list(made.difference),
        "left_out": list(made.environment.secrets),
    }
    if options.dry_run:
        data["text"] = made.unit
    confined = msg("Profile {name}: {sentence}", name=service.profile.value, sentence=profiles.forbids(place.scope, service.profile))
    head = () if before else said.messages[1:]
    messages = (*(said.messages if before else ()), *_told(made, options, head), confined)
    if not (options.now or options.dry_run or running):
        messages += (msg("Start it: {command}", command=command_for(place, "service start", whoami.user_name())),)
    blocks = (made.unit,) if options.dry_run else tuple(filter(None, ("\n".join(made.difference),)))
    return replace(said, data=data, messages=messages, blocks=blocks, problems=(*said.problems, *_warnings(made, options, running)))


def _told(made: Made, options: InstallOptions, head: tuple[Message, ...]) -> tuple[Message, ...]:
    if not made.plan.steps:
        return (*head, msg("Nothing to do: the service is as it should be."))
    return (*head, msg("This would be done:") if options.dry_run else msg("This was done:"), *made.lines)


def _warnings(made: Made, options: InstallOptions, running: Mapping[str, Any] | None) -> Iterable[Problem]:
    place = made.service.place
    if made.environment.secrets:
        yield Problem(
            "secrets-left-out",
            msg("Left out of the service's environment, since they look like secrets: {names}", names=", ".join(made.environment.secrets)),
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
    if running is None or options.dry_run:
        return
    if systemd.unit_of(running["pid"]) != place.unit:
        yield runs_outside(place, running, "service start")
    elif made.rewrites:
        yield Problem(
            "restart-needed",
            msg("The running service takes it up when it is restarted; its kernels end with it."),
            msg("{command}", command=command_for(place, "service restart", whoami.user_name())),
        )


def runs_outside(place: Place, running: Mapping[str, Any], then: str) -> Problem:
    """The server was started by hand: the service would find its port taken."""
    return Problem(
        "runs-outside",
        msg("The instance is running as process {pid}, not as the service.", pid=running["pid"]),
        msg("{down} && {start}", down=own_command(place.instance, "down"), start=command_for(place, then, whoami.user_name())),
    )
