"""`jupyter remotekit up`: init if needed, then serve."""

from __future__ import annotations

from typing import Any

from jupyter_remote_kit.commands import handover, machine, running
from jupyter_remote_kit.commands.context import Context, kit_command, one_of, option
from jupyter_remote_kit.commands.options import instance_options, parse
from jupyter_remote_kit.host import paths
from jupyter_remote_kit.messages import marked
from jupyter_remote_kit.result import Result


@kit_command("up", marked("Serve JupyterLab; run init first if needed."))
@instance_options
@option("--detach", is_flag=True, help=marked("Return when the server answers; it keeps running after you log out."))
@option("--open", "open_browser", is_flag=True, help=marked("Open a browser on this machine, signed in by a one-time ticket."))
@option("--handover", is_flag=True, help=marked("For connect: with --detach and --json, hand over what comes in, the token too."))
def command(context: Context, instance: str, yes: bool, dry_run: bool, **said: Any) -> Result | None:
    """Serve, in the foreground or detached."""
    answers, source = parse(instance, said)
    detach, open_browser, handing_over = said["detach"], said["open_browser"], said["handover"]
    one_of(("--dry-run", dry_run), ("--open", open_browser))
    if handing_over:
        handover.check_options(answers, as_json=context.as_json, detach=detach, dry_run=dry_run, open_browser=open_browser)
    status = _status(instance)
    if status is not None and handing_over and not source.named:
        return handover.of_running(answers, status)
    if status is not None and not (detach or open_browser or dry_run):
        raise running.runs_already(instance, status)
    # With all that looks at a machine and writes to it, which a server that runs has no need of.
    from jupyter_remote_kit.commands.launching import Asked, launch

    ask = context.interactive and not yes
    return launch(context, Asked(answers, source, ask, dry_run, detach, open_browser, handing_over), status)


def _status(instance: str) -> dict[str, Any] | None:
    """The status of the server, of one that is just being started as well; `None` where there is none."""
    status = machine.client(paths.layout(), instance).status()
    if status is not None and status["ready"]:
        return status
    from jupyter_remote_kit.host import starting  # psutil, which a server that answers is found quicker without

    return starting.awaited(paths.layout(), instance)
