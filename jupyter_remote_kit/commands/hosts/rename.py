"""`jupyter remotekit hosts rename`: another name for a host, and for the URLs of its servers."""

from __future__ import annotations

import click

from jupyter_remote_kit.commands.context import Context, Parsed, dry_run_option, plain_command
from jupyter_remote_kit.commands.hostname import KNOWN_HOST
from jupyter_remote_kit.commands.hosts.reporting import edited, main_url_name, told
from jupyter_remote_kit.messages import marked, msg
from jupyter_remote_kit.plan import hostnames
from jupyter_remote_kit.plan.addressbook import AddressBook, KnownHost, unknown
from jupyter_remote_kit.result import Result


@plain_command("rename", marked("Give a host another name; the URLs of its servers change with it."))
@click.argument("old", type=KNOWN_HOST, metavar="OLD")
@click.argument("new", type=Parsed("name", hostnames.parse), metavar="NEW")
@dry_run_option
def command(context: Context, old: str, new: str, dry_run: bool) -> Result:
    """Its ports of this machine stay the same."""

    def renaming(book: AddressBook) -> tuple[AddressBook, KnownHost]:
        known = book.find(old)
        # The second time there is the new name alone.
        after = book.renamed(known.name, new) if known else book
        entry = after.find(new)
        if entry is None:
            raise unknown(old)
        return after, entry

    known, differs = edited(renaming, dry_run=dry_run)
    words = {"name": known.name, "host": str(known.target), "url": main_url_name(known)}
    sentences = (
        msg("{host} is called {name} from now on, and {url} in URLs.", **words),
        msg("{host} would be called {name}, and {url} in URLs.", **words),
        msg("Nothing to do: {host} is called {name} already.", **words),
    )
    return told("rename", known, sentences, differs=differs, dry_run=dry_run)
