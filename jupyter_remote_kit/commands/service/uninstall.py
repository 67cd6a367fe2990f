"""`jupyter remotekit service uninstall`: stop the service and take back what install has written."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timezone

import click

from jupyter_remote_kit.commands import remove
from jupyter_remote_kit.commands.context import Context, dry_run_option, kit_command, option, yes_option
from jupyter_remote_kit.commands.service import agent, elevated
from jupyter_remote_kit.commands.service.finding import check_systemd, place_options, whose
from jupyter_remote_kit.errors import Problem, WrongUsage
from jupyter_remote_kit.host import apply as applying
from jupyter_remote_kit.host import paths, services, whoami
from jupyter_remote_kit.messages import Message, marked, msg
from jupyter_remote_kit.plan.commandline import own_command
from jupyter_remote_kit.plan.model import Plan
from jupyter_remote_kit.plan.service import Place
from jupyter_remote_kit.plan.serviceplan import plan_uninstall
from jupyter_remote_kit.plan.units import Scope
from jupyter_remote_kit.result import Result


@kit_command("uninstall", marked("Stop the service and take back what install has written."))
@place_options
@option("--purge", is_flag=True, help=marked("Remove the instance as well: its settings, password, sessions and audit."))
@yes_option
@dry_run_option
def command(context: Context, instance: str, system: bool, run_as: str | None, purge: bool, yes: bool, dry_run: bool) -> Result:  # noqa: PLR0913
    """Notebooks stay, and so does the instance unless it is purged; a second time nothing is left to do."""
    user = whose(run_as, system=system)
    if purge:
        _check_purge(context, user, instance, asked=not (yes or dry_run))
    if agent.here():
        agent.check_options(system=system, run_as=run_as)
        result = agent.uninstall(instance, dry_run=dry_run)
        return _purged(context, result, instance, yes=yes, dry_run=dry_run) if purge else result
    check_systemd(instance)
    places = services.traces(instance, paths.layout(), user)
    place = next((found for found in places if found.scope is Scope.SYSTEM or not system), None)
    plan = plan_uninstall(place, services.gather(place)) if place else Plan()
    lines = tuple(msg("  {step}", step=step.describe()) for step in plan.steps)
    if place and plan.steps and not dry_run:
        lines = _take_back(context, place, plan, lines)
    told: tuple[Message, ...] = (msg("Nothing to do: the instance {name!r} is not installed as a service.", name=instance),)
    if lines:
        told = (msg("This would be done:") if dry_run else msg("This was done:"), *lines)
    data = {"instance": instance, "changed": bool(lines) and not dry_run, "steps": [str(line).strip() for line in lines]}
    result = Result("service uninstall", data, told, problems=_left(place))
    return _purged(context, result, instance, yes=yes, dry_run=dry_run) if purge else result


def _check_purge(context: Context, user: str, instance: str, *, asked: bool) -> None:
    """Raises `WrongUsage` where the instance is somebody else's, or nobody could say yes."""
    if user != whoami.user_name():
        raise WrongUsage.of(
            "others-instance",
            msg("The instance of {user} is not yours to remove.", user=user),
            msg("Leave out --purge, and have {user} run: {command}", user=user, command=own_command(instance, "remove")),
        )
    if asked and not context.interactive:
        raise WrongUsage.of("yes-missing", msg("Removing needs a yes, and there is no terminal to ask for it."), msg("Add --yes"))


def _take_back(context: Context, place: Place, plan: Plan, lines: tuple[Message, ...]) -> tuple[Message, ...]:
    """Take the steps, and say which were taken: root knows more of what it has changed than its users may read."""
    if place.scope is Scope.USER or elevated.is_root():
        while plan.steps:
            applying.apply(plan, layout=place.records, instance=place.manifest, now=datetime.now(timezone.utc))
            # Another one may have gone meanwhile, which this plan has left something for.
            plan = plan_uninstall(place, services.gather(place))
            lines += tuple(msg("  {step}", step=step.describe()) for step in plan.steps)
        return lines
    if not context.as_json:
        context.emit(Result("service uninstall", messages=(msg("This will be done as root:"), *lines)))
    words = ("service", "uninstall", "--system", "--run-as", place.user, "--instance", place.instance)
    envelope = elevated.kit_as_root(context, words)
    # What the user's own record tells of may have waited for this one to go.
    own = replace(place, scope=Scope.USER)
    waiting = own in services.traces(own.instance, own.layout) and own not in services.installed(own.instance, own.layout)
    rest = plan_uninstall(own, services.gather(own)) if waiting else Plan()
    applying.apply(rest, layout=own.records, instance=own.manifest, now=datetime.now(timezone.utc))
    taken = (*elevated.steps_told(envelope), *(step.describe() for step in rest.steps))
    return tuple(msg("  {step}", step=step) for step in taken)


def _left(place: Place | None) -> tuple[Problem, ...]:
    """Changes of the user's own beside the unit (`systemctl edit`): theirs to keep."""
    folder = place.unit_file.with_name(f"{place.unit_file.name}.d") if place else None
    if folder is None or not folder.is_dir():
        return ()
    return (Problem("drop-ins-left", msg("Your own changes to the unit stay in {folder}.", folder=folder)),)


def _purged(context: Context, result: Result, instance: str, *, yes: bool, dry_run: bool) -> Result:
    """With the instance, as `remove` does it."""
    if not (yes or dry_run) and not click.confirm(context.say(msg("Remove the instance {name!r} as well?", name=instance)), err=True):
        return result
    removed = remove.remove(context, instance, yes=True, dry_run=dry_run)
    data = {
        **result.data,
        "changed": result.data["changed"] or removed.data["changed"],
        "steps": [*result.data["steps"], *removed.data["steps"]],
    }
    return Result("service uninstall", data, (*result.messages, *removed.messages), problems=(*result.problems, *removed.problems))
