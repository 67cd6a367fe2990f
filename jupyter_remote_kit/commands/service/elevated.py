"""The one visible call of sudo, by which an ordinary user has root do what root alone may."""

from __future__ import annotations

import json
import os
import shlex
from typing import Any

from jupyter_remote_kit.commands.context import Context
from jupyter_remote_kit.errors import ExitCode, Failed, Problem, Refused, RemoteKitError, WrongUsage
from jupyter_remote_kit.host import programs, services
from jupyter_remote_kit.messages import msg
from jupyter_remote_kit.plan.terminal import printable
from jupyter_remote_kit.result import Result

_ERRORS: dict[ExitCode, type[RemoteKitError]] = {ExitCode.REFUSED: Refused, ExitCode.USAGE: WrongUsage}


def is_root() -> bool:
    """Whether this process may do it by itself."""
    return os.geteuid() == 0


def check(instance: str, user: str) -> None:
    """Raises `Failed` where root cannot be had to install a service of `user`, before anything is asked or written."""
    if not is_root():
        argv = kit_argv(("service", "install", "--system", "--run-as", user, "--instance", instance))
        if programs.find("sudo") is None:
            raise _no_sudo(argv)


def kit_as_root(context: Context, words: tuple[str, ...], *silent: str, given: str | None = None) -> dict[str, Any]:
    """Run one of our commands as root; its envelope. `given` comes on its standard input, which the option `silent` announces.

    Raises what it raised, and `Failed` where there is no sudo, or sudo refuses.
    """
    argv = kit_argv(words, *silent)
    done = _call(context, argv, given)
    try:
        envelope: dict[str, Any] = json.loads(done.out)
        problems = [problem_of(row) for row in envelope["problems"]]
    except (ValueError, TypeError, KeyError):
        raise refused((*_program(), *words), done.code) from None
    if not envelope["ok"]:
        kind = next((known for code, known in _ERRORS.items() if code == done.code), Failed)
        raise kind(*problems)
    return {**envelope, "problems": problems}


def kit_argv(words: tuple[str, ...], *silent: str) -> tuple[str, ...]:
    """How root runs one of our commands. Raises `Failed` where the kit is installed for its user alone, so that root has none."""
    if services.in_user_site():
        raise Failed.of(
            "user-site",
            msg("This kit is installed for you alone (pip install --user), so that root cannot use it."),
            msg("{command}", command="python3 -m venv ~/jupyter && ~/jupyter/bin/pip install jupyter-remote-kit"),
        )
    return sudo(*_program(), *words, *silent, "--yes", "--json")


def steps_told(envelope: dict[str, Any]) -> tuple[str, ...]:
    """The steps in an envelope's messages, in the user's language; `data` has them in English, for programs."""
    return tuple(printable(line.strip()) for line in envelope["messages"] if line.startswith("  "))


def as_root(context: Context, *argv: str) -> programs.Done:
    """Run a program as root, by sudo where this is not root. Raises `Failed` where there is no sudo."""
    return programs.call(argv) if is_root() else _call(context, sudo(*argv))


def sudo(*argv: str) -> tuple[str, ...]:
    """The argv; where there is no terminal to type a password on, sudo asks for none."""
    return ("sudo", *(() if _has_terminal() else ("-n",)), "--", *argv)


def refused(argv: tuple[str, ...], code: int) -> Failed:
    """What root should have run was not run."""
    return Failed.of(
        "sudo-refused",
        msg("Root did not run it through sudo (exit code {code}); what sudo said is above.", code=code),
        msg("As root: {command}; without root there is the user service: leave out --system", command=shlex.join(argv)),
    )


def problem_of(row: dict[str, Any]) -> Problem:
    """In the words of another process of ours, which are in the user's language already; they drive no terminal."""
    hint = printable(row["hint"]) if row["hint"] else None
    return Problem(row["code"], msg("{text}", text=printable(row["message"])), msg("{text}", text=hint) if hint else None)


def _program() -> tuple[str, ...]:
    """The kit, as root runs it: isolated from what the user's environment and home would add, and without leaving root's `.pyc` there."""
    python, script = services.program()
    return (str(python), "-I", "-B", str(script))


def _call(context: Context, argv: tuple[str, ...], given: str | None = None) -> programs.Done:
    if programs.find("sudo") is None:
        raise _no_sudo(argv)
    if not context.as_json:
        context.emit(Result("service", messages=(msg("As root: {command}", command=shlex.join(argv)),)))
    return programs.call(argv, given=given, aloud=True)


def _no_sudo(argv: tuple[str, ...]) -> Failed:
    return Failed.of(
        "no-sudo",
        msg("This needs root's rights, and there is no sudo on this machine."),
        msg("As root: {command}", command=shlex.join(argv[argv.index("--") + 1 :])),
    )


def _has_terminal() -> bool:
    """Whether sudo could ask: on the terminal, wherever standard input comes from."""
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC))
    except OSError:
        return False
    return True
