"""Contestants measured in turn, and what is said about the result: medians, and the ratio with the spread of the paired ratios."""

from __future__ import annotations

import statistics
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Spread:
    """A median with its quartiles."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """Of at least one value; a single one is its own quartile."""
        if len(values) == 1:
            return cls(values[0], values[0], values[0])
        low, median, high = statistics.quantiles(values, n=4, method="inclusive")
        return cls(median, low, high)


def interleave(rounds: int, contestants: Mapping[str, Callable[[], T]], what: str) -> dict[str, list[T]]:
    """`rounds` values of each contestant, in turn: A B, B A, A B, …

    A machine that gets busier or warmer meanwhile meets them all alike, and none always runs behind the same other one. One round
    before the first counts nothing: it fills the caches of the disk and of the bytecode.
    """
    samples: dict[str, list[T]] = {name: [] for name in contestants}
    names = list(contestants)
    for name in names:
        contestants[name]()
    for turn in range(rounds):
        progress(f"{what}: round {turn + 1} of {rounds}")
        for name in names if turn % 2 == 0 else reversed(names):
            samples[name].append(contestants[name]())
    return samples


def ratios(above: Sequence[float], below: Sequence[float]) -> Spread:
    """The quotients of the values of the same round."""
    return Spread.of([one / other for one, other in zip(above, below, strict=True)])


def differences(ours: Sequence[float], theirs: Sequence[float]) -> Spread:
    """The differences of the values of the same round."""
    return Spread.of([one - other for one, other in zip(ours, theirs, strict=True)])


def progress(text: str) -> None:
    """Tell what is measured now, to whoever watches."""
    end = "\r" if sys.stderr.isatty() else "\n"
    sys.stderr.write(f"\x1b[K{text}{end}" if end == "\r" else f"{text}{end}")
    sys.stderr.flush()
