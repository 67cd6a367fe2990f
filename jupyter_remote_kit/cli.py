"""`jupyter remotekit …`: finds the command, renders its result for people or as JSON, and exits. The only place that prints.

The command modules are imported when they are called for: `jupyter remotekit --help` imports none of them.
"""

from __future__ import annotations

import contextlib
import gettext
import io
import json
import os
import select
import shlex
import signal
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import NoReturn

import click

from jupyter_remote_kit import __version__, invocation
from jupyter_remote_kit.commands.context import AlreadyTold, CommandGroup, Context, LocalizedOption, is_terminal
from jupyter_remote_kit.errors import ExitCode, Failed, Problem, RemoteKitError, of_system
from jupyter_remote_kit.host import ownprogram
from jupyter_remote_kit.messages import Message, Translate, marked, msg
from jupyter_remote_kit.result import Line, Result, Stream
from jupyter_remote_kit.words import DOMAIN, LOCALE_DIR, catalogue, terminal_locale

PROGRAM = "jupyter remotekit"
TRACEBACK_VARIABLE = "REMOTEKIT_TRACEBACK"
# As click would call it after the program's name, if that had no blank.
COMPLETION_VARIABLE = "_JUPYTER_REMOTEKIT_COMPLETE"
COMMANDS = {
    "init": marked("Decide and write everything: access, password, token, certificate, language."),
    "up": marked("Serve JupyterLab; run init first if needed."),
    "down": marked("Stop exactly this server; its kernels are shut down first."),
    "urls": marked("Show the URLs for a browser, PyCharm and VS Code, and the plain ssh line."),
    "status": marked("Show the current state: the server, how it is reached, and what the policy finds."),
    "password": marked("Change the password; every session ends."),
    "token": marked("Rotate the token; every session ends."),
    "sessions": marked("List who is signed in; end one session, or all."),
    "audit": marked("Show who came in and who was refused."),
    "list": marked("Show the servers that run: here, or from a laptop on all the hosts that it knows."),
    "connect": marked("On the laptop: a host's JupyterLab over ssh, in your browser, and kept there."),
    "start": marked("On the laptop: start the server on a host, without a line to it."),
    "stop": marked("On the laptop: stop the server on a host; its kernels are shut down first."),
    "trust": marked("On the laptop: trust the private certificate authority of a host, in its browsers and its system."),
    "hosts": marked("On the laptop: the hosts that it knows, and what connect does there."),
    "completion": marked("Print what completes commands and hosts in bash, zsh or fish."),
    "service": marked("Keep it running: a service of systemd that starts at boot."),
    "remove": marked("Remove what the kit has written."),
}
GROUPS = frozenset({"hosts", "service"})
# What a laptop runs, be it Windows; a host is Linux or macOS.
CLIENT_COMMANDS = frozenset({"list", "connect", "start", "stop", "trust", "hosts", "completion"})


class _Root(CommandGroup):
    """All commands, of which only some run everywhere."""

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if sys.platform == "win32" and cmd_name in COMMANDS.keys() - CLIENT_COMMANDS:
            command = f"{PROGRAM} {cmd_name}"
            raise Failed.of(
                "host-command",
                msg("{command} runs on the host, which is Linux or macOS.", command=command),
                msg("Log in there, and run it: ssh user@host"),
            )
        return super().get_command(ctx, cmd_name)


def _root() -> click.Command:
    """The group of all commands, which does nothing by itself."""
    group = _Root(
        PROGRAM,
        "jupyter_remote_kit.commands",
        COMMANDS,
        help=marked("JupyterLab on a remote GPU host, safe to expose, on your laptop's screen."),
    )
    version = click.version_option(
        __version__,
        prog_name="jupyter-remote-kit",
        message="%(prog)s %(version)s",
        cls=LocalizedOption,
        help=marked("Show the version and exit."),
    )
    return version(group)


