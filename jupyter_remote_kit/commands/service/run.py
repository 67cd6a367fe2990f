"""`jupyter remotekit service run`: what a unit starts. `up` without a question, for an instance that is there already."""

from __future__ import annotations

from jupyter_remote_kit.commands import elsewhere, init, serving
from jupyter_remote_kit.commands.context import Context, kit_command
from jupyter_remote_kit.commands.init import Prepared
from jupyter_remote_kit.commands.options import PasswordSource
from jupyter_remote_kit.errors import ExitCode, Failed, RemoteKitError, WrongUsage
from jupyter_remote_kit.host import instances, paths, processes
from jupyter_remote_kit.messages import marked, msg
from jupyter_remote_kit.plan.answers import Answers
from jupyter_remote_kit.plan.refusal import format_line
from jupyter_remote_kit.result import Result

# What fails five times within a minute stays down (StartLimitBurst= of the unit): with 5 s between its starts a service tries on.
AWAITS_DISK_S = 15.0
_POLL_S = 1.0
_ON_A_DISK = frozenset({"root-dir-not-writable", "not-found"})


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
    prepared = _prepared(context, instance)
    serving.check(prepared)
    serving.await_address(prepared.settings.ip, serving.SERVICE_AWAITS_ADDRESS_S, lambda sentence: context.remark(context.say(sentence)))
    serving.check_port(prepared.settings.ip, prepared.settings.port)
    init.write(prepared)
    serving.check_exposed(prepared)
    return serving.launch_of(prepared)


def _prepared(context: Context, instance: str) -> Prepared:
    """What is to be served. A root directory, or a certificate of one's own, may be on a disk that is mounted after services start."""

    def at_once() -> Prepared:
        return init.prepare(context, Answers(instance=instance), PasswordSource(), ask=False)

    def once_it_is_there() -> Prepared | None:
        try:
            return at_once()
        except Failed as error:
            if any(row.code not in _ON_A_DISK for row in error.problems):
                raise
            return None

    found = once_it_is_there()
    if found is None:
        context.remark(
            context.say(msg("The root directory or the certificate of {instance!r} is not there yet: waiting.", instance=instance))
        )
        found = processes.wait_for(once_it_is_there, AWAITS_DISK_S, _POLL_S)
    return found or at_once()
