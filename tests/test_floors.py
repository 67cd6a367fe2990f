"""The lowest versions that are declared: each dependency has one, and what tests/floors.sh has installed are those."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path

import pytest

from tests import floors

PYPROJECT = (Path(__file__).resolve().parent.parent / "pyproject.toml").read_text(encoding="utf-8")


def test_every_dependency_has_a_floor() -> None:
    rows = floors.constraints(PYPROJECT)
    assert len(rows) == PYPROJECT.partition("dependencies = [")[2].partition("\n]")[0].count('"') // 2
    assert "tornado" in {row.partition("==")[0] for row in rows}


@pytest.mark.parametrize("wrong", ['"click",', '"click<9",', "click>=8"])
def test_a_dependency_without_a_floor_is_found(wrong: str) -> None:
    with pytest.raises(ValueError, match="without a floor"):
        floors.constraints(f'dependencies = [\n  "idna>=3.15", # why\n  {wrong}\n]\n')


def test_nothing_is_older_than_its_floor() -> None:
    for row in floors.constraints(PYPROJECT):
        name, _, lowest = row.partition("==")
        assert _numbers(metadata.version(name)) >= _numbers(lowest), row


def _numbers(version: str) -> list[int]:
    return [int(part) for part in version.split(".") if part.isdecimal()]
