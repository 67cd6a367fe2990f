"""Keeps the audit short under attack: of what a stranger can repeat at will some is recorded, and the rest is counted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from jupyter_remote_kit.plan.audit import Action

AT_ONCE = 5
INTERVAL_S = 60.0
# All sources together, in bytes: a minute's attack from hundreds of addresses stays below 300 kB, and one that goes on takes two days to
# push a sign-in out of the 50 MB that are kept.
BUDGET = 256 * 1024
BUDGET_A_SECOND = 256
Key = tuple[Action, str, str]


@dataclass
class _Source:
    """A bucket of five that fills by one a minute; `left_out` are those not recorded since the last that was."""

    room: float
    since: float
    left_out: int = 0

    def fill(self, now: float) -> None:
        self.room = min(AT_ONCE, self.room + max(now - self.since, 0.0) / INTERVAL_S)
        self.since = now

    @property
    def idle(self) -> bool:
        return not self.left_out and self.room >= AT_ONCE


class Thinning:
    """Which refusals are recorded. By source and action five at once, then one a minute; over all of them a budget of bytes.

    A `kind` is counted for itself: what an IDE repeats must not hide somebody's guesses behind the same address, nor count as some.
    """

    def __init__(self, *, sources: int = 4096) -> None:
        self._limit = sources
        self._sources: dict[Key, _Source] = {}
        self._budget = float(BUDGET)
        self._filled = 0.0
        # Of sources that the table has no room for any more.
        self._elsewhere: dict[Action, int] = {}

    def admit(self, action: Action, source: str, now: float, kind: str = "") -> int | None:
        """Whether this one is recorded: `None` when it is left out, else how many like it were left out before it."""
        entry = self._entry((action, source, kind), now)
        if entry.room < 1 or not self._within_budget(now):
            entry.left_out += 1
            return None
        return self._take(entry)

    def charge(self, size: int) -> None:
        """So many bytes were written for what was admitted."""
        self._budget -= size

    def due(self, now: float, *, final: bool = False) -> Iterator[tuple[Action, str, str, int]]:
        """What was left out of floods that are over: action, source (empty: of several), kind, number; `final` of those that go on as well.

        Charge each before asking for the next one.
        """
        for (action, source, kind), entry in list(self._sources.items()):
            entry.fill(now)
            if entry.left_out and (final or entry.room >= 1):
                if self._within_budget(now):
                    yield action, source, kind, self._take(entry)
                elif final:
                    self._count_elsewhere(action, self._take(entry))
            if entry.idle:
                del self._sources[action, source, kind]
        elsewhere, self._elsewhere = self._elsewhere, {}
        for action, number in elsewhere.items():
            yield action, "", "", number

    def _take(self, entry: _Source) -> int:
        entry.room -= 1
        left_out, entry.left_out = entry.left_out, 0
        return left_out

    def _entry(self, key: Key, now: float) -> _Source:
        """The source's bucket, moved to the young end of the table; the oldest goes when there is no room."""
        entry = self._sources.pop(key, None) or _Source(AT_ONCE, now)
        entry.fill(now)
        if len(self._sources) >= self._limit:
            oldest = next(iter(self._sources))
            self._count_elsewhere(oldest[0], self._sources.pop(oldest).left_out)
        self._sources[key] = entry
        return entry

    def _count_elsewhere(self, action: Action, number: int) -> None:
        if number:
            self._elsewhere[action] = self._elsewhere.get(action, 0) + number

    def _within_budget(self, now: float) -> bool:
        self._budget = min(BUDGET, self._budget + max(now - self._filled, 0.0) * BUDGET_A_SECOND)
        self._filled = now
        return self._budget > 0
