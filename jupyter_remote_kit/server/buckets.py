"""What the throttle counts with: a bucket for one source, a budget for many, and a table of either that never outgrows its bound.

`now` is in monotonic seconds, as in the throttle, whose table says what a person meets of this.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

AT_ONCE = 5
INTERVALS_S = (60.0, 120.0, 240.0, 480.0, 600.0)
DECAY_S = 600.0
MOST = AT_ONCE + len(INTERVALS_S) - 1


class Bucket:
    """The guesses of one source: how many are not yet decayed, and from when on the next is free, which is where quiet begins too."""

    __slots__ = ("free_at", "spent", "tokens")

    def __init__(self) -> None:
        self.spent = 0
        self.free_at = 0.0
        self.tokens: tuple[bytes, ...] = ()

    def wait(self, now: float) -> float:
        """Seconds until the next guess."""
        # Decay never shortens a wait: it begins after it.
        return self.free_at - now if self.free_at > now else 0.0

    def take(self, now: float) -> None:
        """Count a guess, which must not have had to wait."""
        decayed = max(0, self.spent - int((now - self.free_at) // DECAY_S))
        self.spent = min(decayed + 1, MOST)
        self.free_at = now + self._interval()

    def give_back(self) -> None:
        """Count the last guess no more."""
        self.free_at -= self._interval()
        self.spent = max(0, self.spent - 1)

    @property
    def is_blank(self) -> bool:
        """Whether there is nothing to remember."""
        return not self.spent and not self.tokens

    @property
    def forgotten_at(self) -> float:
        """When it will be as a new one."""
        return self.free_at + self.spent * DECAY_S

    def _interval(self) -> float:
        """The wait that the last guess brought on."""
        return INTERVALS_S[self.spent - AT_ONCE] if self.spent >= AT_ONCE else 0.0


class Budget:
    """What many share, as the theoretical arrival time of GCRA: when all that was taken will have been paid for."""

    __slots__ = ("_interval_s", "_paid_at", "_places")

    def __init__(self, places: int, interval_s: float) -> None:
        """So many `places` at once, and one more every `interval_s`."""
        self._places, self._interval_s = places, interval_s
        self._paid_at = 0.0

    def wait(self, now: float, *, leaving: int = 0) -> float:
        """Seconds until there is a place for somebody who must leave so many of them to others."""
        ready_at = self._paid_at - (self._places - leaving - 1) * self._interval_s
        return ready_at - now if ready_at > now else 0.0

    def take(self, now: float) -> None:
        """Take a place."""
        self._paid_at = max(self._paid_at, now) + self._interval_s

    def give_back(self) -> None:
        """Have a place back."""
        self._paid_at -= self._interval_s

    @property
    def forgotten_at(self) -> float:
        """When it will be as a new one."""
        return self._paid_at


class _Forgettable(Protocol):
    @property
    def forgotten_at(self) -> float: ...


Count = TypeVar("Count", bound=_Forgettable)


class Table(Generic[Count]):
    """Counts by name, never more than a number of them."""

    def __init__(self, limit: int, make: Callable[[], Count]) -> None:
        self._limit, self._make = limit, make
        self._counts: dict[str, Count] = {}

    def get(self, name: str) -> Count | None:
        """The count of that name, where one is remembered."""
        return self._counts.get(name)

    def take_up(self, name: str) -> Count:
        """The count of that name, or a new one. The one that is forgotten first makes room: new ones push out new ones, not the penalised.

        It is looked for among all of them, 1 ms for 4,096: budgets let this happen every 2 s, after 60 at once.
        """
        count = self._counts.get(name)
        if count is None:
            while len(self._counts) >= self._limit:
                del self._counts[min(self._counts, key=lambda other: self._counts[other].forgotten_at)]
            count = self._counts[name] = self._make()
        return count

    def drop(self, name: str) -> None:
        """Forget that one."""
        del self._counts[name]

    def __len__(self) -> int:
        """How many are remembered."""
        return len(self._counts)
