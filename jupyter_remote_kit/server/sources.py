"""What a door (server/door.py) remembers of one source: an address or a network. No clock in here: `now` is in seconds, monotonic."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from enum import Enum
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

    `guessing`: one source whose guesses are refused just now; `all_guessing`: all of those together. A source from which a client signed
    in lately has no part in these two. It has a pace for its new connections, `known_arrivals`, and another for what they ask for then:
    `known`, or `known_guessing` while guesses are refused.
    """

    everybody: Pace = Pace(200, 8)
    source: Pace = Pace(100, 100)
    all_guessing: Pace = Pace(50, 10)
    guessing: Pace = Pace(10, 20)
    # Somebody who guesses or floods may share the address of the owner, whose connections wait among theirs: over TLS there is no telling
    # before the handshake. So handshakes go faster than the requests after them. Clients that ask one thing after another then wait with a
    # request, which keeps nobody from a handshake, and a request of somebody who is signed in does not wait.
    known_arrivals: Pace = Pace(100, 40)
    known: Pace = Pace(40, 30)
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


class Lane(Enum):
    """Where somebody waits: as a newcomer, or with a wish of those who are in already."""

    NEWCOMERS = "newcomers"
    INSIDE = "inside"


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
    def order(self) -> tuple[Lane, ...]:
        """The lanes in which somebody waits, the one whose turn it is first."""
        order = (Lane.INSIDE, Lane.NEWCOMERS) if self._inside_next else (Lane.NEWCOMERS, Lane.INSIDE)
        return tuple(lane for lane in order if self._of(lane))

    def first(self, lane: Lane) -> Waiting[Who]:
        """Whose turn is next in `lane`, which is not empty."""
        return self._of(lane)[0]

    def pop(self, lane: Lane) -> Waiting[Who]:
        """The same, who waits no longer."""
        self._inside_next = lane is Lane.NEWCOMERS
        return self._of(lane).popleft()

    def remove(self, gone: Waiting[Who]) -> None:
        """Let one of them wait no longer."""
        (self.inside if gone in self.inside else self.newcomers).remove(gone)

    def _of(self, lane: Lane) -> deque[Waiting[Who]]:
        return self.newcomers if lane is Lane.NEWCOMERS else self.inside


class Source(Generic[Who]):
    """One address or network: who of it waits, what it has had, and what is known of it."""

    __slots__ = ("_had", "_had_at", "arrivals", "bucket", "crowding", "guessing_until", "known_until", "lanes", "name", "weight")

    def __init__(self, name: str) -> None:
        self.name = name
        self.bucket = Bucket()
        # Of new connections alone, while it is a known one.
        self.arrivals = Bucket()
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

    def is_known(self, now: float) -> bool:
        """Whether a client signed in from there lately."""
        return now < self.known_until

    def comes_last(self, now: float) -> bool:
        """Whether all others are served before it: it guesses, and nobody signed in from there lately."""
        return self.guesses(now) and not self.is_known(now)

    def pace(self, paces: Paces, now: float) -> Pace:
        """How fast it may be, new connections of a known one apart."""
        if self.is_known(now):
            return paces.known_guessing if self.guesses(now) else paces.known
        return paces.guessing if self.guesses(now) else paces.source

    def ready(self, paces: Paces, now: float) -> Lane | None:
        """Of which lane its paces allow the next turn; `None`: of none."""
        for lane in self.lanes.order:
            apart = lane is Lane.NEWCOMERS and self.is_known(now)
            pace = paces.known_arrivals if apart else self.pace(paces, now)
            if self.bucket_of(lane, now).has_room(pace, self.lanes.first(lane).cost, now):
                return lane
        return None

    def bucket_of(self, lane: Lane, now: float) -> Bucket:
        """Where turns of `lane` are counted."""
        return self.arrivals if lane is Lane.NEWCOMERS and self.is_known(now) else self.bucket

    def take(self, cost: float, lane: Lane, now: float) -> None:
        """It has a turn. The bucket forgets that within a second or two, the weight within minutes."""
        self.bucket_of(lane, now).level += cost
        self._had = self._had * 0.5 ** ((now - self._had_at) / HALF_LIFE_S) + cost
        self._had_at = now
        # The first summand alone may have decayed to nothing.
        self.weight = math.log2(self._had) + now / HALF_LIFE_S if self._had else NEVER

    def absolve(self) -> None:
        """What it had is forgotten."""
        self._had, self.weight = 0.0, NEVER

    def rank(self, now: float) -> tuple[bool, bool, float, float]:
        """The smallest comes first: no unknown guesser, somebody who signed in from there lately, few turns of late, a long wait."""
        first = self.lanes.first(self.lanes.order[0])
        return (self.comes_last(now), not self.is_known(now), self.weight, first.since)

    def worth(self, now: float) -> tuple[bool, bool, bool, float]:
        """The smallest is forgotten first."""
        return (bool(self.lanes), self.guesses(now), self.is_known(now), self.weight)

    def crowds(self, count: int, now: float) -> Crowding:
        """How much it crowds the queue with `count` newcomers: who comes last more than anybody else, then by number, then by rank."""
        return (self.comes_last(now), count, not self.is_known(now), self.weight)
