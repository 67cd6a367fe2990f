"""What holds SECURITY.md to its tests finds a promise without one, and a test that is not there."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import promises

GOOD = """# Security

## What is promised

**One thing.** It is so.[^one] More of it.

A table, in this order[^two]:

| who | what |
|---|---|
| a | b[^one] |

**A list.**

- an item
  that goes on[^two]
- another[^one]

## What is not

- anything else

[^one]: `tests/a.py::test_one`, `tests/a.py::TestClass::test_two`
[^two]: `tests/a.py::test_later`
"""
MODULE = """
import no_such_module
def test_one(): ...
async def test_later(): ...
def helper(): ...
class TestClass:
    def test_two(self): ...
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "a.py").write_text(MODULE)
    return tmp_path


def page(text: str) -> promises.Page:
    return promises.read(text, "What is promised")


def test_a_page_whose_promises_are_held_is_without_fault(root: Path) -> None:
    assert len(page(GOOD).promises) == 4
    assert list(promises.faults(page(GOOD), root)) == []


@pytest.mark.parametrize(
    ("good", "bad", "fault"),
    [
        ("It is so.[^one]", "It is so.", "names no test: **One thing.**"),
        ("| a | b[^one] |", "| a | b |", "names no test: | a | b |"),
        ("- another[^one]", "- another", "names no test: - another"),
        ("- another[^one]", "- another[^three]", "no footnote [^three]"),
        ("[^two]: `tests/a.py::test_later`", "[^two]: see there", "[^two] names no test"),
        ("[^two]: `", "[^three]: `tests/a.py::test_one`\n[^two]: `", "nothing refers to [^three]"),
        ("a.py::test_one", "a.py::test_two", "[^one]: there is no tests/a.py::test_two"),
        ("a.py::test_one", "b.py::test_one", "[^one]: there is no tests/b.py::test_one"),
        ("a.py::test_one", "a.py::helper", "[^one]: there is no tests/a.py::helper"),
        ("a.py::test_one", "a.py", "[^one]: there is no tests/a.py"),
        ("TestClass::test_two", "TestClass::test_one", "[^one]: there is no tests/a.py::TestClass::test_one"),
        ("## What is promised", "## What else", "there is no promise"),
    ],
)
def test_a_fault_is_found(good: str, bad: str, fault: str, root: Path) -> None:
    found = list(promises.faults(page(GOOD.replace(good, bad)), root))
    assert [line for line in found if line.startswith(fault)], found


@pytest.mark.parametrize(
    ("good", "bad"),
    [("- another[^one]\n", ""), ("- another[^one]", "- another[^two]"), ("a.py::test_later", "a.py::test_one")],
    ids=["a promise is missing", "by another test", "another footnote"],
)
def test_a_translation_is_held_by_the_same_tests(good: str, bad: str) -> None:
    assert list(promises.differences(page(GOOD), page(GOOD.replace(good, bad))))
    assert not list(promises.differences(page(GOOD), page(GOOD)))


def test_the_pages_as_they_are() -> None:
    assert promises.main() == 0
