"""New connections that found no place in the queue, and have not shown yet who they are. No clock and no socket in here."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Generic, TypeVar

Who = TypeVar("Who", bound=Hashable)


class Undecided(Generic[Who]):
    """Up to `most` of them, for `patience` seconds each; the one that came first makes room.

    A client sends its first bytes right after the connection stands, so that at 2,000 new ones a second they have 60 ms more to arrive.
    """

    def __init__(self, most: int, patience: float) -> None:
        self._most, self._patience = most, patience
        # Insertion order is the order of arrival.
        self._since: dict[Who, float] = {}

    def __len__(self) -> int:
        return len(self._since)

    def __contains__(self, who: Who) -> bool:
        return who in self._since

    def add(self, who: Who, now: float) -> Who | None:
        """Let `who` have a place. Returns who must go for it."""
        self._since[who] = now
        return self._pop() if len(self._since) > self._most else None

    def discard(self, who: Who) -> None:
        """`who` has no place any more; nothing happens where it had none."""
        self._since.pop(who, None)

    def overdue(self, now: float) -> list[Who]:
        """Those whose time is up; they have no place any more."""
        gone = [who for who, since in self._since.items() if now - since >= self._patience]
        for who in gone:
            del self._since[who]
        return gone

    def clear(self) -> list[Who]:
        """All of them; nobody has a place any more."""
        gone = list(self._since)
        self._since.clear()
        return gone

    def _pop(self) -> Who:
        who = next(iter(self._since))
        del self._since[who]
        return who
