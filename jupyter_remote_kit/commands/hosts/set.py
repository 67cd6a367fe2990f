"""`jupyter remotekit hosts set`: what `connect` is to do at a host from now on."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import click

from jupyter_remote_kit import invocation
from jupyter_remote_kit.commands.context import Context, dry_run_option, option, plain_command
from jupyter_remote_kit.commands.hostname import KNOWN_HOST
from jupyter_remote_kit.commands.hosts.reporting import edited, option_words, told
from jupyter_remote_kit.commands.hosts.wish import laid_over, wish_options
from jupyter_remote_kit.errors import WrongUsage
from jupyter_remote_kit.messages import marked, msg
from jupyter_remote_kit.plan.addressbook import DEFAULTS, AddressBook, KnownHost, Options, unknown
from jupyter_remote_kit.result import Result

NAMES = {field.name.replace("_", "-"): field.name for field in fields(Options)}


@plain_command("set", marked("Change what connect is to do at a host."))
@click.argument("host", type=KNOWN_HOST, metavar="HOST")
@wish_options
@option(
    "--default",
    "defaults",
    multiple=True,
    type=click.Choice(tuple(NAMES)),
    metavar="OPTION",
    help=marked("Take one of these options back to its default, such as --default env; may be given several times."),
)
@dry_run_option
def command(context: Context, host: str, defaults: tuple[str, ...], dry_run: bool, **said: Any) -> Result:
    """What is not said stays as it is."""
    back = {NAMES[name]: getattr(DEFAULTS, NAMES[name]) for name in defaults}
    _check(host, back, said)

    def setting(book: AddressBook) -> tuple[AddressBook, KnownHost]:
        known = book.find(host)
        if known is None:
            raise unknown(host)
        entry = replace(known, options=replace(laid_over(known.options, said), **back))
        return book.with_host(entry), entry

    known, differs = edited(setting, dry_run=dry_run)
    words = {"name": known.name, "options": option_words(known.options)}
    sentences = (
        msg("Options of {name} from now on: {options}", **words),
        msg("Options of {name} would be: {options}", **words),
        msg("Nothing to do: these are the options of {name} already: {options}", **words),
    )
    return told("set", known, sentences, differs=differs, dry_run=dry_run)


def _check(host: str, back: dict[str, Any], said: dict[str, Any]) -> None:
    given = [key for key, value in said.items() if value is not None]
    if not given and not back:
        raise WrongUsage.of(
            "nothing-to-set",
            msg("No option was given for {host!r}.", host=host),
            msg("See what there is: {command}", command=invocation.command("hosts set --help")),
        )
    for key in back.keys() & set(given):
        name = key.replace("_", "-")
        raise WrongUsage.of(
            "contradiction",
            msg("{one} does not go with {other}.", one=f"--{name}", other=f"--default {name}"),
            msg("Leave out one of the two"),
        )
