"""A table on a terminal. Where no person reads, rows of labels and values are printed in its place."""

from __future__ import annotations

import shutil
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from rich.segment import Segment

WIDEST = 45  # an IPv6 address; what is longer is whole in the other outputs


def table(columns: Sequence[str], rows: Sequence[Sequence[str]], right: Collection[int] = ()) -> str:
    """As wide as the terminal, texts folded where that is narrow; those of the first column, which are to be pasted, are not.

    `right` are the columns of numbers.
    """
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    drawn = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for number, column in enumerate(columns):
        drawn.add_column(Text(column), no_wrap=number == 0, justify="right" if number in right else "left")
    for row in rows:
        # Text: what is in brackets is not markup.
        drawn.add_row(*(Text(cell if len(cell) <= WIDEST else f"{cell[: WIDEST - 1]}…") for cell in row))
    lines = Console(width=shutil.get_terminal_size().columns).render_lines(drawn)
    return "\n".join("".join(_styled(segment) for segment in line).rstrip() for line in lines)


def _styled(segment: Segment) -> str:
    return click.style(segment.text, bold=True) if segment.style and segment.style.bold else segment.text