def main(argv: Sequence[str] | None = None) -> NoReturn:
    """The entry point: runs one command and exits with its code, see `ExitCode`."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    invocation.settle(ownprogram.of_shell)
    locale = terminal_locale()
    # click's own words ("Usage", "No such option") are looked up in the current domain.
    gettext.bindtextdomain(DOMAIN, str(LOCALE_DIR))
    gettext.textdomain(DOMAIN)
    context = Context(translate=catalogue(locale), as_json="--json" in arguments, emit=_emit_for(arguments, locale), remark=_remark)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A name on disk, or a word of ours, may be more than the terminal's encoding can say.
            stream.reconfigure(errors="backslashreplace")
    outcome = _run(arguments, context)
    told = _tell_stream(context, outcome) if isinstance(outcome, Stream) else outcome
    sys.exit(_tell(context, told) if isinstance(told, Result) else told or ExitCode.DONE)


def _tell(context: Context, result: Result) -> ExitCode:
    """Print the result, and give the exit code; a full disk behind standard output is a failure as well."""
    try:
        context.emit(result)
        if sys.stdout:
            sys.stdout.flush()
    except OSError as error:
        return _output_failed(context, error)
    return result.exit_code


def _tell_stream(context: Context, stream: Stream) -> Result | ExitCode:
    """Print each line as it comes. An interrupt is how a stream is meant to end; what goes wrong on the way is told as ever."""
    try:
        for line in stream.lines:
            if line is None:
                if _nobody_reads():
                    # As the next line would have ended it.
                    signal.raise_signal(signal.SIGPIPE)
                continue
            try:
                click.echo(_streamed(context, line))
            except OSError as error:
                return _output_failed(context, error)
    except KeyboardInterrupt:
        return ExitCode.DONE
    except Exception as error:
        return Result.from_error(stream.command, _worded(error))
    return ExitCode.DONE


def _streamed(context: Context, line: Line) -> str:
    return json.dumps(dict(line.data), ensure_ascii=False) if context.as_json else line.text


def _nobody_reads() -> bool:
    """Whether the other end of the pipe behind standard output is closed (`… | head`); poll(2) tells without a byte written."""
    if sys.stdout is None or sys.platform == "win32":
        return False
    output = select.poll()
    # No event is asked for: an error is told in any case.
    output.register(sys.stdout.fileno(), 0)
    return any(events & select.POLLERR for _, events in output.poll(0))


def _output_failed(context: Context, error: OSError) -> ExitCode:
    # What could not be written is still in the buffer, and Python would try again, aloud, when it ends.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    told = context.say(msg("Standard output cannot be written to: {reason}", reason=error.strerror))
    _echo_error(context.translate(marked("error")), told, warning=False)
    return ExitCode.FAILED


def _run(arguments: list[str], context: Context) -> Result | Stream | ExitCode | None:
    """The result of the command line, whatever happens; `None` where click has said all (help, version)."""
    name = _name(arguments)
    if sys.platform != "win32":
        # A closed pipe (`… | head`) ends the command as it ends others.
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    if COMPLETION_VARIABLE in os.environ:
        from jupyter_remote_kit.commands import completing  # only a shell asks

        completing.register()
    try:
        outcome = _root().main(arguments, prog_name=PROGRAM, complete_var=COMPLETION_VARIABLE, standalone_mode=False, obj=context)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.ctx.get_help())
        return None
    except click.UsageError as error:
        return _usage(name, error)
    except AlreadyTold as told:
        _echo_problems(context.translate, told.error.problems, warning=False)
        return told.error.exit_code
    except (Exception, KeyboardInterrupt) as error:
        return Result.from_error(name, _worded(error))
    return outcome if isinstance(outcome, Result | Stream) else None


def _name(arguments: Sequence[str]) -> str:
    """The command that a line means, as it is called in results: `service install` is one, and so is `hosts add`."""
    named = [index for index, argument in enumerate(arguments) if argument in COMMANDS]
    if not named:
        return ""
    first = arguments[named[0]]
    if first not in GROUPS:
        return first
    verb = next(iter(arguments[named[0] + 1 :]), "")
    # `--help` imports no command.
    return f"{first} {verb}" if verb in import_module(f"jupyter_remote_kit.commands.{first}").VERBS else first


def _worded(error: BaseException) -> RemoteKitError:
    """Any exception as one sentence; the last resort is a defect of ours, which still shows no traceback."""
    if isinstance(error, RemoteKitError):
        return error
    if isinstance(error, click.exceptions.Abort):
        return Failed.of("aborted", msg("Nothing was done."))
    if isinstance(error, KeyboardInterrupt):
        return Failed.of("interrupted", msg("Interrupted."))
    if isinstance(error, ImportError | SyntaxError) or (isinstance(error, AttributeError) and isinstance(error.obj, ModuleType)):
        return _not_loaded(error)
    if isinstance(error, OSError):
        return of_system(error)
    if os.environ.get(TRACEBACK_VARIABLE):
        raise error
    return _defect(error)


def _not_loaded(error: ImportError | SyntaxError | AttributeError) -> RemoteKitError:
    """A module that a command wants, or what is to be in it: what the loader says leads, and the hint has been tried."""
    from jupyter_remote_kit.host import loading

    module = _importing(error)
    command = loading.typed(lambda: invocation.current().program)
    hint = loading.mend(loading.trial(error, f"import {module}"), command, invocation.reinstall)
    sentence = msg("{module} cannot be loaded: {reason}", module=module, reason=loading.reason(error))
    return Failed.of("not-loaded", sentence, msg("{command}", command=hint))


def _importing(error: ImportError | SyntaxError | AttributeError) -> str:
    """The module of ours that was imported, in vain or because it wanted another one."""
    if isinstance(error, AttributeError):
        return str(getattr(error.obj, "__name__", ""))
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_name == "<module>":
            return str(trace.tb_frame.f_globals.get("__name__"))
        trace = trace.tb_next
    return getattr(error, "name", None) or "jupyter_remote_kit"


def _defect(error: BaseException) -> RemoteKitError:
    import traceback  # what a command without a defect starts quicker without

    frame = traceback.extract_tb(error.__traceback__)[-1]
    place = f"{type(error).__name__}, {Path(frame.filename).name}:{frame.lineno}"
    again = f"{TRACEBACK_VARIABLE}=1 {invocation.command(shlex.join(sys.argv[1:]))}"
    hint = msg("Please report it, with what this prints: {command}", command=again)
    return Failed.of("defect", msg("This is a defect of jupyter-remote-kit: {place}.", place=place), hint)


def _usage(name: str, error: click.UsageError) -> Result:
    path = error.ctx.command_path.removeprefix(PROGRAM).strip() if error.ctx else name
    hint = msg("See {command}", command=invocation.command(f"{path} --help".strip()))
    problem = Problem("usage", Message("{text}", {"text": error.format_message()}), hint)
    return Result(name, problems=(problem,), exit_code=ExitCode.USAGE)


def _remark(text: str) -> None:
    click.echo(text, err=True)


def _emit_for(arguments: list[str], locale: str) -> Callable[[Result], None]:
    translate = catalogue(locale)

    def as_json(result: Result) -> None:
        click.echo(json.dumps(result.envelope(translate), ensure_ascii=False))

    def for_people(result: Result) -> None:
        for message in result.messages:
            click.echo(message.render(translate))
        _echo_rows([(label.render(translate), value) for label, value in result.rows])
        for block in result.blocks:
            click.echo(block)
        _echo_problems(translate, result.problems, warning=result.ok)

    return as_json if "--json" in arguments else for_people


def _echo_problems(translate: Translate, problems: tuple[Problem, ...], *, warning: bool) -> None:
    word = translate(marked("warning")) if warning else translate(marked("error"))
    for problem in problems:
        _echo_error(word, problem.message.render(translate), warning)
        if problem.hint:
            _echo_error(translate(marked("  hint")), problem.hint.render(translate), None)


def _echo_error(word: str, text: str, warning: bool | None) -> None:
    colour = {True: "yellow", False: "red", None: "cyan"}[warning]
    click.echo(f"{click.style(word, fg=colour)}: {text}", err=True)


def _echo_rows(rows: list[tuple[str, str]]) -> None:
    """Two aligned columns on a terminal, one `label: value` a line elsewhere."""
    if not rows:
        return
    if not is_terminal(sys.stdout):
        heading = ""
        for label, value in rows:
            # A row without a label goes on with the last one; a program that reads line by line wants it on each.
            heading = label or heading
            click.echo(f"{heading}: {value}")
        return
    from rich.cells import cell_len

    # Never folded: a URL that is broken over two lines cannot be copied. A Chinese character is two columns wide.
    width = max(cell_len(label) for label, _ in rows)
    for label, value in rows:
        click.echo(f"{click.style(label, bold=True)}{' ' * (width - cell_len(label) + 2)}{value}")


if __name__ == "__main__":
    with contextlib.suppress(BrokenPipeError):
        main()
