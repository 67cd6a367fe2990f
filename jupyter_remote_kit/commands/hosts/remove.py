"""`jupyter remotekit hosts remove`: forget a host."""

from __future__ import annotations

import click

from jupyter_remote_kit.commands.context import Context, dry_run_option, plain_command
from jupyter_remote_kit.commands.hostname import KNOWN_HOST
from jupyter_remote_kit.commands.hosts.reporting import as_data, edited
from jupyter_remote_kit.messages import marked, msg
from jupyter_remote_kit.plan.addressbook import AddressBook, KnownHost
from jupyter_remote_kit.result import Result


@plain_command("remove", marked("Forget a host; what runs there goes on."))
@click.argument("host", type=KNOWN_HOST, metavar="HOST")
@dry_run_option
def command(context: Context, host: str, dry_run: bool) -> Result:
    """Its options and its ports of this machine go with it."""

    def removing(book: AddressBook) -> tuple[AddressBook, KnownHost | None]:
        known = book.find(host)
        return (book.without(known.name) if known else book), known

    gone, differs = edited(removing, dry_run=dry_run)
    data = {"host": as_data(gone) if gone else None, "changed": differs and not dry_run}
    if gone is None:
        return Result("hosts remove", data, (msg("Nothing to do: {host!r} is none of the hosts that this machine knows.", host=host),))
    words = {"name": gone.name, "host": str(gone.target)}
    told = (
        msg("{name} would be forgotten ({host}).", **words)
        if dry_run
        else msg("{name} is forgotten ({host}); what runs there goes on.", **words)
    )
    return Result("hosts remove", data, (told,))
