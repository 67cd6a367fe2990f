"""`jupyter remotekit service run`: what a unit starts. `up` without a question, for an instance that is there already."""

from __future__ import annotations

from jupyter_remote_kit.commands import elsewhere, init, serving
from jupyter_remote_kit.commands.context import Context, kit_command
from jupyter_remote_kit.commands.options import PasswordSource
from jupyter_remote_kit.errors import ExitCode, RemoteKitError, WrongUsage
from jupyter_remote_kit.host import instances, paths, processes
from jupyter_remote_kit.messages import marked, msg
from jupyter_remote_kit.plan.answers import Answers
from jupyter_remote_kit.plan.refusal import format_line
from jupyter_remote_kit.result import Result


@kit_command("run", marked("Serve in the foreground, as the unit does."))
def command(context: Context, instance: str) -> Result:
    """Become the server. What keeps it from serving is told in lines that `service start` finds in the journal."""
    try:
        launch = _ready(context, instance)
    except RemoteKitError as error:
        if context.as_json:
            raise
        lines = (format_line(row.code, context.say(row.message), context.say(row.hint) if row.hint else None) for row in error.problems)
        told = tuple(msg("{text}", text=line) for line in lines)
        # Whoever wrote the unit is not there to mend a command line: that it cannot be used is this machine's state.
        code = ExitCode.REFUSED if isinstance(error, WrongUsage) else error.exit_code
        return Result("service run", {"instance": instance}, told, exit_code=code)
    return processes.exec_server(launch)


def _ready(context: Context, instance: str) -> processes.Launch:
    """Check everything, renew what ages, and say how the server is started."""
    layout = paths.layout()
    instances.require(layout, instance)
    elsewhere.check(layout, instance)
    prepared = init.prepare(context, Answers(instance=instance), PasswordSource(), ask=False)
    serving.check(prepared)
    serving.await_address(prepared.settings.ip, serving.SERVICE_AWAITS_ADDRESS_S, lambda sentence: context.remark(context.say(sentence)))
    serving.check_port(prepared.settings.ip, prepared.settings.port)
    init.write(prepared)
    serving.check_exposed(prepared)
    return serving.launch_of(prepared)
