"""Text of strangers, made fit to be shown: a user agent must not drive the terminal of whoever reads about it."""

from __future__ import annotations

# ASCII apart, a blank is as good as a letter: U+3000 stands in Chinese file names, and moves no cursor.
_BLANKS = frozenset("\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000")


def printable(text: str) -> str:
    r"""`text` on one line, with an escape such as `\x1b`, `\n` or `\u202e` for whatever is not plainly visible.

    That is what Unicode calls control (C0, C1, DEL), format (bidi overrides and isolates, zero-width, tags), separator of lines or
    paragraphs, surrogate, private use and unassigned: `str.isprintable`. A backslash stays one, so it does not tell an escape from the
    same text in plain letters; neither does harm.
    """
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() or char in _BLANKS else char.encode("unicode_escape").decode() for char in text)
