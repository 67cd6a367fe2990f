"""Sentences that are rendered late, in the reader's language."""

from __future__ import annotations

import pytest

from jupyter_remote_kit.messages import Message, marked, msg, untranslated

GERMAN = {"The {what} is {how}.": "{how} ist {what}.", "the port": "der Port", "taken": "belegt"}


def translate(msgid: str) -> str:
    return GERMAN.get(msgid, msgid)


def test_a_sentence_is_english_until_a_language_is_known() -> None:
    message = msg("The {what} is {how}.", what="port", how="taken")
    assert str(message) == message.render() == message.render(untranslated) == "The port is taken."


def test_a_translation_may_put_the_values_elsewhere_and_values_are_translated_with_it() -> None:
    message = msg("The {what} is {how}.", what=msg("the port"), how=msg("taken"))
    assert message.render(translate) == "belegt ist der Port."
    assert str(message) == "The the port is taken."


@pytest.mark.parametrize("value", ["{how}", "{}", "{0.__class__}", "%s", "{", "}"])
def test_a_value_is_never_read_as_a_format(value: str) -> None:
    assert str(msg("{text}", text=value)) == value


def test_a_value_may_be_called_msgid() -> None:
    assert str(msg("{msgid}", msgid="x")) == "x"


def test_a_value_that_is_missing_is_a_bug_and_says_so() -> None:
    with pytest.raises(KeyError, match="how"):
        msg("{how}").render()


def test_equal_messages_are_one_in_a_set() -> None:
    one, other = Message("{a} {b}", {"a": 1, "b": [2]}), Message("{a} {b}", {"b": [2], "a": 1})
    assert one == other
    assert len({one, other, msg("{a} {b}", a=1, b=[3]), msg("x")}) == 3


def test_a_marked_text_is_itself() -> None:
    assert marked("Serve JupyterLab") == "Serve JupyterLab"
