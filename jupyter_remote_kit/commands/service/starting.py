"""Start, stop and restart, each waited for, by systemctl and, for a unit of the machine, through sudo."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from jupyter_remote_kit.commands import machine
from jupyter_remote_kit.commands.context import Context
from jupyter_remote_kit.commands.service import elevated
from jupyter_remote_kit.commands.service.finding import why_not
from jupyter_remote_kit.errors import Failed
from jupyter_remote_kit.host import logind, programs, systemd
from jupyter_remote_kit.messages import msg
from jupyter_remote_kit.plan.commandline import own_command
from jupyter_remote_kit.plan.service import Place
from jupyter_remote_kit.plan.serviceplan import systemctl
from jupyter_remote_kit.plan.units import Scope
from jupyter_remote_kit.result import Result


def start(context: Context, place: Place, result: Result) -> Result:
    """Start it, and add to `result` that it answers. Raises why it does not."""
    tell(context, place, "start")
    told = running(place)
    messages = (*result.messages, msg("{unit} is running as process {pid}.", unit=place.unit, pid=told["pid"]), _see(place))
    return replace(result, data={**result.data, **told}, messages=messages)


def tell(context: Context, place: Place, verb: str) -> None:
    """Have the manager do it; with `Type=notify` a start has ended when HTTP answers. Raises `Failed` or `Refused`."""
    if verb != "stop" and _state(place, "ActiveState") == "failed":
        # Five failed starts keep it down for the rest of the minute, also for whoever asks, unless they are forgotten.
        _systemctl(context, place, "reset-failed")
    done = _systemctl(context, place, verb)
    if done.code == 0:
        return
    if verb != "stop" and _state(place, "ActiveState") != "active":
        raise why_not(place)
    raise Failed.of(
        "not-told",
        msg("systemctl {verb} failed: {reason}", verb=verb, reason=done.last_line),
        msg("{command}", command=own_command(place.instance, "service status")),
    )


def running(place: Place) -> dict[str, Any]:
    """The unit's main process, and the URL that it serves where this user may ask."""
    said = systemd.properties(place.scope, place.unit, "MainPID", "ActiveState")
    pid = int(said.get("MainPID") or 0)
    if place.user != logind.user_name():
        return {"pid": pid}
    status = machine.client(place.layout, place.instance).status()
    return {"pid": pid, "url": status["url"]} if status else {"pid": pid}


def _state(place: Place, name: str) -> str:
    return systemd.properties(place.scope, place.unit, name).get(name, "")


def _systemctl(context: Context, place: Place, verb: str) -> programs.Done:
    argv = systemctl(place.scope, verb, place.unit)
    return elevated.as_root(context, *argv) if place.scope is Scope.SYSTEM else programs.call(argv)


def _see(place: Place) -> Any:  # noqa: ANN401
    return msg("Its URLs: {command}", command=own_command(place.instance, "urls"))
