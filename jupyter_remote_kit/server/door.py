"""Whose turn it is: how fast strangers may make the server work, source by source and all together. No clock and no socket in here.

A turn is what a TLS handshake costs the event loop: 1.2 ms measured, 1.7 ms with the first request behind it. So at 150 turns a second
strangers never get more than about a quarter of it, whatever they do. What cannot have its turn at once waits, and the next turn goes
to the source that had the fewest of late: a newcomer is served before those who fill the queue.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable
from dataclasses import dataclass
from operator import attrgetter
from typing import Generic, TypeVar

Who = TypeVar("Who", bound=Hashable)

NEVER = float("-inf")
_crowding = attrgetter("crowding")
CROWD = 1_000_000
# After so many seconds a turn that a source had counts half.
HALF_LIFE_S = 60.0


@dataclass(frozen=True)
class Pace:
    """So many turns a second, and so many at once after a quiet time."""

    per_second: float
    at_once: float


@dataclass(frozen=True)
class Paces:
    """The paces of a door. `guessing`: one source whose guesses are refused just now; `all_guessing`: all of those together."""

    everybody: Pace = Pace(150, 12)
    source: Pace = Pace(50, 100)
    all_guessing: Pace = Pace(50, 10)
    guessing: Pace = Pace(10, 20)


class _Bucket:
    """Turns that were taken and are not yet forgotten."""

    __slots__ = ("_at", "level")

    def __init__(self) -> None:
        self.level = 0.0
        self._at = NEVER

    def settle(self, pace: Pace, now: float) -> float:
        if self.level:
            self.level = max(0.0, self.level - (now - self._at) * pace.per_second)
        self._at = now
        return self.level

    def has_room(self, pace: Pace, cost: float, now: float) -> bool:
        # However small the pace is, one turn fits into an empty bucket.
        return self.settle(pace, now) == 0.0 or self.level + cost <= pace.at_once

    def give_back(self, cost: float) -> None:
        self.level = max(0.0, self.level - cost)


@dataclass(slots=True)
class _Waiting(Generic[Who]):
    who: Who
    cost: float
    since: float


class _Source(Generic[Who]):
    """What is remembered of one address or network."""

    __slots__ = ("_had", "_had_at", "bucket", "crowding", "guessing_until", "known_until", "name", "waiting")

    def __init__(self, name: str) -> None:
        self.name = name
        self.bucket = _Bucket()
        self.guessing_until = NEVER
        self.known_until = NEVER
        self.waiting: deque[_Waiting[Who]] = deque()
        self.crowding = 0
        self._had = 0.0
        self._had_at = 0.0

    def guesses(self, now: float) -> bool:
        return now < self.guessing_until

    def pace(self, paces: Paces, now: float) -> Pace:
        return paces.guessing if now < self.guessing_until else paces.source

    def had(self, now: float) -> float:
        """How many turns it had of late. The bucket forgets them within a second or two."""
        return self._had * 0.5 ** ((now - self._had_at) / HALF_LIFE_S) if self._had else 0.0

    def take(self, cost: float, now: float) -> None:
        self.bucket.level += cost
        self._had, self._had_at = self.had(now) + cost, now

    def absolve(self) -> None:
        self._had = 0.0

    def rank(self, now: float) -> tuple[bool, bool, float, float]:
        """The smallest comes first: no guesser, somebody who signed in from there lately, few turns of late, a long wait."""
        return (self.guesses(now), now >= self.known_until, self.had(now), self.waiting[0].since)

    def worth(self, now: float) -> tuple[bool, bool, bool, float]:
        """The smallest is forgotten first."""
        return (bool(self.waiting), self.guesses(now), now < self.known_until, self.had(now))

    def count(self, now: float) -> None:
        """Note how much it crowds the queue: any guesser more than anybody else."""
        self.crowding = len(self.waiting) + (CROWD if self.guesses(now) else 0)


class Door(Generic[Who]):
    """Strangers come here with whatever makes work, and are let through at the paces of `paces`.

    `waiting` and `waiting_each` bound how many wait in all and of one source, `patience` is how long (seconds), `sources` how many
    sources are remembered, `known_for` for how long it counts that somebody signed in.
    """

    def __init__(  # noqa: PLR0913  # bounds, each with a default
        self,
        paces: Paces | None = None,
        *,
        waiting: int = 256,
        waiting_each: int = 64,
        patience: float = 10.0,
        sources: int = 4096,
        known_for: float = 3600.0,
    ) -> None:
        self._paces = paces or Paces()
        self._waiting_limit = waiting
        self._waiting_each = waiting_each
        self._patience = patience
        self._sources_limit = sources
        self._known_for = known_for
        self._sources: dict[str, _Source[Who]] = {}
        self._queue: dict[str, _Source[Who]] = {}
        self._everybody = _Bucket()
        self._all_guessing = _Bucket()
        self._waiting_count = 0

    def __len__(self) -> int:
        """How many wait."""
        return self._waiting_count

    @property
    def remembered(self) -> int:
        """How many sources are remembered."""
        return len(self._sources)

    def knock(self, who: Who, source: str, cost: float, now: float) -> Who | None:
        """Let `who` wait for its turn. Returns who must go for it: nobody, `who` itself, or somebody of a source that has more waiting."""
        entry = self._source(source, now)
        if len(entry.waiting) >= self._waiting_each:
            return who
        outsider = None
        if self._waiting_count >= self._waiting_limit:
            outsider = None if entry.guesses(now) else self._make_room(len(entry.waiting) + 1)
            if outsider is None:
                return who
        entry.waiting.append(_Waiting(who, cost, now))
        entry.count(now)
        self._queue[source] = entry
        self._waiting_count += 1
        return outsider

    def turns(self, now: float) -> list[Who]:
        """Those whose turn has come; they wait no longer."""
        served: list[Who] = []
        while self._queue:
            before = len(served)
            for entry in sorted(self._queue.values(), key=lambda entry: entry.rank(now)):
                cost = entry.waiting[0].cost
                if not self._everybody.has_room(self._paces.everybody, cost, now):
                    return served
                # Guessers come last, so that all who are left are guessers.
                if entry.guesses(now) and not self._all_guessing.has_room(self._paces.all_guessing, cost, now):
                    return served
                if entry.bucket.has_room(entry.pace(self._paces, now), cost, now):
                    served.append(self._let_through(entry, now))
            if len(served) == before:
                break
        return served

    def impatient(self, now: float) -> list[Who]:
        """Those who waited too long; they wait no longer."""
        gone: list[Who] = []
        for entry in list(self._queue.values()):
            while entry.waiting and now - entry.waiting[0].since >= self._patience:
                gone.append(self._unqueue(entry).who)
        return gone

    def leave(self, who: Who, source: str) -> bool:
        """`who` went away by itself. Whether it waited."""
        entry = self._queue.get(source)
        if entry is None:
            return False
        for place, waiting in enumerate(entry.waiting):
            if waiting.who == who:
                del entry.waiting[place]
                self._left(entry)
                return True
        return False

    def welcome(self, source: str, paid: float, now: float) -> None:
        """Somebody of `source` has signed in: the `paid` turns are given back, and the source is served before strange ones."""
        entry = self._source(source, now)
        entry.known_until = now + self._known_for
        entry.absolve()
        self.give_back(source, paid, now)

    def give_back(self, source: str, cost: float, now: float) -> None:
        """`cost` turns of `source` came to nothing."""
        entry = self._source(source, now)
        for bucket in (entry.bucket, self._everybody, *((self._all_guessing,) if entry.guesses(now) else ())):
            bucket.give_back(cost)

    def heat(self, source: str, seconds: float, now: float) -> None:
        """The guesses of `source` are refused for `seconds`: it is served slowly, and after all others."""
        entry = self._source(source, now)
        if not entry.guesses(now):
            # What it used up at its former pace would keep it out for as long as that takes at this one.
            entry.bucket.level = min(entry.bucket.settle(self._paces.source, now), self._paces.guessing.at_once)
        entry.guessing_until = max(entry.guessing_until, now + seconds)

    def guesses(self, source: str, now: float) -> bool:
        """Whether `source` is one whose guesses are refused just now."""
        entry = self._sources.get(source)
        return entry is not None and entry.guesses(now)

    def clear(self) -> list[Who]:
        """Everybody who waits; nobody does any more."""
        gone = [waiting.who for entry in self._queue.values() for waiting in entry.waiting]
        for entry in self._queue.values():
            entry.waiting.clear()
        self._queue.clear()
        self._waiting_count = 0
        return gone

    def _let_through(self, entry: _Source[Who], now: float) -> Who:
        waiting = self._unqueue(entry)
        entry.take(waiting.cost, now)
        self._everybody.level += waiting.cost
        if entry.guesses(now):
            self._all_guessing.level += waiting.cost
        return waiting.who

    def _unqueue(self, entry: _Source[Who]) -> _Waiting[Who]:
        waiting = entry.waiting.popleft()
        self._left(entry)
        return waiting

    def _left(self, entry: _Source[Who]) -> None:
        self._waiting_count -= 1
        entry.crowding -= 1
        if not entry.waiting:
            self._queue.pop(entry.name, None)

    def _make_room(self, crowding: int) -> Who | None:
        """The last of the source that crowds the queue most; `None` where none crowds it more than `crowding`."""
        entry = max(self._queue.values(), key=_crowding)
        if crowding >= entry.crowding:
            return None
        waiting = entry.waiting.pop()
        self._left(entry)
        return waiting.who

    def _source(self, source: str, now: float) -> _Source[Who]:
        entry = self._sources.get(source)
        if entry is None:
            if len(self._sources) >= self._sources_limit:
                self._forget(now)
            entry = self._sources[source] = _Source(source)
        return entry

    def _forget(self, now: float) -> None:
        """Forget a quarter of the sources at once: looking for one at each newcomer would be work that strangers can make."""
        ranked = sorted(self._sources.items(), key=lambda item: item[1].worth(now))
        for source, entry in ranked[: max(1, len(ranked) // 4)]:
            if not entry.waiting:
                del self._sources[source]
