"""What a door (server/door.py) remembers of one source: an address or a network. No clock in here: `now` is in seconds, monotonic."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

Who = TypeVar("Who", bound=Hashable)
Crowding = tuple[bool, int, bool, float]

NEVER = float("-inf")
# After so many seconds a turn that a source had counts half.
HALF_LIFE_S = 60.0


@dataclass(frozen=True)
class Pace:
    """So many turns a second, and so many at once after a quiet time."""

    per_second: float
    at_once: float


@dataclass(frozen=True)
class Paces:
    """The paces of a door.

    `guessing`: one source whose guesses are refused just now; `all_guessing`: all of those together; `known_guessing`: one such from
    which somebody signed in lately, and which has no part in the former two.
    """

    everybody: Pace = Pace(200, 8)
    source: Pace = Pace(100, 100)
    all_guessing: Pace = Pace(50, 10)
    guessing: Pace = Pace(10, 20)
    # Who guesses shares an address with the owner: three times the turns for new connections of the owner's to be among, for 4 % of the
    # event loop. At the pace of other sources a flood of guesses would have an eighth of it.
    known_guessing: Pace = Pace(30, 30)


class Bucket:
    """Turns that were taken and are not yet forgotten."""

    __slots__ = ("_at", "level")

    def __init__(self) -> None:
        self.level = 0.0
        self._at = NEVER

    def settle(self, pace: Pace, now: float) -> float:
        """What is left at `now`."""
        if self.level:
            self.level = max(0.0, self.level - (now - self._at) * pace.per_second)
        self._at = now
        return self.level

    def has_room(self, pace: Pace, cost: float, now: float) -> bool:
        """Whether `cost` fits. However small the pace is, anything fits into an empty bucket."""
        return self.settle(pace, now) == 0.0 or self.level + cost <= pace.at_once

    def give_back(self, cost: float) -> None:
        """`cost` was not used after all."""
        self.level = max(0.0, self.level - cost)


@dataclass(slots=True)
class Waiting(Generic[Who]):
    """Somebody in a queue."""

    who: Who
    cost: float
    since: float


class Lanes(Generic[Who]):
    """Those of one source who wait: newcomers, and those who are in already and have a further wish. They go by turns.

    In one queue, or with one before the other, connections that are kept busy would keep out whoever comes from the same address.
    """

    __slots__ = ("_inside_next", "inside", "newcomers")

    def __init__(self) -> None:
        self.newcomers: deque[Waiting[Who]] = deque()
        self.inside: deque[Waiting[Who]] = deque()
        self._inside_next = True

    def __bool__(self) -> bool:
        return bool(self.newcomers or self.inside)

    def __iter__(self) -> Iterator[Waiting[Who]]:
        yield from self.inside
        yield from self.newcomers

    @property
    def first(self) -> Waiting[Who]:
        """Whose turn is next."""
        return self._next()[0]

    def pop(self) -> Waiting[Who]:
        """The same, who waits no longer."""
        lane = self._next()
        self._inside_next = lane is self.newcomers
        return lane.popleft()

    def remove(self, gone: Waiting[Who]) -> None:
        """Let one of them wait no longer."""
        (self.inside if gone in self.inside else self.newcomers).remove(gone)

    def _next(self) -> deque[Waiting[Who]]:
        if not self.inside:
            return self.newcomers
        return self.inside if self._inside_next or not self.newcomers else self.newcomers


class Source(Generic[Who]):
    """One address or network: who of it waits, what it has had, and what is known of it."""

    __slots__ = ("_had", "_had_at", "bucket", "crowding", "guessing_until", "known_until", "lanes", "name", "weight")

    def __init__(self, name: str) -> None:
        self.name = name
        self.bucket = Bucket()
        self.lanes: Lanes[Who] = Lanes()
        self.guessing_until = NEVER
        self.known_until = NEVER
        # What `crowds` gave when its queue last changed.
        self.crowding: Crowding = (False, 0, False, NEVER)
        # Grows with the turns that it had of late. All of them decay alike, so that their order stays what it was.
        self.weight = NEVER
        self._had = 0.0
        self._had_at = 0.0

    def guesses(self, now: float) -> bool:
        """Whether its guesses are refused just now."""
        return now < self.guessing_until

    def comes_last(self, now: float) -> bool:
        """Whether all others are served before it: it guesses, and nobody signed in from there lately."""
        return self.guesses(now) and now >= self.known_until

    def pace(self, paces: Paces, now: float) -> Pace:
        """How fast it may be."""
        if not self.guesses(now):
            return paces.source
        return paces.guessing if self.comes_last(now) else paces.known_guessing

    def take(self, cost: float, now: float) -> None:
        """It has a turn. The bucket forgets that within a second or two, the weight within minutes."""
        self.bucket.level += cost
        self._had = self._had * 0.5 ** ((now - self._had_at) / HALF_LIFE_S) + cost
        self._had_at = now
        # The first summand alone may have decayed to nothing.
        self.weight = math.log2(self._had) + now / HALF_LIFE_S if self._had else NEVER

    def absolve(self) -> None:
        """What it had is forgotten."""
        self._had, self.weight = 0.0, NEVER

    def rank(self, now: float) -> tuple[bool, bool, float, float]:
        """The smallest comes first: no unknown guesser, somebody who signed in from there lately, few turns of late, a long wait."""
        return (self.comes_last(now), now >= self.known_until, self.weight, self.lanes.first.since)

    def worth(self, now: float) -> tuple[bool, bool, bool, float]:
        """The smallest is forgotten first."""
        return (bool(self.lanes), self.guesses(now), now < self.known_until, self.weight)

    def crowds(self, count: int, now: float) -> Crowding:
        """How much it crowds the queue with `count` newcomers: who comes last more than anybody else, then by number, then by rank."""
        return (self.comes_last(now), count, now >= self.known_until, self.weight)
