"""Whose turn it is: how fast strangers may make the server work, source by source and all together. No clock and no socket in here.

A turn is what a request that is refused costs the event loop, or a TLS handshake: 1.3 ms and 1.2 ms measured; a large header is several
(server/connections.py). So at 200 turns a second strangers never get more than about a quarter of it, and those who guess a fifteenth; a
source from which somebody signed in lately has an eighth for its new connections, and, while it guesses, a twenty-fifth for the rest.
What cannot have its turn at once waits, and the next turn goes to the source that had the fewest of late: a newcomer is served before
those who fill the queue.
"""

from __future__ import annotations

from operator import attrgetter
from typing import Generic

from jupyter_remote_kit.server.sources import Bucket, Crowding, Lane, Lanes, Paces, Source, Waiting, Who

_crowding = attrgetter("crowding")


class Door(Generic[Who]):
    """Strangers come here with whatever makes work, and are let through at the paces of `paces`.

    `waiting` and `waiting_each` bound how many newcomers wait in all and of one source, `patience` is how long (seconds), `sources`
    how many sources are remembered, `known_for` for how long it counts that somebody signed in.
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
        self._sources: dict[str, Source[Who]] = {}
        self._queue: dict[str, Source[Who]] = {}
        self._everybody = Bucket()
        self._all_guessing = Bucket()
        self._newcomers = 0
        # The source that crowds the queue most; found again when the queue has changed. While a flood is refused it does not.
        self._most: Source[Who] | None = None

    def __len__(self) -> int:
        """How many wait."""
        return self._newcomers + sum(len(entry.lanes.inside) for entry in self._queue.values())

    def __bool__(self) -> bool:
        """Whether anybody does."""
        return bool(self._queue)

    def knock(self, who: Who, source: str, cost: float, now: float) -> Who | None:
        """Let a newcomer wait for its turn.

        Returns who must go for it: nobody, `who` itself, or another newcomer, of a source that has more of them waiting.
        """
        entry = self._source(source, now)
        count = len(entry.lanes.newcomers) + 1
        if count > self._waiting_each:
            # Not the oldest of them, nor any: whoever goes, a newcomer's chance is the turns of its source over those who come from there,
            # and before a handshake there is no telling the owner from the rest.
            return who
        outsider = None
        if self._newcomers >= self._waiting_limit:
            outsider = None if entry.comes_last(now) else self._make_room(entry.crowds(count, now))
            if outsider is None:
                return who
        entry.lanes.newcomers.append(Waiting(who, cost, now))
        entry.crowding = entry.crowds(count, now)
        self._newcomers += 1
        self._most = None
        self._queue[source] = entry
        return outsider

    def ask(self, who: Who, source: str, cost: float, now: float) -> None:
        """Let somebody who is in already wait for a further turn. Bounded by how many are in, and not refused for the sake of newcomers."""
        entry = self._source(source, now)
        entry.lanes.inside.append(Waiting(who, cost, now))
        self._queue[source] = entry

    def turns(self, now: float) -> list[Who]:
        """Those whose turn has come; they wait no longer."""
        served: list[Who] = []
        while self._queue:
            before = len(served)
            for entry in sorted(self._queue.values(), key=lambda entry: entry.rank(now)):
                lane = entry.ready(self._paces, now)
                if lane is None:
                    continue
                cost = entry.lanes.first(lane).cost
                if not self._everybody.has_room(self._paces.everybody, cost, now):
                    return served
                # All who are left come last as well.
                if entry.comes_last(now) and not self._all_guessing.has_room(self._paces.all_guessing, cost, now):
                    return served
                served.append(self._let_through(entry, lane, now))
            if len(served) == before:
                break
        return served

    def impatient(self, now: float) -> list[Who]:
        """Those who waited too long; they wait no longer."""
        gone: list[Who] = []
        for entry in list(self._queue.values()):
            for waiting in [one for one in entry.lanes if now - one.since >= self._patience]:
                self._remove(entry, waiting)
                gone.append(waiting.who)
        return gone

    def leave(self, who: Who, source: str) -> bool:
        """`who` went away by itself. Whether it waited."""
        entry = self._queue.get(source)
        waiting = next((one for one in entry.lanes if one.who == who), None) if entry is not None else None
        if entry is None or waiting is None:
            return False
        self._remove(entry, waiting)
        return True

    def welcome(self, source: str, paid: float, now: float) -> None:
        """Somebody of `source` has signed in: the `paid` turns are given back, and the source is served before strange ones."""
        # By the paces that they were had at.
        self.give_back(source, paid, now)
        entry = self._source(source, now)
        entry.arrivals.give_back(paid)
        entry.known_until = now + self._known_for
        entry.absolve()

    def give_back(self, source: str, cost: float, now: float, lane: Lane = Lane.INSIDE) -> None:
        """`cost` turns that `source` had in `lane` came to nothing."""
        entry = self._source(source, now)
        for bucket in (entry.bucket_of(lane, now), self._everybody, *((self._all_guessing,) if entry.comes_last(now) else ())):
            bucket.give_back(cost)

    def heat(self, source: str, seconds: float, now: float) -> None:
        """The guesses of `source` are refused for `seconds`: it is served slowly, and after all others.

        Not after all others while somebody who signed in lately is behind it as well, and not as slowly.
        """
        entry = self._source(source, now)
        anew = not entry.guesses(now)
        used = entry.bucket.settle(entry.pace(self._paces, now), now)
        entry.guessing_until = max(entry.guessing_until, now + seconds)
        if anew:
            # What it used up at its former pace would keep it out for as long as that takes at this one.
            entry.bucket.level = min(used, entry.pace(self._paces, now).at_once)

    def guesses(self, source: str, now: float) -> bool:
        """Whether `source` is one whose guesses are refused just now."""
        entry = self._sources.get(source)
        return entry is not None and entry.guesses(now)

    def clear(self) -> list[Who]:
        """Everybody who waits; nobody does any more."""
        gone = [waiting.who for entry in self._queue.values() for waiting in entry.lanes]
        for entry in self._queue.values():
            entry.lanes = Lanes()
        self._queue.clear()
        self._newcomers, self._most = 0, None
        return gone

    def _let_through(self, entry: Source[Who], lane: Lane, now: float) -> Who:
        waiting = entry.lanes.pop(lane)
        self._left(entry)
        entry.take(waiting.cost, lane, now)
        self._everybody.level += waiting.cost
        if entry.comes_last(now):
            self._all_guessing.level += waiting.cost
        return waiting.who

    def _remove(self, entry: Source[Who], waiting: Waiting[Who]) -> None:
        entry.lanes.remove(waiting)
        self._left(entry)

    def _left(self, entry: Source[Who]) -> None:
        """One of `entry` waits no longer."""
        guesses, before, strange, weight = entry.crowding
        count = len(entry.lanes.newcomers)
        if count != before:
            self._newcomers -= 1
            self._most = None
            entry.crowding = (guesses, count, strange, weight)
        if not entry.lanes:
            self._queue.pop(entry.name, None)

    def _make_room(self, crowding: Crowding) -> Who | None:
        """The last newcomer of the source that crowds the queue most; `None` where none crowds it more than `crowding`."""
        if self._most is None:
            self._most = max((entry for entry in self._queue.values() if entry.lanes.newcomers), key=_crowding)
        entry = self._most
        if crowding >= entry.crowding:
            return None
        waiting = entry.lanes.newcomers.pop()
        self._left(entry)
        return waiting.who

    def _source(self, source: str, now: float) -> Source[Who]:
        entry = self._sources.get(source)
        if entry is None:
            if len(self._sources) >= self._sources_limit:
                self._forget(now)
            entry = self._sources[source] = Source(source)
        return entry

    def _forget(self, now: float) -> None:
        """Forget a quarter of the sources at once: looking for one at each newcomer would be work that strangers can make."""
        ranked = sorted(self._sources.items(), key=lambda item: item[1].worth(now))
        for source, entry in ranked[: max(1, len(ranked) // 4)]:
            if not entry.lanes:
                del self._sources[source]
