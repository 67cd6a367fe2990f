"""The address and the port of the user's own configuration, where the instance is served on others: named, since they have no effect."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator
from pathlib import Path

from jupyter_remote_kit import grammar
from jupyter_remote_kit.errors import Problem, WrongUsage
from jupyter_remote_kit.messages import msg
from jupyter_remote_kit.plan.answers import ALL_INTERFACES, WILDCARDS, is_loopback
from jupyter_remote_kit.plan.assignments import UNKNOWN, Assignment, assignments
from jupyter_remote_kit.plan.commandline import own_command
from jupyter_remote_kit.plan.facts import ConfigText
from jupyter_remote_kit.plan.userconfig import SERVER_SECTIONS
from jupyter_remote_kit.settings import Access, Settings

_NAMES = {"localhost": "127.0.0.1"}


def overridden(texts: Iterable[ConfigText], settings: Settings) -> Iterator[Problem]:
    """One finding for each of `ip` and `port` that says another thing than the instance; of several files the one that counts last."""
    last: dict[str, tuple[Path, Assignment]] = {}
    for text in texts:
        last |= {found.trait: (text.path, found) for found in _of_file(text)}
    for trait, ours in (("ip", settings.ip), ("port", settings.port)):
        if trait not in last:
            continue
        path, found = last[trait]
        if found.value is not UNKNOWN and _same(found.value) != _same(ours):
            yield Problem(
                f"{trait}-overridden",
                msg(
                    "{path}, line {line}: ServerApp.{trait} is {theirs!r} here; this instance is served on {ours!r}.",
                    path=path,
                    line=found.line,
                    trait=trait,
                    theirs=found.value,
                    ours=ours or ALL_INTERFACES,
                ),
                msg("To serve there: {command}", command=own_command(settings.instance, _option(trait, found.value, settings))),
            )


def _of_file(text: ConfigText) -> list[Assignment]:
    try:
        found = [row for row in assignments(text) if row.section in SERVER_SECTIONS and row.trait in {"ip", "port"}]
    # What cannot be parsed is a finding of `userconfig`.
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return []
    return sorted(found, key=lambda row: row.line)


def _same(value: object) -> object:
    """A value as jupyter_server understands it: several words stand for all interfaces, and a name for the loopback."""
    if not isinstance(value, str):
        return value
    return ALL_INTERFACES if value in WILDCARDS else _NAMES.get(value, value)


def _option(trait: str, value: object, settings: Settings) -> str:
    """The option of `init` that says the same, or its help where no option can."""
    if trait == "port":
        return f"init --port {value}" if type(value) is int and 0 < value <= grammar.MAX_PORT else "init --help"
    address = _same(value)
    try:
        text = str(grammar.address(str(address)))
    except WrongUsage:
        return "init --help"
    beyond = settings.access is not Access.LAN and not is_loopback(text)
    return f"init {'--access lan ' if beyond else ''}--ip {shlex.quote(text)}"
