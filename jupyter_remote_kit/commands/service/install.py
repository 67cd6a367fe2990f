"""`jupyter remotekit service install`: put the unit in place, and have it started at boot.

The instance is its user's to write, a unit of the machine root's: an ordinary user has root do that part by one call of sudo.
"""

from __future__ import annotations

import os
import shlex
import sys
from dataclasses import replace
from datetime import datetime, timezone
from typing import Any

import click

from jupyter_remote_kit import grammar
from jupyter_remote_kit.commands import init, machine, serving
from jupyter_remote_kit.commands.context import Context, Parsed, kit_command, one_of, option
from jupyter_remote_kit.commands.init import Prepared
from jupyter_remote_kit.commands.options import instance_options, listed, parse
from jupyter_remote_kit.commands.service import agent, another, elevated, starting
from jupyter_remote_kit.commands.service.finding import check_systemd, place_options, whose
from jupyter_remote_kit.commands.service.making import Made, check_other_scope, check_written, environment_of, make, put
from jupyter_remote_kit.commands.service.reporting import report, runs_outside
from jupyter_remote_kit.errors import Failed, Refused, WrongUsage
from jupyter_remote_kit.host import apply as applying
from jupyter_remote_kit.host import handwritten, instances, paths, room, services, systemd, whoami
from jupyter_remote_kit.messages import marked, msg
from jupyter_remote_kit.plan import snapshot as snapshots
from jupyter_remote_kit.plan.commandline import own_command
from jupyter_remote_kit.plan.handwritten import HandWritten, plan_replace
from jupyter_remote_kit.plan.profiles import Profile
from jupyter_remote_kit.plan.service import InstallOptions
from jupyter_remote_kit.plan.units import Scope
from jupyter_remote_kit.result import Result


@kit_command("install", marked("Install the service, or bring it up to date; run init first if needed."))
@instance_options
@place_options
@option(
    "--profile",
    type=click.Choice([profile.value for profile in Profile]),
    help=marked("How far it is confined; containers for a system service, sudo for a user service by default."),
)
@option(
    "--watchdog",
    type=Parsed("minutes", grammar.watchdog_minutes),
    metavar="MINUTES",
    help=marked("Restart a server that hangs for so long, 10 or more; its kernels end. 0: never, the default."),
)
@option(
    "--env",
    "also",
    type=Parsed("name", grammar.variable_name),
    multiple=True,
    metavar="NAME",
    help=marked("Another variable of this shell that kernels need; may be repeated; none takes them back."),
)
@option("--replace", is_flag=True, help=marked("Disable a hand-written unit that serves the same port, and keep a copy of it."))
@option("--now", is_flag=True, help=marked("Start it as well, and wait until it answers."))
@option("--environment-stdin", is_flag=True, hidden=True)
def command(context: Context, instance: str, yes: bool, dry_run: bool, **said: Any) -> Result:
    """Decide whose manager runs whose server, then write."""
    answers, source = parse(instance, said)
    one_of(("--now", said["now"]), ("--dry-run", dry_run))
    options = InstallOptions(
        Profile(said["profile"]) if said["profile"] else None,
        None if said["watchdog"] is None else said["watchdog"] * 60,
        listed("--env", said["also"], back=grammar.NONE),
        replace=said["replace"],
        now=said["now"],
        dry_run=dry_run,
    )
    user = whose(said["run_as"], system=said["system"])
    if agent.here():
        agent.check_options(**{name: said[name] for name in ("system", "profile", "watchdog", "replace")})
        return agent.install(context, init.prepare(context, answers, source, ask=False), options, asking=False)
    check_systemd(instance)
    if user != whoami.user_name():
        if answers.named or source.named:
            raise WrongUsage.of(
                "others-instance",
                msg("The instance of {user} is not yours to set up.", user=user),
                msg("Leave these options out, and have {user} run: {command}", user=user, command=own_command(instance, "init")),
            )
        return another.install(context, instance, user, options, sys.stdin.read() if said["environment_stdin"] else None)
    _check_root(instance, allowed=bool(said["allow_root"]))
    asking = context.interactive and not yes
    scope = Scope.SYSTEM if said["system"] else Scope.USER
    if scope is Scope.SYSTEM and not dry_run:
        elevated.check(instance, user)
    prepared = init.prepare(context, answers, source, ask=asking, look=lambda tried: _look(tried, scope, options))
    return _install(context, prepared, scope, options, asking=asking)


