"""How a server says what is wrong: one line a finding, in the language of whoever started it."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import NoReturn

from jupyter_remote_kit import words
from jupyter_remote_kit.errors import ExitCode, Problem
from jupyter_remote_kit.messages import Translate
from jupyter_remote_kit.plan import refusal
from jupyter_remote_kit.plan.policy import Finding

Row = Finding | Problem


def line(row: Row, translate: Translate) -> str:
    """`code: sentence — fix`, for a log. One line, whatever is in the values."""
    return f"{row.code}: {refusal.human_line(*_texts(row, translate))}"


def lines(rows: Iterable[Row]) -> list[str]:
    """The lines of `rows` for a log, in the terminal's language."""
    translate = words.catalogue(words.terminal_locale())
    return [line(row, translate) for row in rows]


def refusal_line(row: Row, translate: Translate) -> str:
    """The line on standard error, which `up` reads."""
    return refusal.format_line(row.code, *_texts(row, translate))


def _texts(row: Row, translate: Translate) -> tuple[str, str | None]:
    """Sentence and fix."""
    fix = row.fix if isinstance(row, Finding) else row.hint
    return row.message.render(translate), fix.render(translate) if fix is not None else None


def refuse(rows: Iterable[Row], exit_code: ExitCode = ExitCode.REFUSED) -> NoReturn:
    """Say why on stderr and end the process: 78, of which systemd knows that a restart mends nothing.

    Not through the log: a log level, or a handler of the user's, must not hide why a server does not start.
    """
    translate = words.catalogue(words.terminal_locale())
    sys.stderr.write("".join(f"{refusal_line(row, translate)}\n" for row in rows))
    sys.stderr.flush()
    sys.exit(int(exit_code))
