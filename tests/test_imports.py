"""That each module can be imported by itself: none needs one that needs it, when it is loaded."""

from __future__ import annotations

import ast
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import jupyter_remote_kit

PACKAGE = Path(jupyter_remote_kit.__file__).parent


def loads(module: ast.Module) -> set[str]:
    """What a module imports when it is loaded: not within functions, and not for type checkers alone."""
    found: set[str] = set()
    for node in module.body:
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.update((node.module, *(f"{node.module}.{alias.name}" for alias in node.names)))
    return found


def needed(package: Path) -> dict[str, set[str]]:
    """The package's modules, each with those of them that it loads. A package is loaded before what is in it, and needs nothing of that."""
    files = {".".join((package.name, *file.relative_to(package).with_suffix("").parts)): file for file in package.rglob("*.py")}
    modules = {name: file for name, file in files.items() if not name.endswith("__init__")}
    return {name: loads(ast.parse(file.read_text(encoding="utf-8"))) & modules.keys() for name, file in modules.items()}


def circle(graph: dict[str, set[str]]) -> list[str]:
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def test_no_module_needs_one_that_needs_it() -> None:
    graph = needed(PACKAGE)
    assert len(graph) > 200
    assert "jupyter_remote_kit.messages" in graph["jupyter_remote_kit.errors"]
    assert circle(graph) == []


@pytest.mark.parametrize("within", ["", "    "])
def test_a_circle_is_found(within: str, tmp_path: Path) -> None:
    package = tmp_path / "a"
    package.mkdir()
    (package / "one.py").write_text("from a import two\n")
    (package / "two.py").write_text(f"{'def later():' if within else ''}\n{within}from a.one import thing\n")
    assert bool(circle(needed(package))) is not bool(within)
