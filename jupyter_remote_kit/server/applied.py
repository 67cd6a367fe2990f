"""Which setting was being made when an exception was raised: what traitlets and jupyter_server know of it is in their frames only."""

from __future__ import annotations

import re
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from types import FrameType
from typing import Any

from traitlets import HasTraits, TraitType
from traitlets.config import Configurable

from jupyter_remote_kit.plan.assignments import Assignment
from jupyter_remote_kit.plan.userconfig import SERVER_SECTIONS


@dataclass(frozen=True)
class Setting:
    """A trait that was to be set, with the sections that set it: those of its class and its bases."""

    sections: frozenset[str]
    owner: str
    trait: str

    @classmethod
    def of(cls, owner: HasTraits, trait: str) -> Setting:
        """`trait` of the object `owner`."""
        names = frozenset(owner.section_names()) if isinstance(owner, Configurable) else frozenset({type(owner).__name__})
        # notebook_shim hands what is said of NotebookApp on to ServerApp.
        sections = names | SERVER_SECTIONS if "ServerApp" in names else names
        return cls(sections, type(owner).__name__, trait)

    def is_set_by(self, assignment: Assignment) -> bool:
        """Whether `assignment` is where it comes from."""
        return assignment.section in self.sections and assignment.trait == self.trait


def place(error: BaseException) -> Setting | None:
    """What was being configured when `error` was raised; `None` where it was nothing of the kind."""
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    for index in range(len(frames) - 1, -1, -1):
        for name, meaning in _MEANINGS.items():
            if frames[index].f_code.co_name == name and (found := meaning(frames[index:], error)) is not None:
                return found
    return None


def _applied(frames: list[FrameType], _error: BaseException) -> Setting | None:
    """`Configurable._load_config` sets the traits that a configuration names; further in, a trait knows which one it is."""
    owner = frames[0].f_locals.get("self")
    if not isinstance(owner, Configurable):
        return None
    for frame in frames[1:]:
        known: dict[str, Any] = frame.f_locals
        trait, target, change = known.get("self"), known.get("obj"), known.get("change")
        if isinstance(trait, TraitType) and isinstance(target, HasTraits) and trait.name:
            return Setting.of(target, trait.name)
        if isinstance(change, dict) and isinstance(change.get("owner"), HasTraits):
            return Setting.of(change["owner"], change["name"])
    name = frames[0].f_locals.get("name")
    return Setting.of(owner, name) if isinstance(name, str) else None


def _pattern(frames: list[FrameType], error: BaseException) -> Setting | None:
    """`ServerApp.init_webapp` compiles one trait."""
    return Setting(SERVER_SECTIONS, "ServerApp", "allow_origin_pat") if isinstance(error, re.error) else None


_MEANINGS: dict[str, Callable[[list[FrameType], BaseException], Setting | None]] = {
    "_load_config": _applied,
    "init_webapp": _pattern,
}
