"""`jupyter remotekit trust`: a laptop trusts a host's private authority, which it fetches over ssh; a host shows its own."""

from __future__ import annotations

from typing import Any

import click

from jupyter_remote_kit import invocation
from jupyter_remote_kit.commands.connecting import wishing
from jupyter_remote_kit.commands.context import Context, Parsed, dry_run_option, one_of, option, plain_command, yes_option
from jupyter_remote_kit.commands.hostname import HOST
from jupyter_remote_kit.commands.hosts.wish import where_options
from jupyter_remote_kit.errors import WrongUsage
from jupyter_remote_kit.host import paths
from jupyter_remote_kit.messages import marked, msg
from jupyter_remote_kit.plan.authority import digest_of
from jupyter_remote_kit.result import Result

# What says how a host is asked, and how this machine is changed.
_OF_ASKING = ("--python", "--env", "--project-dir", "--fingerprint")
_OF_CHANGING = ("--no-system", "--dry-run")


@plain_command("trust", marked("On the laptop: trust the private certificate authority of a host, in its browsers and its system."))
@click.argument("host", type=HOST, required=False, metavar="[USER@]HOST")
@where_options
@option("--here", is_flag=True, help=marked("On the host: show its own authority, to compare."))
@option("--remove", is_flag=True, help=marked("Trust it no more; the host need not be there."))
@option(
    "--fingerprint",
    type=Parsed("fingerprint", digest_of),
    metavar="SHA256",
    help=marked("Trust it only with this fingerprint; with --yes, also for names that do not seem to be the host's."),
)
@option("--no-system", is_flag=True, help=marked("Leave the system's store alone, which is root's."))
@yes_option
@dry_run_option
def command(context: Context, host: str | None, here: bool, remove: bool, **said: Any) -> Result:
    """See who asks, and for what."""
    one_of(("--here", here), ("--remove", remove))
    one_of(("--here", here), ("HOST", host))
    for others, first in ((_OF_ASKING + _OF_CHANGING, ("--here", here)), ((*_OF_ASKING, "--instance"), ("--remove", remove))):
        for name in others:
            one_of(first, (name, said[name[2:].replace("-", "_")]))
    if here:
        from jupyter_remote_kit.commands import ownauthority  # either brings cryptography, which takes 60 ms

        return ownauthority.show(paths.layout(), said["instance"])
    if host is None:
        raise WrongUsage.of(
            "host-missing",
            msg("There is no host in this command line."),
            msg(
                "Name it as ssh does: {trust} USER@HOST; on the host itself: {trust} --here",
                trust=invocation.command("trust"),
            ),
        )
    from jupyter_remote_kit.commands import trusting

    asking = trusting.Asking(
        yes=said.pop("yes"),
        dry_run=said.pop("dry_run"),
        system=not said.pop("no_system"),
        instance=said["instance"],
        digest=said.pop("fingerprint"),
    )
    if not (asking.yes or asking.dry_run or context.interactive):
        raise WrongUsage.of("yes-missing", msg("Whom to trust is to be confirmed, and there is no terminal to ask."), msg("Add --yes"))
    wish = wishing.wish_of(paths.layout(), host, said)
    return trusting.remove(context, wish, asking) if remove else trusting.install(context, wish, asking)
