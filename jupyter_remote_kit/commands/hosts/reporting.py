"""How the address book is changed, and how a host of it is shown."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import asdict
from typing import Any, TypeVar

from jupyter_remote_kit.host import addressbook, paths
from jupyter_remote_kit.messages import Message
from jupyter_remote_kit.plan.addressbook import DEFAULTS, AddressBook, KnownHost, Options, url_name
from jupyter_remote_kit.plan.remoteserver import instance_for
from jupyter_remote_kit.plan.terminal import printable
from jupyter_remote_kit.result import Result

Entry = TypeVar("Entry")


def edited(function: Callable[[AddressBook], tuple[AddressBook, Entry]], *, dry_run: bool) -> tuple[Entry, bool]:
    """Put in place the book that `function` makes, unless nothing is to be done. The entry that it names, and whether the book differs.

    Raises as `host.addressbook.change`.
    """
    layout = paths.layout()
    outcomes: list[tuple[Entry, bool]] = []

    def watched(book: AddressBook) -> AddressBook:
        after, entry = function(book)
        outcomes.append((entry, after != book))
        return after

    if dry_run:
        watched(addressbook.load(layout))
    else:
        addressbook.change(layout, watched)
    return outcomes[0]


def told(verb: str, known: KnownHost, sentences: tuple[Message, Message, Message], *, differs: bool, dry_run: bool) -> Result:
    """The result about one host: `sentences` say that it was done, would be done, and that nothing was to do."""
    done, would, nothing = sentences
    message = nothing if not differs else would if dry_run else done
    return Result(f"hosts {verb}", {"host": as_data(known), "changed": differs and not dry_run}, (message,))


def as_data(known: KnownHost) -> dict[str, Any]:
    """A host as JSON has it; the URL's name is that of the server which `connect` would make without further options."""
    return {
        "name": known.name,
        "target": str(known.target),
        "url_name": main_url_name(known),
        "options": asdict(known.options),
        "ports": dict(known.ports),
        "kit": known.kit,
    }


def main_url_name(known: KnownHost) -> str:
    """The name in the URL of the server that `connect` means without further options."""
    return url_name(known, known.options.instance or instance_for(known.options.project_dir))


def option_words(options: Options) -> str:
    """What differs from the defaults, as `hosts set` takes it; `-` for nothing."""
    words = []
    for key, value in asdict(options).items():
        name = key.replace("_", "-")
        if value == getattr(DEFAULTS, key):
            continue
        words += [f"--{name}" if value else f"--no-{name}"] if isinstance(value, bool) else [f"--{name}", shlex.quote(printable(value))]
    return " ".join(words) or "-"
