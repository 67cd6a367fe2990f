"""Sentences that a user sees, kept untranslated until the edge renders them.

The plan and the policy are pure: they cannot know the language of whoever reads their findings (a terminal, or a browser with another
locale), so they hand out `Message` objects. `cli` renders them with the terminal's catalogue, the server with the request's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

Translate = Callable[[str], str]


def untranslated(msgid: str) -> str:
    """The catalogue of the source language: English says what the msgid says."""
    return msgid


@dataclass(frozen=True)
class Message:
    """A translatable sentence: an English `msgid` in `str.format` syntax, and the values of its fields.

    A value may itself be a `Message`; it is rendered in the same language.
    """

    msgid: str
    values: Mapping[str, object] = field(default_factory=dict)

    def render(self, translate: Translate = untranslated) -> str:
        """The sentence in the language of `translate`."""
        values = {key: value.render(translate) if isinstance(value, Message) else value for key, value in self.values.items()}
        return translate(self.msgid).format(**values)

    def __str__(self) -> str:
        return self.render()

    def __hash__(self) -> int:
        return hash((self.msgid, tuple(sorted((key, str(value)) for key, value in self.values.items()))))


BLANK = Message("")
"""An empty line, or no label; nothing to translate."""


def msg(msgid: str, /, **values: object) -> Message:
    """Mark `msgid` for extraction into the catalogues and bind its values."""
    return Message(msgid, values)


def marked(msgid: str) -> str:
    """Mark a text for extraction that is translated later by whoever shows it, such as the help of an option."""
    return msgid
