"""The line by which a server says why it does not start."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_remote_kit.plan.refusal import format_line, parse_line

CODES = st.from_regex(r"[a-z0-9]+(-[a-z0-9]+){0,3}", fullmatch=True)
WORDS = st.text(min_size=1).map(lambda text: " ".join(text.split())).filter(lambda text: text and "—" not in text)


def test_the_format() -> None:
    assert format_line("any-origin", "Pages of any origin.", "Remove it") == "refused [any-origin]: Pages of any origin. — Remove it"
    assert format_line("as-root", "So.") == "refused [as-root]: So."
    assert format_line("a", "two\nlines", "x\r\ny") == "refused [a]: two lines — x y"


@given(CODES, WORDS, st.none() | WORDS)
def test_what_was_written_is_read(code: str, sentence: str, fix: str | None) -> None:
    assert parse_line(format_line(code, sentence, fix) + "\n") == (code, sentence, fix)


@pytest.mark.parametrize(
    "line",
    [
        "",
        "libgomp: Invalid value for environment variable OMP_NUM_THREADS",
        "any-origin: Pages of any origin.",
        "[I 2026-01-01 ServerApp] refused [a]: b",
        "refused [a]:",
        "refused [A b]: c",
        "refused: c",
    ],
)
def test_another_line_is_none(line: str) -> None:
    assert parse_line(line) is None
