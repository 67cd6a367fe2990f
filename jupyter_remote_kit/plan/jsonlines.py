"""On which line of a JSON text a key stands; `json` tells it of broken texts only."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\]:,\n]')
_KEY_DEPTH = 2


def lines_of_keys(text: str) -> Mapping[tuple[str, str], int]:
    """The line, from 1, of each key of an object in an object: `(section, key)`. `text` is valid JSON; of a repeated key the last."""
    found: dict[tuple[str, str], int] = {}
    line, word, section = 1, "", ""
    nesting: list[str] = []
    for mark in _TOKEN.findall(text):
        if mark == "\n":
            line += 1
        elif mark in "{[":
            nesting.append(mark)
        elif mark in "}]":
            nesting.pop()
        elif mark == ":" and nesting == ["{"]:
            section = json.loads(word)
        elif mark == ":" and nesting == ["{"] * _KEY_DEPTH:
            found[section, json.loads(word)] = line
        elif mark not in ":,":
            word = mark
    return found
