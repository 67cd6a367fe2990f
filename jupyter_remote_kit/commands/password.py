"""`jupyter remotekit password`: change the password; every session ends."""

from __future__ import annotations

from dataclasses import replace

from jupyter_remote_kit.commands import init, machine
from jupyter_remote_kit.commands.context import Context, dry_run_option, kit_command, one_of, option
from jupyter_remote_kit.commands.options import PasswordSource
from jupyter_remote_kit.errors import WrongUsage
from jupyter_remote_kit.host import instances, passwords, paths
from jupyter_remote_kit.messages import Message, marked, msg
from jupyter_remote_kit.plan.commandline import own_command
from jupyter_remote_kit.plan.passwords import check_password
from jupyter_remote_kit.result import Result
from jupyter_remote_kit.secret import Secret


@kit_command("password", marked("Change the password; every session ends."))
@option("--password-stdin", is_flag=True, help=marked("Read the password from standard input."))
@option("--generate-password", is_flag=True, help=marked("Make a password and print it once."))
@dry_run_option
def command(context: Context, instance: str, password_stdin: bool, generate_password: bool, dry_run: bool) -> Result:
    """Take the new password from a prompt, from standard input, or make one."""
    one_of(("--password-stdin", password_stdin), ("--generate-password", generate_password))
    source = PasswordSource(password_stdin, generate_password)
    if not source.named and not context.interactive:
        raise WrongUsage.of(
            "password-option-missing",
            msg("A password is needed, and there is no terminal to ask for one."),
            msg("Add --generate-password, or pipe it in with --password-stdin"),
        )
    found = instances.require(paths.layout(), instance)
    if not dry_run:
        machine.check_changeable(found)
    facts = machine.gather(found.settings, own_certificate=False)

    def good(password: Secret) -> None:
        check_password(password, facts.user, facts.names)

    if source.generate:
        password = passwords.generate_password()
    else:
        making = own_command(instance, "password --generate-password")
        password = source.read_stdin(making) if source.from_stdin else init.ask_password(context, good)
        good(password)
    credentials = replace(found.credentials, hashed_password=passwords.hash_password(password))
    made = password if source.generate else None
    ended = not dry_run and machine.change_credentials(found, credentials, facts, made)
    messages: tuple[Message, ...] = (msg("The password would be changed.") if dry_run else msg("The password has been changed."),)
    data: dict[str, object] = {"instance": instance, "changed": not dry_run, "sessions_ended": ended}
    if ended:
        messages += (msg("Every session has ended; sign in again with the new password."),)
    if generate_password and not dry_run:
        messages += (msg("The password, shown this once: {password}", password=password.reveal()),)
        data["password"] = password.reveal()
    return Result("password", data, messages)
