"""On macOS: a launchd agent in the place of a systemd unit. What launchd has no word for is refused."""

from __future__ import annotations

import os
from datetime import datetime, timezone

from jupyter_remote_kit.commands import init, machine, serving
from jupyter_remote_kit.commands.context import Context
from jupyter_remote_kit.commands.init import Prepared
from jupyter_remote_kit.errors import Failed, Problem, WrongUsage
from jupyter_remote_kit.host import apply as applying
from jupyter_remote_kit.host import paths, services, surroundings
from jupyter_remote_kit.host.files import file_fact
from jupyter_remote_kit.host.manifest import read_manifest
from jupyter_remote_kit.host.surroundings import Surroundings
from jupyter_remote_kit.messages import msg
from jupyter_remote_kit.plan import launchd, snapshot
from jupyter_remote_kit.plan.model import Plan
from jupyter_remote_kit.plan.service import InstallOptions
from jupyter_remote_kit.plan.units import Scope
from jupyter_remote_kit.result import Result


def here() -> bool:
    """Whether launchd runs this machine."""
    return surroundings.here() is Surroundings.MACOS


def check_options(**named: object) -> None:
    """Raises `WrongUsage` for what systemd alone can do; `named` are the options by their names."""
    option = next((f"--{name.replace('_', '-')}" for name, said in named.items() if said), None)
    if option:
        raise WrongUsage.of(
            "systemd-only", msg("{option} is for systemd; this is macOS.", option=option), msg("Leave out {option}", option=option)
        )


def install(context: Context, prepared: Prepared, options: InstallOptions, *, asking: bool) -> Result:
    """Write the agent and load it; it starts at once, and at every log-in."""
    serving.check(prepared)
    layout, instance = paths.layout(), prepared.settings.instance
    place = services.place(Scope.USER, instance, layout)
    if not options.dry_run:
        prepared = init.write(prepared, show=context.emit if asking else None).done
    with machine.password_told(prepared.generated):
        environment = snapshot.take(os.environ, services.program()[0].parent, options.also or (), layout.variables)
        log = layout.server_log(instance)
        text = launchd.render_agent(instance, prepared.settings.root_dir, services.program(), environment, log)
        path = launchd.agent_file(place.home, instance)
        files = {found: file_fact(found) for found in (path, path.parent)}
        known = read_manifest(layout.manifest_file(instance)).get(str(path), ())
        plan = launchd.plan_install(path, place.uid, text, files, known)
        result = init.report("service install", prepared, dry_run=options.dry_run, shown_before=asking)
        return _done(result, plan, instance, dry_run=options.dry_run)


def uninstall(instance: str, *, dry_run: bool) -> Result:
    """Unload the agent and remove it."""
    layout = paths.layout()
    place = services.place(Scope.USER, instance, layout)
    path = launchd.agent_file(place.home, instance)
    known = read_manifest(layout.manifest_file(instance)).get(str(path), ())
    plan = launchd.plan_uninstall(path, place.uid, file_fact(path), known)
    return _done(Result("service uninstall", {"instance": instance}), plan, instance, dry_run=dry_run)


def check_verb(instance: str, verb: str) -> None:
    """Raises `Failed` on macOS, with what systemd's `verb` is there."""
    if not here():
        return
    target = launchd.target(os.geteuid(), instance)
    words = {
        "start": f"launchctl kickstart {target}",
        "stop": f"launchctl kill SIGTERM {target}",
        "restart": f"launchctl kickstart -k {target}",
        "status": f"launchctl print {target}",
        "logs": f"tail -f {paths.layout().server_log(instance)}",
    }
    raise Failed.of("systemd-only", msg("This is macOS, where launchd runs the agent."), msg("{command}", command=words[verb]))


def _done(result: Result, plan: Plan, instance: str, *, dry_run: bool) -> Result:
    if not dry_run:
        applying.apply(plan, layout=paths.layout(), instance=instance, now=datetime.now(timezone.utc))
    steps = tuple(step.describe() for step in plan.steps)
    before = tuple(result.data.get("steps", ()))
    data = {**result.data, "changed": bool(before or steps) and not dry_run, "steps": [*before, *map(str, steps)]}
    told = (msg("This would be done:") if dry_run else msg("This was done:")) if steps else msg("Nothing to do.")
    untried = Problem("untried", msg("No Mac has tried this agent yet; please tell how it goes."))
    messages = (*result.messages, told, *(msg("  {step}", step=step) for step in steps))
    return Result(result.command, data, messages, problems=(*result.problems, untried))
