"""The line by which a server says why it does not start: written by the server on standard error, read by `up`.

    refused [any-origin]: Pages of any origin may use this server. — Remove allow_origin='*' from the configuration

The first words tell it from whatever libraries print there (`libgomp: …`). Nothing is imported here, so that a broken kit can say so too.
"""

from __future__ import annotations

import re

_BEFORE_FIX = " — "
_LINE = re.compile(rf"refused \[(?P<code>[a-z0-9]+(?:-[a-z0-9]+)*)\]: (?P<sentence>\S.*?)(?:{_BEFORE_FIX}(?P<fix>\S.*))?")


def format_line(code: str, sentence: str, fix: str | None = None) -> str:
    """One refusal as one line, whatever is in the values."""
    return _one_line(f"refused [{code}]: {human_line(sentence, fix)}")


def human_line(sentence: str, fix: str | None = None) -> str:
    """`sentence — fix`, or without the fix where nothing needs mending."""
    return _one_line(sentence if fix is None else sentence + _BEFORE_FIX + fix)


def parse_line(line: str) -> tuple[str, str, str | None] | None:
    """Code, sentence and fix of a line of `format_line`; `None` for any other line."""
    match = _LINE.fullmatch(line.rstrip("\r\n"))
    return (match["code"], match["sentence"], match["fix"]) if match else None


def _one_line(text: str) -> str:
    return " ".join(text.splitlines())
