"""How a server says what is wrong: one line a finding, in the language of whoever started it."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import NoReturn

from jupyter_remote_kit import words
from jupyter_remote_kit.errors import ExitCode, Problem
from jupyter_remote_kit.messages import Translate
from jupyter_remote_kit.plan.policy import Finding

Row = Finding | Problem


def line(row: Row, translate: Translate) -> str:
    """`code: sentence — fix`, or without the fix where nothing needs mending. One line, whatever is in the values."""
    fix = row.fix if isinstance(row, Finding) else row.hint
    text = f"{row.code}: {row.message.render(translate)}"
    if fix is not None:
        text += f" — {fix.render(translate)}"
    return " ".join(text.splitlines())


def lines(rows: Iterable[Row]) -> list[str]:
    """The lines of `rows` in the terminal's language."""
    translate = words.catalogue(words.terminal_locale())
    return [line(row, translate) for row in rows]


def refuse(rows: Iterable[Row], exit_code: ExitCode = ExitCode.REFUSED) -> NoReturn:
    """Say why on stderr and end the process: 78, of which systemd knows that a restart mends nothing.

    Not through the log: a log level, or a handler of the user's, must not hide why a server does not start.
    """
    sys.stderr.write("".join(f"{text}\n" for text in lines(rows)))
    sys.stderr.flush()
    sys.exit(int(exit_code))
