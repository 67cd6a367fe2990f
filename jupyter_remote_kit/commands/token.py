"""`jupyter remotekit token`: rotate the token; every session ends."""

from __future__ import annotations

from dataclasses import replace

import click

from jupyter_remote_kit.commands import machine
from jupyter_remote_kit.commands.context import Context, dry_run_option, kit_command, one_of, option, yes_option
from jupyter_remote_kit.errors import WrongUsage
from jupyter_remote_kit.host import instances, passwords, paths
from jupyter_remote_kit.messages import Message, marked, msg
from jupyter_remote_kit.result import Result


@kit_command("token", marked("Rotate the token; every session ends."))
@option("--show", is_flag=True, help=marked("Show the current token, and change nothing."))
@yes_option
@dry_run_option
def command(context: Context, instance: str, show: bool, yes: bool, dry_run: bool) -> Result:
    """Make a new token and show it: that is what this command is for."""
    one_of(("--show", show), ("--dry-run", dry_run))
    if not (show or yes or dry_run or context.interactive):
        raise WrongUsage.of(
            "yes-missing", msg("Rotating the token ends every session, and there is no terminal to ask whether to."), msg("Add --yes")
        )
    found = instances.require(paths.layout(), instance)
    if show:
        token = found.credentials.token.reveal()
        return Result("token", {"instance": instance, "token": token, "changed": False}, rows=((msg("Token"), token),))
    if dry_run:
        return Result("token", {"instance": instance, "changed": False}, (msg("The token would be changed."),))
    machine.check_changeable(found)
    if not yes and not click.confirm(context.say(msg("Rotate the token, and end every session?")), err=True):
        raise click.Abort
    fresh = passwords.generate_token()
    ended = machine.change_credentials(
        found, replace(found.credentials, token=fresh), machine.gather(found.settings, own_certificate=False)
    )
    messages: tuple[Message, ...] = (msg("The token has been changed."),)
    if ended:
        messages += (msg("Every session has ended; sign in again with the password or the new token."),)
    data = {"instance": instance, "token": fresh.reveal(), "changed": True, "sessions_ended": ended}
    return Result("token", data, messages, rows=((msg("Token"), fresh.reveal()),))
