"""`jupyter remotekit remove`: take back what was written."""

from __future__ import annotations

import os
from datetime import datetime, timezone
from pathlib import Path

import click

from jupyter_remote_kit.commands import banning, machine
from jupyter_remote_kit.commands.context import Context, dry_run_option, kit_command, yes_option
from jupyter_remote_kit.errors import Failed, Problem, WrongUsage
from jupyter_remote_kit.host import apply as applying
from jupyter_remote_kit.host import facts as fact_gathering
from jupyter_remote_kit.host import paths, room, services, socketfolder
from jupyter_remote_kit.messages import Message, marked, msg
from jupyter_remote_kit.plan.commandline import own_command
from jupyter_remote_kit.plan.fail2ban import REMOVE
from jupyter_remote_kit.plan.layout import Layout
from jupyter_remote_kit.plan.model import Plan, RemoveFile
from jupyter_remote_kit.plan.remove import candidate_paths, plan_remove
from jupyter_remote_kit.result import Result


@kit_command("remove", marked("Remove what the kit has written."))
@yes_option
@dry_run_option
def command(context: Context, instance: str, yes: bool, dry_run: bool) -> Result:
    """Show what would go, ask, remove it. Notebooks and the user's own configuration stay."""
    return remove(context, instance, yes=yes, dry_run=dry_run)


def remove(context: Context, instance: str, *, yes: bool, dry_run: bool) -> Result:
    """The same, for whoever has asked already. Raises `Failed` while its server runs, or would at the next boot."""
    layout = paths.layout()
    running = machine.client(layout, instance).status()
    if running is not None and not dry_run:
        raise Failed.of(
            "still-running",
            msg("The instance {name!r} is running as process {pid}.", name=instance, pid=running["pid"]),
            msg("Stop it first: {command}", command=own_command(instance, "down")),
        )
    _check_service(layout, instance, dry_run=dry_run)
    if not (yes or dry_run or context.interactive):
        raise WrongUsage.of("yes-missing", msg("Removing needs a yes, and there is no terminal to ask for it."), msg("Add --yes"))
    others = machine.others(layout, instance)
    plan = _plan(layout, instance, last=not others)
    guarding, left = _guarding(layout, instance)
    problems = (*left, *_kept(others))
    described = [step.describe() for step in (*guarding.steps, *plan.steps)]
    steps = tuple(msg("  {step}", step=step) for step in described)
    data = {"instance": instance, "steps": [str(step) for step in described], "changed": bool(steps) and not dry_run}
    if not dry_run:
        socketfolder.forget(layout, instance)
    if not steps:
        return Result("remove", data, (_nothing(instance, others),), problems=problems)
    if dry_run:
        return Result("remove", data, (msg("This would be done:"), *steps), problems=problems)
    # A file is taken out of its folder; what is not there any more needs nothing.
    room.check(sorted({step.path.parent for step in plan.steps if isinstance(step, RemoveFile)}), least=0)
    if not yes:
        context.emit(Result("remove", messages=(msg("This will be done:"), *steps)))
        if not click.confirm(context.say(msg("Remove all of it?")), err=True):
            raise click.Abort
    # First: fail2ban does not start with a jail whose log is gone.
    banning.take_back(guarding)
    applying.apply(plan, layout=layout, instance=instance, now=datetime.now(timezone.utc))
    return Result("remove", data, (msg("Removed; notebooks and your own configuration are untouched."),), problems=problems)


def _check_service(layout: Layout, instance: str, *, dry_run: bool) -> None:
    """A service without its instance would be refused at every boot."""
    found = services.installed(instance, layout)
    if found and not dry_run:
        raise Failed.of(
            "service-installed",
            msg("The instance {name!r} is installed as a service: {unit}.", name=instance, unit=found[0].unit_file),
            msg("Take that back first: {command}", command=own_command(instance, "service uninstall")),
        )


def _guarding(layout: Layout, instance: str) -> tuple[Plan, tuple[Problem, ...]]:
    """What fail2ban has of this instance: root takes it back, anybody else is told how."""
    if not banning.has_jail_of(layout, instance):
        return Plan(), ()
    if os.geteuid() == 0:
        return banning.plan_remove(instance), ()
    command = banning.root_command(layout, instance, REMOVE)
    left = Problem("fail2ban-left", msg("fail2ban keeps its jail of this instance: it is root's."), msg("{command}", command=command))
    return Plan(), (left,)


def _kept(others: tuple[str, ...]) -> tuple[Problem, ...]:
    """`pip uninstall` is no end of the kit while these have their keys, and servers that may run."""
    if not others:
        return ()
    hint = msg("{command}", command=own_command(others[0], "remove"))
    return (Problem("others-kept", msg("What other instances have stays: {names}.", names=", ".join(others)), hint),)


def _nothing(instance: str, others: tuple[str, ...]) -> Message:
    if others:
        return msg("Nothing to do: the kit has written nothing for the instance {name!r}.", name=instance)
    return msg("Nothing to do: there is nothing that the kit has written.")


def _plan(layout: Layout, instance: str, *, last: bool) -> Plan:
    found = machine.entries_below(layout.instance_data_dir(instance)) + (machine.entries_below(layout.backups_dir) if last else ())
    paths_read = (*candidate_paths(layout, instance, last=last), *found)
    facts = fact_gathering.gather(layout, paths=paths_read, instance=instance, root_dir=Path.home(), with_user_config=False)
    return plan_remove(instance, facts, last=last, found=found)
