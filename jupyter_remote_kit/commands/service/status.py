"""`jupyter remotekit service status`: the unit, and what in it, or in the running server, is out of date."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator, Mapping
from typing import Any

from jupyter_remote_kit.commands.context import Context, kit_command
from jupyter_remote_kit.commands.service import agent
from jupyter_remote_kit.commands.service.finding import installed, not_loaded, place_options, scope_words, whose, why_not
from jupyter_remote_kit.commands.service.making import Made, environment_of, make
from jupyter_remote_kit.errors import Problem, RemoteKitError
from jupyter_remote_kit.host import instances, logind, services, systemd, whoami
from jupyter_remote_kit.messages import Message, marked, msg
from jupyter_remote_kit.plan import snapshot
from jupyter_remote_kit.plan.service import InstallOptions, Place, command_for
from jupyter_remote_kit.plan.unitfile import notes_of
from jupyter_remote_kit.plan.units import Scope
from jupyter_remote_kit.result import Result

_ASKED = (
    "LoadState",
    "ActiveState",
    "SubState",
    "MainPID",
    "NRestarts",
    "ExecMainStatus",
    "StatusText",
    "MemoryCurrent",
)
_UNIT_MEMORY_UNKNOWN = frozenset({"", "[not set]", "18446744073709551615"})


@kit_command("status", marked("Show the unit, and what in it is out of date."))
@place_options
def command(context: Context, instance: str, system: bool, run_as: str | None) -> Result:
    """What systemd says; and, as a check, whether the service's kernels see what a kernel of this shell would see."""
    user = whose(run_as, system=system)
    agent.check_verb(instance, "status")
    place = installed(instance, user, system=system)
    said = systemd.properties(place.scope, place.unit, *_ASKED)
    notes = notes_of(services.content(place.unit_file))
    memory = said.get("MemoryCurrent", "")
    data: dict[str, Any] = {
        "instance": instance,
        "scope": place.scope.value,
        "unit": place.unit,
        "unit_file": str(place.unit_file),
        "profile": notes.profile if notes else None,
        "version": notes.version if notes else None,
        "active": said.get("ActiveState", "unknown"),
        "enabled": place.link.is_symlink(),
        "loaded": said.get("LoadState", "unknown"),
        "pid": int(said.get("MainPID") or 0) or None,
        "restarts": int(said.get("NRestarts") or 0),
        "exit_status": int(said.get("ExecMainStatus") or 0),
        "memory_bytes": None if memory in _UNIT_MEMORY_UNKNOWN else int(memory),
        "status_text": said.get("StatusText") or None,
    }
    rows = (
        (msg("Unit"), place.unit),
        (msg("Scope"), context.say(scope_words(place))),
        (msg("State"), f"{data['active']} ({said.get('SubState', '?')})"),
        (msg("At boot"), context.say(msg("starts") if data["enabled"] else msg("does not start"))),
        (msg("Process"), str(data["pid"] or "-")),
        (msg("Says"), data["status_text"] or "-"),
        (msg("Restarts"), str(data["restarts"])),
        (msg("Memory"), f"{data['memory_bytes'] / 2**20:.0f} MiB" if data["memory_bytes"] is not None else "-"),
        (msg("Profile"), data["profile"] or "-"),
    )
    return Result("service status", data, (), rows, problems=tuple(_problems(place, data)))


def _problems(place: Place, data: Mapping[str, Any]) -> Iterator[Problem]:
    """What keeps it from being there tomorrow, and from seeing what this shell sees."""
    if place.scope is Scope.USER and not systemd.user_manager_runs():
        yield from systemd.no_user_manager().problems
        return
    if data["loaded"] != "loaded":
        yield not_loaded(place, data["loaded"])
    elif data["active"] == "failed":
        yield from why_not(place).problems
    if not data["enabled"]:
        yield _again(place, "not-enabled", msg("{unit} does not start at boot.", unit=place.unit))
    if place.scope is Scope.USER and not logind.lingers(place.user):
        command = f"loginctl enable-linger {shlex.quote(place.user)}"
        yield Problem("lingering", msg("The service ends when you log out: lingering is off."), msg("{command}", command=command))
    made = _as_it_would_be(place)
    if made is not None:
        yield from _differences(place, made, data["pid"])


def _differences(place: Place, made: Made, pid: int | None) -> Iterator[Problem]:
    """Between what is installed, what this shell would install, and what runs."""
    python = str(made.service.program[0])
    if made.difference and python not in (services.content(place.unit_file) or b"").decode(errors="replace"):
        told = msg("The service runs with another interpreter than this one, {python}.", python=python)
        yield _again(place, "other-environment", told)
        return
    if made.difference:
        yield _again(place, "unit-outdated", msg("The unit is another than this version of the kit would write, or was edited."))
    kept = snapshot.parse(services.content(place.environment_file)).variables
    differing = snapshot.differences(kept, made.environment)
    if differing:
        told = msg("The service's environment differs from this shell's in {names}.", names=", ".join(differing))
        yield _again(place, "environment-differs", told)
    if services.newer_than_process(place, pid):
        yield Problem(
            "restart-needed",
            msg("The running service was started before its unit or its environment was last written."),
            msg("{command}", command=command_for(place, "service restart", whoami.user_name())),
        )


def _again(place: Place, code: str, message: Message) -> Problem:
    return Problem(code, message, msg("{command}", command=command_for(place, "service install", whoami.user_name())))


def _as_it_would_be(place: Place) -> Made | None:
    """What `install` would put there now; nothing of another user's, nor where the instance itself is broken, which `up` tells."""
    if place.user != whoami.user_name():
        return None
    try:
        settings = instances.require(place.layout, place.instance).settings
    except RemoteKitError:
        return None
    return make(place, settings.root_dir, InstallOptions(), environment_of(place, os.environ, None))
