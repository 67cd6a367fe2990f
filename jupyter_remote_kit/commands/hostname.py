"""The arguments that name a host, and what a shell completes them to."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from jupyter_remote_kit.errors import RemoteKitError
from jupyter_remote_kit.plan import target

if TYPE_CHECKING:
    from jupyter_remote_kit.plan.addressbook import KnownHost


class KnownName(click.ParamType):  # type: ignore[type-arg]  # generic since click 8.5 only
    """A host of the address book, by its name or by what ssh is told."""

    name = "known host"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:  # noqa: ANN401
        """The text, as `HostName` has it; whatever is no host is in no book."""
        return _as_meant(value)

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """The names in the address book."""
        return _starting(incomplete, {known.name: str(known.target) for known in _known()})


class HostName(click.ParamType):  # type: ignore[type-arg]  # generic since click 8.5 only
    """A host of the address book by its name, or any that ssh can be told."""

    name = "host"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:  # noqa: ANN401
        """The text, which is safe to be looked up and to be told to ssh. Raises `WrongUsage`."""
        text = _as_meant(value)
        target.parse(text)
        return text

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """The names in the address book, then those of `~/.ssh/config`; behind `user@` the latter alone."""
        user, at, _ = incomplete.rpartition("@")
        of_ssh = {f"{user}{at}{name}": "~/.ssh/config" for name in _of_ssh()}
        return _starting(incomplete, of_ssh if at else {**of_ssh, **{known.name: str(known.target) for known in _known()}})


HOST = HostName()
KNOWN_HOST = KnownName()


def _as_meant(text: str) -> str:
    """A Host of the configuration that looks like a name and a port is meant as it stands there: so ssh takes it."""
    user, at, place = text.rpartition("@")
    if ":" in place and target.is_alias(place) and place in _of_ssh():
        return f"{user}{at}{target.literal(place)}"
    return text


def _of_ssh() -> tuple[str, ...]:
    from jupyter_remote_kit.host import sshconfig  # which few command lines need

    return sshconfig.names()


def _known() -> tuple[KnownHost, ...]:
    from jupyter_remote_kit.host import addressbook, paths  # files and their locks, which nobody but a shell that completes needs here

    # Whoever presses TAB is told nothing; the command itself tells.
    with suppress(RemoteKitError, OSError):
        return addressbook.load(paths.layout()).hosts
    return ()


def _starting(incomplete: str, found: dict[str, str]) -> list[CompletionItem]:
    return [CompletionItem(name, help=meaning) for name, meaning in found.items() if name.startswith(incomplete)]
