"""The address book as a file: JSON that its user may edit, so whatever is in it is held to the same grammars as a command line."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from typing import Any

from jupyter_remote_kit import grammar, invocation
from jupyter_remote_kit.errors import Refused, RemoteKitError
from jupyter_remote_kit.messages import Message, msg
from jupyter_remote_kit.plan import hostnames, remotepaths, target
from jupyter_remote_kit.plan.addressbook import DEFAULTS, AddressBook, KnownHost, Options

VERSION = 1
_KEYS = frozenset({"name", "target", "options", "ports", "kit", "far_ports"})
_SWITCHES = frozenset({"allow_root", "browser", "login_profile"})
_WORDS: Mapping[str, Callable[[str], str]] = {
    "project_dir": remotepaths.project_dir,
    "python": remotepaths.python,
    "env": remotepaths.environment,
    "instance": grammar.instance_name,
}


def render(book: AddressBook) -> bytes:
    """The file."""
    record = {"version": VERSION, "hosts": [_record(known) for known in book.hosts]}
    # What a host has said of itself may be no text; `json.loads` reads it back.
    return (json.dumps(record, indent=2, ensure_ascii=False) + "\n").encode(errors="surrogatepass")


def parse(data: bytes) -> AddressBook:
    """The book in a file. Raises `Refused`, whose sentence begins where the file's name ends."""
    try:
        record = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise _broken(msg("not valid JSON: {reason}", reason=error)) from None
    if not isinstance(record, dict) or not isinstance(record.get("hosts"), list):
        raise _broken(msg("there is no list of hosts in it"))
    if record.get("version") != VERSION:
        raise Refused.of(
            "hosts-version",
            msg("it was written by another version of jupyter-remote-kit ({version!r})", version=record.get("version")),
            msg("Use the newest version: {command}", command=invocation.upgrade()),
        )
    book = AddressBook()
    for number, row in enumerate(record["hosts"], 1):
        try:
            known = _with_own_label(_known_host(row), book)
            book.check_free(known.label or known.name)
        except RemoteKitError as error:
            raise _broken(msg("host {number}: {problem}", number=number, problem=error.problems[0].message)) from None
        book = AddressBook((*book.hosts, known))
    return book


def _broken(message: Message) -> Refused:
    return Refused.of("hosts-broken", message)


def _known_host(row: object) -> KnownHost:
    """One entry. Raises `RemoteKitError`. A kit that no host could have told of is forgotten: it is looked for again."""
    if not isinstance(row, dict):
        raise _broken(msg("it is no object"))
    strange = row.keys() - _KEYS
    if strange:
        # A slip of the pen would be lost with the next `connect`.
        raise _broken(msg("nothing is called {key!r} there", key=min(strange)))
    name, place, kit = (row.get(key) for key in ("name", "target", "kit"))
    if not isinstance(name, str) or not isinstance(place, str):
        raise _broken(msg("it has no name, or no target"))
    return KnownHost(
        name=hostnames.parse(name),
        target=target.parse(place),
        options=_options(row.get("options", {})),
        ports=_ports(row.get("ports", {})),
        kit=kit if isinstance(kit, str) and remotepaths.is_kit(kit) else None,
        far_ports=_ports(row.get("far_ports", {})),
    )


def _with_own_label(known: KnownHost, book: AddressBook) -> KnownHost:
    """The host, with a label of its own where the one of its name is another's: earlier versions let both have their names."""
    if any(host.name == known.name for host in book.hosts) or book.is_free(known.name):
        return known
    return replace(known, label=hostnames.own_label(known.name))


def _options(row: object) -> Options:
    if not isinstance(row, dict):
        raise _broken(msg("its options are no object"))
    for key, value in row.items():
        if key in _SWITCHES and isinstance(value, bool):
            continue
        if key not in _WORDS or not isinstance(value, str):
            raise _broken(msg("its option {key!r} cannot be {value!r}", key=key, value=value))
        _WORDS[key](value)
    return Options(**row)


def _ports(row: object) -> dict[str, int]:
    if not isinstance(row, dict):
        raise _broken(msg("its ports are no object"))
    return {grammar.instance_name(name): grammar.port(str(port)) for name, port in row.items()}


def _record(known: KnownHost) -> dict[str, Any]:
    """An entry in the file: what says nothing is left out."""
    options = {key: value for key, value in asdict(known.options).items() if value != getattr(DEFAULTS, key)}
    rest = {"options": options, "ports": dict(known.ports), "far_ports": dict(known.far_ports), "kit": known.kit}
    return {"name": known.name, "target": str(known.target), **{key: value for key, value in rest.items() if value}}
