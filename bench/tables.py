"""Figures as tables of Markdown, which are readable in a terminal too."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bench.pairs import Spread

TEN = 10.0


@dataclass(frozen=True)
class Row:
    """One comparison, in words."""

    cells: tuple[str, ...]

    @classmethod
    def faster(cls, name: str, ours: Sequence[float], theirs: Sequence[float], times: Spread, aim: float | None) -> Row:
        """`times` as fast; the more the better. Without an aim it is there to compare with."""
        verdict = "-" if aim is None else _verdict(f"≥ {aim:g}", times.median >= aim)
        return cls((*_medians(name, ours, theirs), f"{times.median:.1f}", _range(times, 1), verdict))

    @classmethod
    def share(cls, name: str, rates: tuple[Sequence[float], Sequence[float]], ratio: Spread, aim: float, *more: str) -> Row:
        """`ratio` of the other's rate, the more the better; `more` are further cells."""
        verdict = _verdict(f"≥ {aim:g}", ratio.median >= aim)
        return cls((*_medians(name, *rates), f"{ratio.median:.3f}", _range(ratio, 3), verdict, *more))

    @classmethod
    def slower(cls, name: str, ours: Sequence[float], theirs: Sequence[float], ratio: Spread, aim: float) -> Row:
        """`ratio` of the time; the less the better."""
        # Requests take a millisecond, starts two thousand.
        digits = 0 if Spread.of(theirs).median >= TEN else 3
        medians = _medians(name, ours, theirs, digits)
        return cls((*medians, f"{ratio.median:.3f}", _range(ratio, 3), _verdict(f"≤ {aim:g}", ratio.median <= aim)))

    @classmethod
    def more(cls, name: str, ours: Sequence[float], theirs: Sequence[float], difference: Spread, aim: float) -> Row:
        """`difference` in the same unit; the less the better."""
        verdict = _verdict(f"≤ {aim:g}", difference.median <= aim)
        return cls((*_medians(name, ours, theirs, 1), f"{difference.median:+.1f}", _range(difference, 1, "+"), verdict))


@dataclass(frozen=True)
class Table:
    """A heading and comparisons under it."""

    title: str
    heads: tuple[str, ...]
    rows: tuple[Row, ...]

    def markdown(self) -> str:
        """A table with columns of equal width."""
        lines = [self.heads, *(row.cells for row in self.rows)]
        first, *others = (max(map(len, column)) for column in zip(*lines, strict=True))
        padded = [(line[0].ljust(first), *(cell.rjust(width) for cell, width in zip(line[1:], others, strict=True))) for line in lines]
        rule = ("-" * first, *("-" * (width - 1) + ":" for width in others))
        text = "\n".join(f"| {' | '.join(cells)} |" for cells in (padded[0], rule, *padded[1:]))
        return f"### {self.title}\n\n{text}\n"


def faster_heads(peer: str) -> tuple[str, ...]:
    """The columns of a table of `Row.faster`."""
    return ("command", "ms", f"`{peer}`, ms", "times faster", "quartiles", "aim")


def _medians(name: str, ours: Sequence[float], theirs: Sequence[float], digits: int = 0) -> tuple[str, str, str]:
    return name, f"{Spread.of(ours).median:,.{digits}f}", f"{Spread.of(theirs).median:,.{digits}f}"


def _range(spread: Spread, digits: int, sign: str = "") -> str:
    return f"{spread.low:{sign}.{digits}f} – {spread.high:{sign}.{digits}f}"


def _verdict(aim: str, met: bool) -> str:
    return f"{aim}: {'met' if met else 'missed'}"
