"""The one visible call of sudo, by which an ordinary user has root do what root alone may."""

from __future__ import annotations

import json
import os
import shlex
import sys
from typing import Any

from jupyter_remote_kit.commands.context import Context, is_terminal
from jupyter_remote_kit.errors import ExitCode, Failed, Problem, Refused, RemoteKitError, WrongUsage
from jupyter_remote_kit.host import programs, services
from jupyter_remote_kit.messages import msg
from jupyter_remote_kit.result import Result

_ERRORS: dict[ExitCode, type[RemoteKitError]] = {ExitCode.REFUSED: Refused, ExitCode.USAGE: WrongUsage}


def is_root() -> bool:
    """Whether this process may do it by itself."""
    return os.geteuid() == 0


def kit_as_root(context: Context, words: tuple[str, ...], *silent: str, given: str | None = None) -> dict[str, Any]:
    """Run one of our commands as root; its envelope. `given` comes on its standard input, which the option `silent` announces.

    Raises what it raised, and `Failed` where there is no sudo, or sudo refuses.
    """
    program = tuple(map(str, services.program()))
    done = _call(context, sudo(*program, *words, *silent, "--yes", "--json"), given, by_hand=(*program, *words))
    try:
        envelope: dict[str, Any] = json.loads(done.out)
        problems = [_problem(row) for row in envelope["problems"]]
    except (ValueError, TypeError, KeyError):
        raise _refused((*program, *words), done.code) from None
    if not envelope["ok"]:
        kind = next((known for code, known in _ERRORS.items() if code == done.code), Failed)
        raise kind(*problems)
    return {**envelope, "problems": problems}


def as_root(context: Context, *argv: str) -> programs.Done:
    """Run a program as root, by sudo where this is not root. Raises `Failed` where there is no sudo."""
    return programs.call(argv) if is_root() else _call(context, sudo(*argv), by_hand=argv)


def sudo(*argv: str) -> tuple[str, ...]:
    """The argv; where nobody could type a password sudo asks for none."""
    return ("sudo", *(() if is_terminal(sys.stdin) else ("-n",)), "--", *argv)


def _call(context: Context, argv: tuple[str, ...], given: str | None = None, *, by_hand: tuple[str, ...]) -> programs.Done:
    if programs.find("sudo") is None:
        raise Failed.of(
            "no-sudo",
            msg("This needs root's rights, and there is no sudo on this machine."),
            msg("As root: {command}", command=shlex.join(by_hand)),
        )
    if not context.as_json:
        context.emit(Result("service", messages=(msg("As root: {command}", command=shlex.join(argv)),)))
    return programs.call(argv, given=given, aloud=True)


def _refused(argv: tuple[str, ...], code: int) -> Failed:
    return Failed.of(
        "sudo-refused",
        msg("sudo did not run it (exit code {code}).", code=code),
        msg(
            "As root: {command}; without root there is the user service: leave out --system",
            command=shlex.join(argv),
        ),
    )


def _problem(row: dict[str, Any]) -> Problem:
    """In root's words, which are in the user's language already."""
    return Problem(row["code"], msg("{text}", text=row["message"]), msg("{text}", text=row["hint"]) if row["hint"] else None)
