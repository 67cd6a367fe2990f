"""On which line of a JSON text a key stands."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_remote_kit.plan.jsonlines import lines_of_keys

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
INDENTS = st.sampled_from([None, 0, 2])


@given(st.dictionaries(st.text(), st.dictionaries(st.text(), VALUES, max_size=4), max_size=3), INDENTS, st.booleans())
def test_every_key_of_every_section_is_found_on_its_line(sections: dict[str, dict[str, Any]], indent: int | None, ascii_only: bool) -> None:
    expected, rows = {}, ["{"]
    for place, (section, traits) in enumerate(sections.items()):
        rows += [("," if place else "") + json.dumps(section, ensure_ascii=ascii_only) + ": {"]
        for number, (trait, value) in enumerate(traits.items()):
            key = ("," if number else "") + json.dumps(trait, ensure_ascii=ascii_only)
            first, *more = json.dumps(value, ensure_ascii=ascii_only, indent=indent).split("\n")
            rows += [f"{key}: {first}", *more]
            expected[section, trait] = len(rows) - len(more)
        rows += ["}"]
    text = "\n".join([*rows, "}"])
    assert json.loads(text) == sections
    assert lines_of_keys(text) == expected


@pytest.mark.parametrize("text", ["{}", "[]", "null", '"a: b"', '[{"a": {"b": 1}}]', '{"a": 1}', '{"a": [{"b": 1}]}'])
def test_where_there_are_no_sections_there_are_no_keys(text: str) -> None:
    assert lines_of_keys(text) == {}


def test_of_a_repeated_key_the_last_counts_as_it_does_for_json() -> None:
    assert lines_of_keys('{"a": {\n"b": 1,\n"b": 2}}') == {("a", "b"): 3}


def test_a_text_that_looks_like_structure_is_none() -> None:
    assert lines_of_keys('{"a": {"x": "\\"}:{[",\n"b": 2}}') == {("a", "x"): 1, ("a", "b"): 2}
