"""Prints the lowest version of each dependency that pyproject.toml allows, as constraints for pip."""

from __future__ import annotations

import re
from pathlib import Path

_DEPENDENCIES = re.compile(r"^dependencies = \[\n(.*?)^\]", re.MULTILINE | re.DOTALL)
_FLOOR = re.compile(r'"([\w-]+)>=([\w.]+)')


def constraints(pyproject: str) -> list[str]:
    """One `name==version` for each dependency. Raises `ValueError` for one without a floor."""
    # Not with tomllib: Python 3.10 has none.
    section = _DEPENDENCIES.search(pyproject)
    lines = [line for line in section[1].splitlines() if line.strip()] if section else []
    floors = [_FLOOR.search(line) for line in lines]
    if not floors or None in floors:
        message = f"a dependency without a floor: {lines[floors.index(None)] if floors else '-'}"
        raise ValueError(message)
    return [f"{floor[1]}=={floor[2]}" for floor in floors if floor]


if __name__ == "__main__":
    text = (Path(__file__).resolve().parent.parent / "pyproject.toml").read_text(encoding="utf-8")
    print("\n".join(constraints(text)))  # noqa: T201
