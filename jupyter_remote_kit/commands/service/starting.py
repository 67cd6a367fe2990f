"""Start, stop and restart, each waited for, by systemctl and, for a unit of the machine, through sudo."""

from __future__ import annotations

import shlex
from dataclasses import replace
from typing import Any

from jupyter_remote_kit.commands import machine
from jupyter_remote_kit.commands.context import Context
from jupyter_remote_kit.commands.service import elevated
from jupyter_remote_kit.commands.service.finding import why_not
from jupyter_remote_kit.errors import Failed
from jupyter_remote_kit.host import programs, systemd, whoami
from jupyter_remote_kit.messages import Message, msg
from jupyter_remote_kit.plan.commandline import own_command
from jupyter_remote_kit.plan.service import Place, command_for
from jupyter_remote_kit.plan.serviceplan import systemctl
from jupyter_remote_kit.plan.units import Scope
from jupyter_remote_kit.result import Result


def start(context: Context, place: Place, result: Result) -> Result:
    """Start it, and add to `result` that it answers. Raises why it does not."""
    tell(context, place, "start")
    told = running(place)
    messages = (*result.messages, msg("{unit} is running as process {pid}.", unit=place.unit, pid=told["pid"]), *_see(place))
    return replace(result, data={**result.data, **told}, messages=messages)


def tell(context: Context, place: Place, verb: str) -> None:
    """Have the manager do it; with `Type=notify` a start has ended when HTTP answers. Raises `Failed` or `Refused`."""
    if place.scope is Scope.USER:
        systemd.await_user_manager()
    before = _state(place)
    if verb != "stop" and before["ActiveState"] == "failed":
        # Five failed starts keep it down for the rest of the minute, also for whoever asks, unless they are forgotten.
        _systemctl(context, place, "reset-failed")
    done = _systemctl(context, place, verb)
    if done.code == 0:
        return
    after = _state(place)
    if place.scope is Scope.SYSTEM and not elevated.is_root() and after["InvocationID"] == before["InvocationID"]:
        # systemctl would have begun something; sudo says no with the same code that systemctl fails with.
        raise elevated.refused(systemctl(place.scope, verb, place.unit), done.code)
    if verb != "stop" and after["ActiveState"] != "active":
        raise why_not(place)
    raise Failed.of(
        "not-told",
        msg("systemctl {verb} failed: {reason}", verb=verb, reason=done.last_line),
        msg("{command}", command=command_for(place, "service status", whoami.user_name())),
    )


def tried(place: Place, verb: str) -> Result:
    """What `verb` would do, for a dry run."""
    argv = systemctl(place.scope, verb, place.unit)
    shown = argv if place.scope is Scope.USER or elevated.is_root() else elevated.sudo(*argv)
    step = msg("run {argv}", argv=shlex.join(shown))
    data = {"instance": place.instance, "unit": place.unit, "changed": False, "steps": [str(step)]}
    return Result(f"service {verb}", data, (msg("This would be done:"), msg("  {step}", step=step)))


def running(place: Place) -> dict[str, Any]:
    """The unit's main process, and the URL that it serves where this user may ask."""
    said = systemd.properties(place.scope, place.unit, "MainPID")
    pid = int(said.get("MainPID") or 0)
    if place.user != whoami.user_name():
        return {"pid": pid}
    status = machine.client(place.layout, place.instance).status()
    return {"pid": pid, "url": status["url"]} if status else {"pid": pid}


def is_active(place: Place) -> bool:
    """Whether it runs."""
    return _state(place)["ActiveState"] == "active"


def _state(place: Place) -> dict[str, str]:
    return {"ActiveState": "", "InvocationID": "", **systemd.properties(place.scope, place.unit, "ActiveState", "InvocationID")}


def _systemctl(context: Context, place: Place, verb: str) -> programs.Done:
    argv = systemctl(place.scope, verb, place.unit)
    return elevated.as_root(context, *argv) if place.scope is Scope.SYSTEM else programs.call(argv)


def _see(place: Place) -> tuple[Message, ...]:
    """Where its URLs are told: to its user alone."""
    if place.user != whoami.user_name():
        return ()
    return (msg("Its URLs: {command}", command=own_command(place.instance, "urls")),)
