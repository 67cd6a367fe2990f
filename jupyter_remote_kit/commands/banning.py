"""fail2ban for an instance: put its filter and jail in place, and take them back. What `audit` and `remove` share."""

from __future__ import annotations

import os
import shlex
import sys
from datetime import datetime, timezone

from jupyter_remote_kit.errors import Failed, Problem
from jupyter_remote_kit.host import apply as applying
from jupyter_remote_kit.host import fail2ban as machine
from jupyter_remote_kit.host import files, instances, ownprogram
from jupyter_remote_kit.messages import Message, msg
from jupyter_remote_kit.plan import fail2ban
from jupyter_remote_kit.plan.commandline import arguments, own_command
from jupyter_remote_kit.plan.facts import FileKind
from jupyter_remote_kit.plan.fail2ban import INSTALL, REMOVE, Jail
from jupyter_remote_kit.plan.layout import SYSTEM, Layout
from jupyter_remote_kit.plan.model import Plan
from jupyter_remote_kit.result import Result
from jupyter_remote_kit.settings import Access, Settings

LOWEST_PORT = 1024  # below it only root listens, so that a jail there would guard somebody else's service


def install(layout: Layout, instance: str, *, dry_run: bool) -> Result:
    """Filter and jail for the instance, and have a running fail2ban read them. A second time nothing is left to do."""
    if machine.client() is None:
        raise Failed.of(
            "no-fail2ban", msg("fail2ban is not installed on this host."), msg("{command}", command="sudo apt-get install fail2ban")
        )
    plan = fail2ban.plan_install(_jail(layout, instance), *machine.facts(instance))
    if dry_run:
        return _shown(instance, plan)
    _check_root(layout, instance, INSTALL)
    _apply(plan)
    changed = bool(plan.steps) or not machine.has_jail(instance)
    if not changed:
        return _result(instance, plan, (msg("Nothing to do: fail2ban guards this instance already."),), changed=False)
    if not machine.reload():
        sleeping = Problem(
            "fail2ban-stopped", msg("fail2ban is not running; it will guard this instance once it is started."), _start_fail2ban()
        )
        done = msg("Written.") if plan.steps else msg("Nothing to do: filter and jail are in place.")
        return _result(instance, plan, (done,), problems=(sleeping,), changed=bool(plan.steps))
    return _result(
        instance, plan, (msg("fail2ban guards this instance: five refusals in ten minutes, and an address is shut out for an hour."),)
    )


def remove(layout: Layout, instance: str, *, dry_run: bool) -> Result:
    """Take filter and jail back."""
    plan = plan_remove(instance)
    if dry_run:
        return _shown(instance, plan)
    if not plan.steps:
        return _result(instance, plan, (msg("Nothing to do: fail2ban has nothing of this instance."),), changed=False)
    _check_root(layout, instance, REMOVE)
    take_back(plan)
    return _result(instance, plan, (msg("fail2ban does not guard this instance any more."),))


def plan_remove(instance: str) -> Plan:
    """What taking it back would remove."""
    return fail2ban.plan_remove(instance, *machine.facts(instance), other_jails=machine.other_jails(instance))


def take_back(plan: Plan) -> None:
    """Remove what `plan_remove` has found, and have a running fail2ban forget it."""
    if plan.steps:
        _apply(plan)
        machine.reload()


def has_jail_of(layout: Layout, instance: str) -> bool:
    """Whether the jail of that name is this user's: whether it reads this instance's audit."""
    content = files.file_fact(fail2ban.jail_file(instance)).content
    return fail2ban.log_of(content) == str(layout.audit_file(instance))


def outdated(layout: Layout, settings: Settings) -> tuple[Problem, ...]:
    """A warning where the jail of an instance guards another port, or spares other proxies, than it should, or counts in an old way."""
    instance = settings.instance
    if not has_jail_of(layout, instance):
        return ()
    jail = Jail(instance, settings.port, layout.audit_file(instance), settings.trusted_proxies)
    current = files.file_fact(fail2ban.FILTER_FILE).content == fail2ban.render_filter().encode()
    if current and fail2ban.fits(files.file_fact(fail2ban.jail_file(instance)).content, jail):
        return ()
    option = INSTALL if settings.access is Access.LAN else REMOVE
    return (
        Problem(
            "fail2ban-outdated",
            msg("fail2ban's filter or jail was written for other settings of this instance, or by another version; it is root's."),
            msg("{command}", command=root_command(layout, instance, option)),
        ),
    )


def root_command(layout: Layout, instance: str, option: str) -> str:
    """The line that does it as root: its environment has other folders, and may lack this program."""
    script = ownprogram.own_script()
    program = (str(script),) if script else (sys.executable, "-m", "jupyter_remote_kit")
    folders = {"CONFIG": layout.config_dir, "DATA": layout.data_dir, "RUNTIME": layout.runtime_dir}
    variables = [f"JUPYTER_{name}_DIR={folder}" for name, folder in folders.items()]
    return shlex.join(("sudo", "env", *variables, *program, *arguments(instance, f"audit {option}").split()))


def _check_root(layout: Layout, instance: str, option: str) -> None:
    if os.geteuid() != 0:
        raise Failed.of(
            "not-root", msg("fail2ban's configuration is root's."), msg("{command}", command=root_command(layout, instance, option))
        )


def _jail(layout: Layout, instance: str) -> Jail:
    """The jail that this instance wants. Raises `Failed` where none would help, `Refused` where there is no such instance."""
    fact = files.file_fact(layout.instance_file(instance), with_content=False)
    with machine.acting_as(fact.uid if fact.kind is FileKind.FILE else os.geteuid()):
        settings = instances.require(layout, instance).settings
        has_log = files.file_fact(layout.audit_file(instance), with_content=False).kind is FileKind.FILE
    if settings.access is not Access.LAN:
        raise Failed.of(
            "nobody-to-ban",
            msg(
                "Clients of this instance come through {access}: a firewall of this host never sees their addresses.",
                access=settings.access.value,
            ),
            msg("The server slows guesses down by itself; see {command}", command=own_command(instance, "audit")),
        )
    if settings.port < LOWEST_PORT and fact.uid != 0:
        raise Failed.of("privileged-port", msg("Port {port} is none that this instance's user can serve.", port=settings.port))
    if not has_log:
        # fail2ban does not start with a jail whose log is not there.
        raise Failed.of(
            "no-audit",
            msg("There is no audit of this instance yet: {path}.", path=layout.audit_file(instance)),
            msg("Start its server once: {command}", command=own_command(instance, "up")),
        )
    return Jail(instance, settings.port, layout.audit_file(instance), settings.trusted_proxies)


def _apply(plan: Plan) -> None:
    applying.apply(plan, layout=SYSTEM, instance=fail2ban.RECORD, now=datetime.now(timezone.utc))


def _start_fail2ban() -> Message:
    return msg("{command}", command="sudo systemctl start fail2ban")


def _shown(instance: str, plan: Plan) -> Result:
    if not plan.steps:
        return _result(instance, plan, (msg("Nothing to do."),), changed=False)
    steps = tuple(msg("  {step}", step=step.describe()) for step in plan.steps)
    return _result(instance, plan, (msg("This would be done:"), *steps), changed=False)


def _result(
    instance: str, plan: Plan, messages: tuple[Message, ...], *, changed: bool = True, problems: tuple[Problem, ...] = ()
) -> Result:
    data = {"instance": instance, "steps": [str(step.describe()) for step in plan.steps], "changed": changed}
    return Result("audit", data, messages, problems=problems)
