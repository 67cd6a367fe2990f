"""How many strangers may be in at once, and who goes when there is no room. No clock and no socket in here."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Who = TypeVar("Who", bound=Hashable)


class Seats(Generic[Who]):
    """Places for strangers: `each` of one source, `overall` of all.

    `gives_way` tells how readily somebody is sent away: the smallest number first, and from `last` on only when there is nobody else. Up to
    `within_source` a source's own newcomer may take the place: there is no use in pushing out a request that is being answered for one
    that has yet to begin.
    """

    def __init__(self, gives_way: Callable[[Who], int], *, each: int, overall: int, within_source: int, last: int) -> None:
        self._gives_way = gives_way
        self._each = each
        self._overall = overall
        self._within_source = within_source
        self._last = last
        # Insertion order is the order of arrival.
        self._taken: dict[str, dict[Who, None]] = {}
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def of(self, source: str) -> int:
        """How many of `source` have a place."""
        return len(self._taken.get(source, ()))

    def __contains__(self, who: tuple[Who, str]) -> bool:
        """Whether somebody, of a source, has a place."""
        return who[0] in self._taken.get(who[1], ())

    def room_for(self, source: str) -> tuple[bool, Who | None]:
        """Whether one more of `source` can have a place, and who has to give it up."""
        group = self._taken.get(source, {})
        if len(group) >= self._each:
            leaver = self._oldest(group, self._within_source)
            return leaver is not None, leaver
        if self._count < self._overall:
            return True, None
        leaver = self.leaver()
        return leaver is not None, leaver

    def leaver(self) -> Who | None:
        """Who goes first when there is no room for anybody: the oldest of the source that has the most."""
        groups = sorted(self._taken.values(), key=len, reverse=True)
        ready = (self._oldest(group, self._last - 1) for group in groups)
        return next((who for who in ready if who is not None), None) or next((self._oldest(group) for group in groups), None)

    def take(self, who: Who, source: str) -> None:
        """`who` has a place from now on."""
        group = self._taken.setdefault(source, {})
        if who not in group:
            group[who] = None
            self._count += 1

    def give_up(self, who: Who, source: str) -> None:
        """`who` has no place any more; nothing happens where it had none."""
        group = self._taken.get(source, {})
        if who in group:
            del group[who]
            self._count -= 1
            if not group:
                del self._taken[source]

    def _oldest(self, group: dict[Who, None], most: int | None = None) -> Who | None:
        """Of those who give way up to `most`, who does so most readily."""
        best: Who | None = None
        best_rank: int | None = None
        for who in group:
            rank = self._gives_way(who)
            if most is not None and rank > most:
                continue
            if best_rank is None or rank < best_rank:
                best, best_rank = who, rank
                if rank == 0:
                    break
        return best
