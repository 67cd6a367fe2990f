"""What every command is handed, and the options that all of them share."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, TextIO, TypeVar

import click

from jupyter_remote_kit import grammar
from jupyter_remote_kit.errors import RemoteKitError, WrongUsage
from jupyter_remote_kit.messages import Message, Translate, marked, msg, untranslated
from jupyter_remote_kit.result import Result, Stream
from jupyter_remote_kit.settings import DEFAULT_INSTANCE

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

Decorated = TypeVar("Decorated", bound=Callable[..., Any])


def _discard(_: object) -> None:
    """Stands in where nobody listens, as when click builds a context for help."""


@dataclass
class Context:
    """How a command speaks, in the terminal's language, which is that of `translate`.

    `emit` prints a result now: a foreground `up` never returns one. `remark` tells how things go, beside the result, on standard error.
    """

    translate: Translate = untranslated
    as_json: bool = False
    emit: Callable[[Result], None] = _discard
    remark: Callable[[str], None] = _discard

    @property
    def interactive(self) -> bool:
        """Whether a question would be read and answered by a person."""
        return self.on_terminal and is_terminal(sys.stdin)

    @property
    def on_terminal(self) -> bool:
        """Whether a person, not a log file, reads the output."""
        return not self.as_json and is_terminal(sys.stdout)

    def say(self, message: Message) -> str:
        """The sentence in the terminal's language, for a prompt."""
        return message.render(self.translate)


class AlreadyTold(Exception):
    """The one result of a command that goes on has been printed; what ended it since then goes to standard error."""

    def __init__(self, error: RemoteKitError) -> None:
        super().__init__(str(error))
        self.error = error


def is_terminal(stream: TextIO | None) -> bool:
    """Whether `stream` is a terminal; a closed one (`<&-`) is `None` to Python."""
    return stream is not None and stream.isatty()


class LocalizedOption(click.Option):
    """An option whose help is looked up in the catalogue when it is shown."""

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        original, self.help = self.help, _translated(ctx, self.help)
        try:
            return super().get_help_record(ctx)
        finally:
            self.help = original


class _LocalizedHelp:
    """Looks the help text up in the catalogue when it is shown."""

    help: str | None

    def format_help_text(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        original, self.help = self.help, _translated(ctx, self.help)
        try:
            super().format_help_text(ctx, formatter)  # type: ignore[misc]
        finally:
            self.help = original


class LocalizedCommand(_LocalizedHelp, click.Command):
    """A command that speaks the user's language."""

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        found = super().shell_complete(ctx, incomplete)
        for item in found:
            item.help = _translated(ctx, item.help)
        return found


class CommandGroup(_LocalizedHelp, click.Group):
    """Commands by name, each with its summary; the module of one, in `package`, is imported when it is called for."""

    def __init__(self, name: str, package: str, summaries: Mapping[str, str], **attributes: Any) -> None:
        super().__init__(name, context_settings={"help_option_names": ["-h", "--help"]}, **attributes)
        self._package = package
        self._summaries = summaries

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self._summaries)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self._summaries:
            return None
        command: click.Command = import_module(f"{self._package}.{cmd_name}").command
        return command

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        from click.shell_completion import CompletionItem  # only a shell asks

        # click's own would import every command for its summary.
        names = [CompletionItem(name, help=_translated(ctx, text)) for name, text in self._summaries.items() if name.startswith(incomplete)]
        return [*names, *click.Command.shell_complete(self, ctx, incomplete)]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        translate = ctx.ensure_object(Context).translate
        with formatter.section(translate(marked("Commands"))):
            formatter.write_dl([(name, translate(summary)) for name, summary in self._summaries.items()])


def _translated(ctx: click.Context, text: str | None) -> str | None:
    context = ctx.find_object(Context)
    return context.translate(text) if context and text else text


class Parsed(click.ParamType):  # type: ignore[type-arg]  # generic since click 8.5 only
    """A click type over one of `grammar`'s parsers, which word their own errors."""

    def __init__(self, name: str, parse: Callable[[str], Any]) -> None:
        self.name = name
        self._parse = parse

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:  # noqa: ANN401
        return self._parse(value) if isinstance(value, str) else value


def option(*names: str, **attributes: Any) -> Callable[[Decorated], Decorated]:
    """`click.option` whose help is translated."""
    return click.option(*names, cls=LocalizedOption, **attributes)


def with_options(function: Decorated, options: tuple[Callable[[Any], Any], ...]) -> Decorated:
    """`function` with these options, in the order in which its help is to show them."""
    for decorate in reversed(options):
        function = decorate(function)
    return function


Function = Callable[..., Result | Stream | None]


def plain_command(name: str, text: str) -> Callable[[Function], click.Command]:
    """A command with the option that all of them have, `--json`, handed the `Context` first."""

    def decorate(function: Function) -> click.Command:
        shared = option("--json", "as_json", is_flag=True, expose_value=False, help=marked("Print one JSON object and nothing else."))
        return click.command(name, cls=LocalizedCommand, help=text)(click.pass_obj(shared(function)))

    return decorate


def kit_command(name: str, text: str) -> Callable[[Function], click.Command]:
    """A command about one instance of this machine."""

    def decorate(function: Function) -> click.Command:
        named = option(
            "--instance",
            type=Parsed("name", grammar.instance_name),
            default=DEFAULT_INSTANCE,
            metavar="NAME",
            help=marked("Which server, where there are several."),
        )
        return plain_command(name, text)(named(function))

    return decorate


def dry_run_option(function: Decorated) -> Decorated:
    """`--dry-run`, of every command that changes something."""
    return option("--dry-run", is_flag=True, help=marked("Show what would be done, and do nothing."))(function)


def yes_option(function: Decorated) -> Decorated:
    """`--yes`, of every command that asks something."""
    return option("--yes", "-y", is_flag=True, help=marked("Ask nothing; go ahead."))(function)


def one_of(first: tuple[str, object], second: tuple[str, object]) -> None:
    """Reject two options that exclude each other. Raises `WrongUsage`."""
    if first[1] and second[1]:
        raise WrongUsage.of(
            "contradiction", msg("{one} does not go with {other}.", one=first[0], other=second[0]), msg("Leave out one of the two")
        )
