"""What a stranger wrote is shown on one line, and drives no terminal."""

from __future__ import annotations

import sys
import unicodedata

import pytest

from jupyter_remote_kit.plan.terminal import printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("", ""),
        ("Mozilla/5.0 (X11; Linux x86_64)", "Mozilla/5.0 (X11; Linux x86_64)"),
        ("训练 记录.ipynb", "训练 记录.ipynb"),
        ("全角\u3000空格", "全角\u3000空格"),
        ("C:\\new", "C:\\new"),
        ("\x1b[31mred\x1b[0m", r"\x1b[31mred\x1b[0m"),
        ("\x1b]0;title\x07", r"\x1b]0;title\x07"),
        ("\x9b31m", r"\x9b31m"),
        ("a\r\nb\tc\0", r"a\r\nb\tc\x00"),
        ("\x7f", r"\x7f"),
        ("\u202egpj.exe", r"\u202egpj.exe"),
        ("\u2028\u2029", r"\u2028\u2029"),
        ("\u200b\ufeff\u2066", r"\u200b\ufeff\u2066"),
        ("\ud800", r"\ud800"),
        ("\U000e0041", r"\U000e0041"),
    ],
)
def test_what_is_shown(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_no_character_of_unicode_survives_that_could_drive_a_terminal() -> None:
    shown = "".join(printable(chr(point)) for point in range(sys.maxunicode + 1))
    assert {unicodedata.category(char) for char in shown}.isdisjoint({"Cc", "Cf", "Cs", "Zl", "Zp"})
    assert len(shown.splitlines()) == 1
    shown.encode()


def test_a_second_time_changes_nothing() -> None:
    once = printable("\x1b[2J\u202e")
    assert printable(once) == once
