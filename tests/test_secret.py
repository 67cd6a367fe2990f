"""A text that never shows itself by accident."""

from __future__ import annotations

import copy
import json
import logging
import pickle
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_remote_kit.secret import MASK, Secret

TEXT = "correct horse battery staple"


@dataclass(frozen=True)
class Holder:
    secret: Secret


def test_reveal_is_the_one_way_to_the_text() -> None:
    assert Secret(TEXT).reveal() == TEXT


@pytest.mark.parametrize("show", [str, repr, "{}".format, "{!r}".format, lambda s: f"{s}", lambda s: f"{[s]}", lambda s: str(Holder(s))])
def test_everything_else_prints_a_mask(show: object) -> None:
    shown = show(Secret(TEXT))  # type: ignore[operator]
    assert MASK in shown
    assert TEXT not in shown


def test_a_log_line_holds_a_mask(caplog: pytest.LogCaptureFixture) -> None:
    logging.getLogger("test").warning("token %s of %r", Secret(TEXT), Holder(Secret(TEXT)))
    assert TEXT not in caplog.text
    assert caplog.text.count(MASK) == 2


def test_it_is_written_nowhere_by_accident() -> None:
    with pytest.raises(TypeError, match="never pickled"):
        pickle.dumps(Secret(TEXT))
    with pytest.raises(TypeError, match="never pickled"):
        copy.deepcopy(Secret(TEXT))
    with pytest.raises(TypeError, match="not JSON serializable"):
        json.dumps({"token": Secret(TEXT)})
    with pytest.raises(TypeError, match="__dict__"):
        vars(Secret(TEXT))


def test_the_mask_does_not_tell_the_length() -> None:
    assert str(Secret("a")) == str(Secret("a" * 100))


@given(st.text(), st.text())
def test_equality_is_that_of_the_texts(one: str, other: str) -> None:
    assert Secret(one) == Secret(one)
    assert hash(Secret(one)) == hash(Secret(one))
    assert (Secret(one) == Secret(other)) is (one == other)
    assert (len(Secret(one)), bool(Secret(one))) == (len(one), bool(one))


def test_bytes_that_were_no_text_can_be_compared() -> None:
    # What a terminal that speaks another encoding hands over (PEP 383).
    assert Secret("pass\udce4word") != Secret(TEXT)
    assert Secret("pass\udce4word") == Secret("pass\udce4word")


def test_a_secret_is_no_string() -> None:
    assert Secret(TEXT) != TEXT
    assert Secret(TEXT).__eq__(TEXT) is NotImplemented
