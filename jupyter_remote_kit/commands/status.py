"""`jupyter remotekit status`: what is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from jupyter_remote_kit.commands import machine
from jupyter_remote_kit.commands.context import Context, kit_command
from jupyter_remote_kit.errors import Problem, RemoteKitError
from jupyter_remote_kit.host import instances, paths, runtimerecord
from jupyter_remote_kit.messages import Message, marked, msg
from jupyter_remote_kit.plan.changes import credentials_waiting, digest, restart_needed, waiting_for_restart
from jupyter_remote_kit.plan.instance import Instance, as_data
from jupyter_remote_kit.plan.layout import Layout
from jupyter_remote_kit.result import Result
from jupyter_remote_kit.settings import Settings


@kit_command("status", marked("Show the current state: the server, how it is reached, and what the policy finds."))
def command(context: Context, instance: str) -> Result:
    """Ask the running server; without one, say what is configured."""
    layout = paths.layout()
    running = machine.client(layout, instance).status()
    if running is None:
        return _not_running(layout, instance)
    posture = running["posture"]
    # What waits for the next start is in it already.
    found = _readable(layout, instance)
    settings = found.settings if found else None
    waiting = _waiting(found, running) if found else ()
    told = {name: value for name, value in running.items() if name != "in_force"}
    data = {"running": True, "configured": True, **told, "settings": as_data(settings) if settings else None}
    rows = (
        (msg("Instance"), instance),
        (msg("Process"), str(running["pid"])),
        (msg("Since"), running["started"]),
        (msg("URL"), running["url"]),
        (msg("Access"), posture["access"] or "-"),
        *(_gate_rows(settings) if settings else ()),
        (msg("Kernels"), str(running["kernels"])),
        (msg("Language"), running["language"] or "-"),
    )
    return Result("status", data, (), rows, problems=(*machine.finding_problems(posture["findings"]), *waiting))


def _waiting(found: Instance, running: Mapping[str, Any]) -> Iterator[Problem]:
    """What the server has otherwise than its file."""
    name = found.settings.instance
    has, credentials = machine.in_force(running, found.settings)
    names = waiting_for_restart(has, found.settings)
    if names:
        from jupyter_remote_kit.host import systemd  # psutil, which `status` is quicker without

        yield restart_needed(name, names, service=systemd.unit_of(running["pid"]) is not None)
    if credentials is not None and credentials != digest(found.credentials):
        yield credentials_waiting(name)


def _not_running(layout: Layout, instance: str) -> Result:
    configured = instances.load(layout, instance)
    data: dict[str, Any] = {"instance": instance, "running": False, "configured": configured is not None}
    if configured is None:
        return Result("status", data, (msg("There is no instance {name!r} yet.", name=instance),))
    settings = configured.settings
    data |= {"access": settings.access.value, "scheme": settings.scheme, "port": settings.port, "root_dir": str(settings.root_dir)}
    data["settings"] = as_data(settings)
    rows = (
        (msg("Access"), settings.access.value),
        (msg("Port"), str(settings.port)),
        (msg("Root directory"), str(settings.root_dir)),
        *_gate_rows(settings),
    )
    return Result("status", data, (_why_not(layout, instance),), rows)


def _why_not(layout: Layout, instance: str) -> Message:
    host = runtimerecord.elsewhere(layout, instance)
    if host is None:
        return msg("The instance {name!r} is not running.", name=instance)
    return msg("The instance {name!r} is not running on this host; {host} has started it.", name=instance, host=host)


def _readable(layout: Layout, instance: str) -> Instance | None:
    """A running instance, whose file may have been broken since it was started: that is for `init` to say."""
    try:
        return instances.load(layout, instance)
    except RemoteKitError:
        return None


def _gate_rows(settings: Settings) -> tuple[tuple[Message, str], ...]:
    """Whom the instance names beyond the defaults of its access."""
    named = (
        (msg("Networks"), settings.allow_networks),
        (msg("Trusted proxies"), settings.trusted_proxies),
    )
    return tuple((label, ", ".join(values)) for label, values in named if values)
