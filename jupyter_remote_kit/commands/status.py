"""`jupyter remotekit status`: what is."""

from __future__ import annotations

from typing import Any

from jupyter_remote_kit.commands import machine
from jupyter_remote_kit.commands.context import Context, kit_command
from jupyter_remote_kit.host import instances, paths
from jupyter_remote_kit.messages import marked, msg
from jupyter_remote_kit.result import Result


@kit_command("status", marked("Show the current state: the server, how it is reached, and what the policy finds."))
def command(context: Context, instance: str) -> Result:
    """Ask the running server; without one, say what is configured."""
    layout = paths.layout()
    running = machine.client(layout, instance).status()
    if running is None:
        configured = instances.load(layout, instance)
        data: dict[str, Any] = {"instance": instance, "running": False, "configured": configured is not None}
        if configured is None:
            return Result("status", data, (msg("There is no instance {name!r} yet.", name=instance),))
        settings = configured.settings
        data |= {"access": settings.access.value, "scheme": settings.scheme, "port": settings.port, "root_dir": str(settings.root_dir)}
        configured_rows = (
            (msg("Access"), settings.access.value),
            (msg("Port"), str(settings.port)),
            (msg("Root directory"), str(settings.root_dir)),
        )
        return Result("status", data, (msg("The instance {name!r} is not running.", name=instance),), configured_rows)
    posture = running["posture"]
    rows = (
        (msg("Instance"), instance),
        (msg("Process"), str(running["pid"])),
        (msg("Since"), running["started"]),
        (msg("URL"), running["url"]),
        (msg("Access"), posture["access"] or "-"),
        (msg("Kernels"), str(running["kernels"])),
        (msg("Language"), running["language"] or "-"),
    )
    return Result(
        "status", {"running": True, "configured": True, **running}, (), rows, problems=machine.finding_problems(posture["findings"])
    )
