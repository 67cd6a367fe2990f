"""`jupyter remotekit service start`: start it, and wait until it answers."""

from __future__ import annotations

from jupyter_remote_kit.commands.context import Context, dry_run_option, kit_command
from jupyter_remote_kit.commands.service import agent, starting
from jupyter_remote_kit.commands.service.finding import installed, place_options, whose
from jupyter_remote_kit.messages import marked, msg
from jupyter_remote_kit.result import Result


@kit_command("start", marked("Start it, and wait until it answers."))
@place_options
@dry_run_option
def command(context: Context, instance: str, system: bool, run_as: str | None, dry_run: bool) -> Result:
    """A service that runs already is left alone."""
    user = whose(run_as, system=system)
    agent.check_verb(instance, "start")
    place = installed(instance, user, system=system)
    data = {"instance": instance, "unit": place.unit}
    if starting.is_active(place):
        told = starting.running(place)
        nothing = msg("Nothing to do: {unit} is running as process {pid}.", unit=place.unit, pid=told["pid"])
        return Result("service start", {**data, **told, "changed": False}, (nothing,))
    if dry_run:
        return starting.tried(place, "start")
    return starting.start(context, place, Result("service start", {**data, "changed": True}))