def _check_root(instance: str, *, allowed: bool) -> None:
    """Raises `Refused` where root would serve root's own notebooks, and nobody has said so."""
    if not elevated.is_root() or allowed:
        return
    existing = instances.load(paths.layout(), instance)
    if existing is None or not existing.settings.allow_root:
        raise Refused.of(
            "as-root",
            msg("The server would run as root, and so would every notebook."),
            msg("Name its user: {command} --run-as USER; or add --allow-root", command=own_command(instance, "service install --system")),
        )


def _look(tried: Prepared, scope: Scope, options: InstallOptions) -> None:
    """All that can refuse a service for the user who asks. Raises `RemoteKitError`."""
    serving.check(tried)
    settings = tried.settings
    place = services.place(scope, settings.instance, paths.layout())
    check_other_scope(place)
    written = handwritten.holding(settings.port, place.home)
    check_written(written, options, place, settings.port)
    running = machine.client(paths.layout(), settings.instance).status()
    if running is None and not written:
        serving.check_port(settings.ip, settings.port)
    if running is not None and options.now and systemd.unit_of(running["pid"]) != place.unit:
        raise Failed(runs_outside(place, running, "service install --now"))
    if scope is Scope.USER and not options.dry_run:
        room.check((place.unit_file.parent,))


def _install(context: Context, prepared: Prepared, scope: Scope, options: InstallOptions, *, asking: bool) -> Result:
    """For the user who asks, where nothing refuses it (`_look`)."""
    serving.check(prepared)
    settings = prepared.settings
    place = services.place(scope, settings.instance, paths.layout())
    written = handwritten.holding(settings.port, place.home)
    running = machine.client(paths.layout(), settings.instance).status()
    environment = environment_of(place, os.environ, options.also)
    if options.dry_run:
        made = make(place, settings.root_dir, options, environment, written)
        result = report(init.report("service install", prepared, dry_run=True), made, options)
        return result if scope is Scope.USER or elevated.is_root() else _with_sudo(result, _words(made, options, written))
    prepared = init.write(prepared, show=context.emit if asking else None).done
    with machine.password_told(prepared.generated):
        serving.check_exposed(prepared)
        made = make(place, settings.root_dir, options, environment, written)
        if scope is Scope.USER or elevated.is_root():
            put(made)
        elif made.plan.steps:
            made = _have_root_put(context, made, options, written)
        result = report(init.report("service install", prepared, dry_run=False, shown_before=asking), made, options, running)
        return starting.start(context, place, result) if options.now else result


def _have_root_put(context: Context, made: Made, options: InstallOptions, written: tuple[HandWritten, ...]) -> Made:
    """Show the steps, then the one call of sudo that takes them. The environment goes through its standard input."""
    if not context.as_json:
        context.emit(Result("service install", messages=(msg("This will be done as root:"), *made.lines)))
    given = snapshots.render(made.environment)
    envelope = elevated.kit_as_root(context, _words(made, options, written), "--environment-stdin", given=given)
    # Root looks into no folder of the user's: what the user's own manager runs, the user disables.
    own = plan_replace(unit for unit in written if unit.scope is Scope.USER)
    place = made.service.place
    applying.apply(own, layout=place.layout, instance=place.instance, now=datetime.now(timezone.utc))
    described = tuple(step.describe() for step in own.steps)
    return replace(
        made,
        done=(*envelope["data"]["steps"], *map(str, described)),
        told=(*elevated.steps_told(envelope), *map(context.say, described)),
    )


def _words(made: Made, options: InstallOptions, written: tuple[HandWritten, ...]) -> tuple[str, ...]:
    """What root is told."""
    place, service = made.service.place, made.service
    words = ["service", "install", "--system", "--run-as", place.user, "--instance", place.instance, "--profile", service.profile.value]
    words += ["--watchdog", str((service.watchdog_s or 0) // 60)]
    words += ["--replace"] if options.replace and any(unit.scope is Scope.SYSTEM for unit in written) else []
    return tuple(words)


def _with_sudo(result: Result, words: tuple[str, ...]) -> Result:
    """A dry run, with the call of sudo that would take root's steps."""
    line = msg("As root: {command}", command=shlex.join(elevated.kit_argv(words, "--environment-stdin")))
    return replace(result, messages=(*result.messages, line))
