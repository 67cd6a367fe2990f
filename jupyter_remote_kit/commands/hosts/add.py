"""`jupyter remotekit hosts add`: a host, with what `connect` is to do there."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import click

from jupyter_remote_kit.commands.context import Context, Parsed, dry_run_option, option, plain_command
from jupyter_remote_kit.commands.hostname import HOST
from jupyter_remote_kit.commands.hosts.reporting import edited, told
from jupyter_remote_kit.commands.hosts.wish import laid_over, wish_options
from jupyter_remote_kit.messages import marked, msg
from jupyter_remote_kit.plan import hostnames, target
from jupyter_remote_kit.plan.addressbook import AddressBook, KnownHost, local_name
from jupyter_remote_kit.result import Result


@plain_command("add", marked("Add a host, with what connect is to do there."))
@click.argument("host", type=HOST, metavar="[USER@]HOST")
@option(
    "--name",
    type=Parsed("name", hostnames.parse),
    metavar="NAME",
    help=marked("What it is called here, and in URLs; by default its own name."),
)
@wish_options
@dry_run_option
def command(context: Context, host: str, name: str | None, dry_run: bool, **said: Any) -> Result:
    """One that is there already keeps what is not said."""

    def adding(book: AddressBook) -> tuple[AddressBook, KnownHost]:
        known = _known(book, host, name)
        entry = replace(known, options=laid_over(known.options, said))
        return book.with_host(entry), entry

    known, differs = edited(adding, dry_run=dry_run)
    words = {"name": known.name, "host": str(known.target)}
    sentences = (
        msg("{name} stands for {host} from now on.", **words),
        msg("{name} would stand for {host}.", **words),
        msg("Nothing to do: {name} stands for {host} already, with these options.", **words),
    )
    return told("add", known, sentences, differs=differs, dry_run=dry_run)


def _known(book: AddressBook, host: str, name: str | None) -> KnownHost:
    """The entry that is meant, or a new one. Raises `Failed` where another host has that name."""
    meant = target.parse(host)
    if name is None:
        return book.find(host) or book.find(str(meant)) or KnownHost(local_name(meant, book), meant)
    named = next((known for known in book.hosts if known.name == name and known.target == meant), None)
    if named is None:
        book.check_free(name)
    return named or KnownHost(name, meant)
