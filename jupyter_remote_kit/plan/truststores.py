"""A laptop's stores of trusted authorities: what each should hold, and what is done to those that do not.

The stores do not depend on each other: each is changed by itself, and one that cannot be changed does not hold the others up.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from jupyter_remote_kit.errors import Problem
from jupyter_remote_kit.messages import Message
from jupyter_remote_kit.plan.model import Step
from jupyter_remote_kit.plan.trusted import Trusted, file_of


@dataclass(frozen=True)
class Wish:
    """What every store of the laptop should hold: `wanted`, and nothing of `unwanted`. `folder` has their certificates as files."""

    folder: Path
    wanted: Trusted | None = None
    unwanted: tuple[Trusted, ...] = ()

    def file(self, entry: Trusted) -> str:
        """The certificate of `entry`, as an argument."""
        return str(file_of(entry, self.folder))


@dataclass(frozen=True)
class Held:
    """A certificate in a store: what the store calls it, and whether it is trusted there."""

    name: str = ""
    trusted: bool = True


class Store(Protocol):
    """One store. It knows what it holds of the authorities in question, by the SHA-256 of each."""

    @property
    def title(self) -> Message:
        """Which one it is, for people."""

    @property
    def vital(self) -> bool:
        """Whether a browser goes by it, so that an obstacle is a failure."""

    def steps(self, wish: Wish) -> tuple[Step, ...]:
        """What brings it to what is wished; nothing where it is so already."""

    def obstacle(self, wish: Wish) -> Problem | None:
        """Why its steps cannot be taken."""


@dataclass(frozen=True)
class Change:
    """What is done to one store."""

    store: Store
    steps: tuple[Step, ...]


def changes(stores: Iterable[Store], wish: Wish) -> tuple[Change, ...]:
    """What is done to the stores that can be changed and need it."""
    planned = (Change(store, store.steps(wish)) for store in stores if store.obstacle(wish) is None)
    return tuple(change for change in planned if change.steps)


def obstacles(stores: Iterable[Store], wish: Wish, *, vital: bool) -> tuple[Problem, ...]:
    """Why the others cannot, each reason once."""
    found = (store.obstacle(wish) for store in stores if store.vital is vital)
    return tuple({problem.code: problem for problem in found if problem is not None}.values())


def missing(held: Mapping[str, Held], wish: Wish) -> tuple[Trusted, ...]:
    """What is wanted and not trusted yet in a store that holds `held`: one, or none."""
    wanted = wish.wanted
    return (wanted,) if wanted and not (wanted.digest in held and held[wanted.digest].trusted) else ()
