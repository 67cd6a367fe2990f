"""`jupyter remotekit service restart`: after an upgrade, or a change that waits for it."""

from __future__ import annotations

from jupyter_remote_kit.commands.context import Context, kit_command
from jupyter_remote_kit.commands.service import starting
from jupyter_remote_kit.commands.service.finding import installed, system_option
from jupyter_remote_kit.messages import marked, msg
from jupyter_remote_kit.result import Result


@kit_command("restart", marked("Stop it and start it again; kernels end."))
@system_option
def command(context: Context, instance: str, system: bool) -> Result:
    """Whether or not it runs, it has been started anew when this returns."""
    place = installed(instance, "restart", system=system)
    starting.tell(context, place, "restart")
    told = starting.running(place)
    messages = (msg("{unit} is running as process {pid}.", unit=place.unit, pid=told["pid"]),)
    return Result("service restart", {"instance": instance, "unit": place.unit, **told, "changed": True}, messages)
