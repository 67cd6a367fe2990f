"""Puts figures into `README.md`, between the markers of their group; the words around them are written by hand."""

from __future__ import annotations

from pathlib import Path

from bench.sandbox import BenchError

README = Path(__file__).with_name("README.md")
MARKERS = "<!-- figures of {}: begin -->", "<!-- figures of {}: end -->"


def write(group: str, figures: str) -> None:
    """Replace what stands between the markers of that group. Raises `BenchError` when they are not there."""
    first, last = (marker.format(group) for marker in MARKERS)
    before, begin, rest = README.read_text().partition(first)
    _, end, after = rest.partition(last)
    if not (begin and end):
        message = f"{README.name} lacks its markers, {first} and {last}"
        raise BenchError(message)
    README.write_text(f"{before}{begin}\n\n{figures.strip()}\n\n{end}{after}")
