"""Puts figures into `README.md`, between the markers; the words around them are written by hand."""

from __future__ import annotations

from pathlib import Path

from bench.sandbox import BenchError

README = Path(__file__).with_name("README.md")
BEGIN = "<!-- figures: begin -->"
END = "<!-- figures: end -->"


def write(figures: str) -> None:
    """Replace what stands between the markers. Raises `BenchError` when they are not there."""
    before, begin, rest = README.read_text().partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        message = f"{README.name} lacks its markers, {BEGIN} and {END}"
        raise BenchError(message)
    README.write_text(f"{before}{begin}\n\n{figures.strip()}\n\n{end}{after}")
