"""Every hint in the sources, as far as reading them tells: its code, the commands of ours in it, and the options that it names."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import jupyter_remote_kit

PACKAGE = Path(jupyter_remote_kit.__file__).parent
# What makes a problem, and which of its arguments is the hint.
_MAKERS = {"Problem": 2, "Finding": 3, "_Rule": 3, "_problem_of": 2}
_ERRORS = frozenset({"Failed", "Refused", "WrongUsage", "Ended", "_KitFailed"})
# What words a command of ours, and which of its arguments is the text.
_COMMANDS = {"own_command": 1, "command_for": 1, "arguments": 1, "command": 0}


@dataclass(frozen=True)
class Hint:
    """One place in the sources that gives a problem a hint. `code` is empty where it comes from elsewhere."""

    place: str
    code: str


@cache
def _trees() -> tuple[tuple[Path, ast.Module], ...]:
    return tuple((path, ast.parse(path.read_text(encoding="utf-8"))) for path in sorted(PACKAGE.rglob("*.py")))


def _calls() -> Iterator[tuple[Path, ast.Call, str, str]]:
    """Every call: what is called, and of what."""
    for path, tree in _trees():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                function = node.func
                name = function.attr if isinstance(function, ast.Attribute) else function.id if isinstance(function, ast.Name) else ""
                owner = function.value.id if isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name) else ""
                yield path, node, name, owner


def hints() -> tuple[Hint, ...]:
    """Every problem with a hint."""
    found = []
    for path, node, name, owner in _calls():
        is_error = name == "of" and owner in _ERRORS
        at = 2 if is_error else _MAKERS.get(name)
        if at is None or len(node.args) <= at or (isinstance(node.args[at], ast.Constant) and node.args[at].value is None):  # type: ignore[attr-defined]
            continue
        code = node.args[0]
        text = code.value if isinstance(code, ast.Constant) and isinstance(code.value, str) else ""
        found.append(Hint(f"{path.relative_to(PACKAGE)}:{node.lineno}", text))
    return tuple(found)


def commands() -> tuple[tuple[str, str], ...]:
    """The commands of ours that are worded anywhere, with their place; what is computed stands as `X`."""
    found = []
    for path, node, name, owner in _calls():
        if name not in _COMMANDS or (name == "command" and owner != "invocation"):
            continue
        text = node.args[_COMMANDS[name]] if len(node.args) > _COMMANDS[name] else None
        if isinstance(text, ast.Constant) and isinstance(text.value, str):
            found.append((f"{path.relative_to(PACKAGE)}:{node.lineno}", text.value))
        elif isinstance(text, ast.JoinedStr):
            parts = ["X" if isinstance(part, ast.FormattedValue) else str(part.value) for part in text.values]  # type: ignore[attr-defined]
            found.append((f"{path.relative_to(PACKAGE)}:{node.lineno}", "".join(parts)))
    return tuple(found)


def sentences() -> Iterator[tuple[str, str]]:
    """Every `msg("…")`, with its place."""
    for path, node, name, _ in _calls():
        if name == "msg" and node.args and isinstance(node.args[0], ast.Constant):
            yield f"{path.relative_to(PACKAGE)}:{node.lineno}", str(node.args[0].value)


BARE = re.compile(r"jupyter remotekit [a-z]|pip3? install|\bsystemctl\b")
"""A command in a sentence itself: it would be the same on every machine, and for every instance."""
