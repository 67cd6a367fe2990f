"""The traits that a Jupyter configuration file sets, as far as reading it tells. Nothing is executed."""

from __future__ import annotations

import ast
import json
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from jupyter_remote_kit.plan.facts import ConfigText
from jupyter_remote_kit.plan.jsonlines import lines_of_keys

UNKNOWN = object()
"""A value that is not a literal; only the running server knows it."""

SETTINGS = "tornado_settings"
"""The trait of ServerApp that is a dictionary itself: `c.ServerApp.tornado_settings["headers"] = …` sets a part of it."""


@dataclass(frozen=True)
class Assignment:
    """One `c.Section.trait = value`, or the same in JSON."""

    section: str
    trait: str
    value: object
    line: int


def assignments(config: ConfigText) -> Iterator[Assignment]:
    """The traits that a file sets, as far as reading it tells.

    Raises `ValueError` with `lineno` and `msg` (as `SyntaxError` and `JSONDecodeError` have them) when the file cannot be parsed.
    """
    if config.path.suffix == ".json":
        return _json_assignments(config.content.decode())
    return _python_assignments(config.content)


def _json_assignments(text: str) -> Iterator[Assignment]:
    traits = json.loads(text)
    if not isinstance(traits, dict):
        message = "a configuration is an object of sections"
        raise ValueError(message)
    lines = lines_of_keys(text)
    for section, values in traits.items():
        if not isinstance(values, dict):
            continue
        for trait, value in values.items():
            yield Assignment(section, trait, value, lines[section, trait])


def _python_assignments(content: bytes) -> Iterator[Assignment]:
    # Bytes, as traitlets hands them to `compile`: a coding line and a byte order mark mean something.
    tree = ast.parse(content)
    # Some errors are the compiler's, not the parser's, such as a `return` outside of a function.
    compile(tree, "configuration", "exec")
    for node in _live(tree):
        if isinstance(node, (ast.Assign, ast.AnnAssign)):
            for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                yield from _set(_path(target), _literal(node.value), node.lineno)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "update":
            yield from _updated(_path(node.func.value), node)


def _live(tree: ast.AST) -> Iterator[ast.AST]:
    """The nodes of a tree, without the branches that are never taken (`if False:`, `if TYPE_CHECKING:`)."""
    todo = deque([tree])
    while todo:
        node = todo.popleft()
        yield node
        truth = _truth(node.test) if isinstance(node, (ast.If, ast.While)) else None
        dead = () if truth is None else node.orelse if truth else node.body  # type: ignore[attr-defined]
        todo.extend(child for child in ast.iter_child_nodes(node) if child not in dead)


def _truth(test: ast.expr) -> bool | None:
    """What a condition is, where its text alone says so."""
    if isinstance(test, ast.Constant):
        return bool(test.value)
    name = test.id if isinstance(test, ast.Name) else test.attr if isinstance(test, ast.Attribute) else ""
    return False if name == "TYPE_CHECKING" else None


def _path(node: ast.expr) -> tuple[str, ...]:
    """The names behind the root: `("A", "b")` for `c.A.b` and for `c["A"]["b"]`; empty where one is computed."""
    names: list[str] = []
    while True:
        if isinstance(node, ast.Attribute):
            names.append(node.attr)
        elif isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant) and isinstance(node.slice.value, str):
            names.append(node.slice.value)
        elif isinstance(node, ast.Subscript):
            return ()
        else:
            return tuple(reversed(names))
        node = node.value


def _set(path: tuple[str, ...], value: object, line: int) -> Iterator[Assignment]:
    if len(path) > 2 and path[-2] == SETTINGS:
        yield Assignment(path[-3], SETTINGS, {path[-1]: value}, line)
    elif len(path) > 1:
        yield Assignment(path[-2], path[-1], value, line)


def _updated(path: tuple[str, ...], call: ast.Call) -> Iterator[Assignment]:
    """`c.Section.update({"trait": value}, trait=value)`, and the same of `tornado_settings`."""
    given = [(keyword.arg, keyword.value) for keyword in call.keywords if keyword.arg]
    for argument in call.args:
        if isinstance(argument, ast.Dict):
            given += [(key.value, value) for key, value in _items(argument) if isinstance(key, ast.Constant) and isinstance(key.value, str)]
    for name, value in given:
        if path:
            yield from _set((*path, name), _literal(value), value.lineno)


def _items(node: ast.Dict) -> Iterator[tuple[ast.expr, ast.expr]]:
    """The pairs of a dictionary, without those that come from another one (`**other`)."""
    return ((key, value) for key, value in zip(node.keys, node.values, strict=True) if key is not None)


def _literal(node: ast.expr | None) -> object:
    """The value of a literal; a dictionary keeps the keys that are literals, with `UNKNOWN` for values that are none."""
    if isinstance(node, ast.Dict):
        return {key.value: _literal(value) for key, value in _items(node) if isinstance(key, ast.Constant)}
    try:
        return ast.literal_eval(node) if node is not None else UNKNOWN
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return UNKNOWN
