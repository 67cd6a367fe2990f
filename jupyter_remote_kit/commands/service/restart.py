"""`jupyter remotekit service restart`: after an upgrade, or a change that waits for it."""

from __future__ import annotations

from jupyter_remote_kit.commands import init, serving
from jupyter_remote_kit.commands.context import Context, dry_run_option, kit_command
from jupyter_remote_kit.commands.options import PasswordSource
from jupyter_remote_kit.commands.service import agent, starting
from jupyter_remote_kit.commands.service.finding import installed, place_options, whose
from jupyter_remote_kit.host import instances, paths, whoami
from jupyter_remote_kit.messages import marked, msg
from jupyter_remote_kit.plan.answers import Answers
from jupyter_remote_kit.result import Result


@kit_command("restart", marked("Stop it and start it again; kernels end."))
@place_options
@dry_run_option
def command(context: Context, instance: str, system: bool, run_as: str | None, dry_run: bool) -> Result:
    """Whether or not it runs, it has been started anew when this returns."""
    user = whose(run_as, system=system)
    agent.check_verb(instance, "restart")
    place = installed(instance, user, system=system)
    if dry_run:
        return starting.tried(place, "restart")
    if place.user == whoami.user_name():
        _look(context, instance)
    starting.tell(context, place, "restart")
    told = starting.running(place)
    messages = (msg("{unit} is running as process {pid}.", unit=place.unit, pid=told["pid"]),)
    return Result("service restart", {"instance": instance, "unit": place.unit, **told, "changed": True}, messages)


def _look(context: Context, instance: str) -> None:
    """Raises `RemoteKitError` for what would refuse the server that is to come, while the one that runs still has its kernels."""
    instances.require(paths.layout(), instance)
    serving.check(init.prepare(context, Answers(instance), PasswordSource(), ask=False))
