"""Holds SECURITY.md to its tests: each promise names the tests that hold it, and each of them exists.

`python -m tests.promises` prints one line for each fault; exit code 1: there is one. A test is looked up in the source of its module,
which is parsed and not imported.

A promise is a paragraph, a list item or a row of a table in the section of promises. It names its tests by footnotes, `[^label]`, and a
footnote, `[^label]: …`, lists them in backquotes as pytest takes them. A paragraph that ends with a colon, or is bold as a whole, is the
heading of the table or the list after it.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# Each page, and the heading of its promises.
PAGES = {"SECURITY.md": "What is promised", "SECURITY.zh-CN.md": "保证什么"}
_REFERENCE = re.compile(r"\[\^([\w-]+)\]")
_FOOTNOTE = re.compile(r"^\[\^([\w-]+)\]: (.+)$", re.MULTILINE)
_TESTS = re.compile(r"`([^`]+)`")
_ITEM = ("- ", "* ")
_NAMED = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


@dataclass(frozen=True)
class Page:
    """One language's page: its promises as they are written, the footnotes that it refers to, in order, and those that it has."""

    promises: tuple[str, ...]
    references: tuple[str, ...]
    footnotes: dict[str, str]


def read(text: str, heading: str) -> Page:
    """A page by its Markdown."""
    body = _FOOTNOTE.sub("", text)
    return Page(tuple(_promises(_section(body, heading))), tuple(_REFERENCE.findall(body)), dict(_FOOTNOTE.findall(text)))


def faults(page: Page, root: Path = ROOT) -> Iterator[str]:
    """What is wrong with one page."""
    if not page.promises:
        yield "there is no promise"
    yield from (f"names no test: {promise[:80]}" for promise in page.promises if not _REFERENCE.search(promise))
    yield from (f"no footnote [^{label}]" for label in dict.fromkeys(page.references) if label not in page.footnotes)
    yield from (f"nothing refers to [^{label}]" for label in page.footnotes if label not in page.references)
    for label, footnote in page.footnotes.items():
        named = _TESTS.findall(footnote)
        if not named:
            yield f"[^{label}] names no test"
        yield from (f"[^{label}]: there is no {test}" for test in named if not exists(test, root))


def differences(one: Page, other: Page) -> Iterator[str]:
    """What a translation has otherwise: it makes the same promises, held by the same tests."""
    if one.footnotes != other.footnotes:
        changed = sorted(label for label, _ in one.footnotes.items() ^ other.footnotes.items())
        yield f"the two pages differ in [^{changed[0]}]"
    labels = [[set(_REFERENCE.findall(promise)) for promise in page.promises] for page in (one, other)]
    for number, (ours, theirs) in enumerate(zip(*labels, strict=False)):
        if ours != theirs:
            yield f"the two pages hold a promise by different tests: {one.promises[number][:80]}"
            return
    if len(one.promises) != len(other.promises):
        yield f"the two pages have {len(one.promises)} and {len(other.promises)} promises"


def exists(test: str, root: Path = ROOT) -> bool:
    """Whether `path::name` or `path::Class::name` is a test."""
    path, *names = test.split("::")
    module = root / path
    if not names or not names[-1].startswith("test_") or not module.is_file():
        return False
    within: list[ast.stmt] = ast.parse(module.read_text(encoding="utf-8")).body
    for name in names:
        found = next((node for node in within if isinstance(node, _NAMED) and node.name == name), None)
        if found is None:
            return False
        within = found.body
    return True


def _section(text: str, heading: str) -> str:
    """What stands below a heading of the second level, up to the next one."""
    _, _, after = text.partition(f"\n## {heading}\n")
    return after.partition("\n## ")[0]


def _promises(section: str) -> Iterator[str]:
    for block in re.split(r"\n\s*\n", section.strip()):
        lines = block.splitlines()
        if lines and lines[0].startswith("|"):
            # Below the head and its rule.
            yield from lines[2:]
        elif lines and lines[0].startswith(_ITEM):
            yield from re.split(r"\n(?=[-*] )", block)
        elif block and not _is_heading(_REFERENCE.sub("", block).rstrip()):
            yield block


def _is_heading(paragraph: str) -> bool:
    return paragraph.endswith((":", "：")) or re.fullmatch(r"\*\*[^*]+\*\*", paragraph) is not None


def main() -> int:
    """Print what is wrong. Returns the exit code."""
    pages = {name: read((ROOT / name).read_text(encoding="utf-8"), heading) for name, heading in PAGES.items()}
    found = [f"{name}: {fault}" for name, page in pages.items() for fault in faults(page)]
    found += differences(*pages.values())
    print("\n".join(found) or f"{len(pages['SECURITY.md'].promises)} promises, each with its tests.")  # noqa: T201
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
