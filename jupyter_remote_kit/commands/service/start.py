"""`jupyter remotekit service start`: start it, and wait until it answers."""

from __future__ import annotations

from jupyter_remote_kit.commands.context import Context, kit_command
from jupyter_remote_kit.commands.service import starting
from jupyter_remote_kit.commands.service.finding import installed, system_option
from jupyter_remote_kit.host import systemd
from jupyter_remote_kit.messages import marked, msg
from jupyter_remote_kit.result import Result


@kit_command("start", marked("Start it, and wait until it answers."))
@system_option
def command(context: Context, instance: str, system: bool) -> Result:
    """A service that runs already is left alone."""
    place = installed(instance, "start", system=system)
    data = {"instance": instance, "unit": place.unit}
    if systemd.properties(place.scope, place.unit, "ActiveState").get("ActiveState") == "active":
        told = starting.running(place)
        nothing = msg("Nothing to do: {unit} is running as process {pid}.", unit=place.unit, pid=told["pid"])
        return Result("service start", {**data, **told, "changed": False}, (nothing,))
    return starting.start(context, place, Result("service start", {**data, "changed": True}))
