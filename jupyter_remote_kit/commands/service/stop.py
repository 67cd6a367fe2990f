"""`jupyter remotekit service stop`: stop it; its kernels have 30 s to end."""

from __future__ import annotations

from jupyter_remote_kit.commands.context import Context, dry_run_option, kit_command
from jupyter_remote_kit.commands.service import agent, starting
from jupyter_remote_kit.commands.service.finding import installed, place_options, whose
from jupyter_remote_kit.host import systemd, whoami
from jupyter_remote_kit.messages import marked, msg
from jupyter_remote_kit.plan.service import command_for
from jupyter_remote_kit.result import Result


@kit_command("stop", marked("Stop it; kernels have 30 s to end."))
@place_options
@dry_run_option
def command(context: Context, instance: str, system: bool, run_as: str | None, dry_run: bool) -> Result:
    """It starts again at the next boot."""
    user = whose(run_as, system=system)
    agent.check_verb(instance, "stop")
    place = installed(instance, user, system=system)
    data = {"instance": instance, "unit": place.unit}
    if systemd.properties(place.scope, place.unit, "ActiveState").get("ActiveState") in {"inactive", "failed"}:
        return Result("service stop", {**data, "changed": False}, (msg("Nothing to do: {unit} is not running.", unit=place.unit),))
    if dry_run:
        return starting.tried(place, "stop")
    starting.tell(context, place, "stop")
    again = msg(
        "It starts again at the next boot; to end that: {command}", command=command_for(place, "service uninstall", whoami.user_name())
    )
    return Result("service stop", {**data, "changed": True}, (msg("{unit} is stopped.", unit=place.unit), again))
