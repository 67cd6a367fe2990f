"""Reads what systemd reads, as its manual tells it: systemd.syntax(7), systemd.service(5), systemd.unit(5), systemd.exec(5).

Written from the manual and not from what writes units here, and stricter than systemd: whatever the manual leaves open is an error.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

WHITESPACE = " \t\n\r"
_SIMPLE_ESCAPES = {
    "a": b"\a", "b": b"\b", "f": b"\f", "n": b"\n", "r": b"\r", "t": b"\t", "v": b"\v", "\\": b"\\", '"': b'"', "'": b"'", "s": b" "
}  # fmt: skip


class Misread(Exception):
    """systemd would read something else than one plain text here, or refuse it."""


@dataclass(frozen=True)
class Program:
    """What is executed: the file, and what it is told, its own name first."""

    path: str
    argv: tuple[str, ...]


def text_of(data: bytes) -> str:
    """As Python has bytes of the file system."""
    return data.decode("utf-8", "surrogateescape")


def unit_file(text: str) -> dict[str, list[tuple[str, str]]]:
    """Sections, each with its settings in order."""
    text.encode("utf-8")
    sections: dict[str, list[tuple[str, str]]] = {}
    section = ""
    pending = ""
    for raw in re.split(r"[\n\r\0]", text):
        line = raw.lstrip(WHITESPACE)
        if line.startswith(("#", ";")):
            continue
        if line.endswith("\\"):
            pending += f"{line[:-1]} "
            continue
        line, pending = (pending + line).strip(WHITESPACE), ""
        if line.startswith("["):
            section = line.removeprefix("[").removesuffix("]")
            sections.setdefault(section, [])
        elif line:
            name, equals, value = line.partition("=")
            if not (section and equals):
                raise Misread(line)
            sections[section].append((name.strip(WHITESPACE), value.strip(WHITESPACE)))
    if pending:
        raise Misread(pending)
    return sections


def exec_start(value: str) -> Program:
    """`ExecStart=`."""
    first, *rest = (specifiers(text_of(word)) for word in words(value, escapes=True))
    if not first.startswith("/") or re.search(r"[\x00-\x1f\x7f\"'\\]", first):
        raise Misread(first)
    # Variables are replaced in the name that the program is told, but not in the path of what is executed.
    return Program(first, tuple(map(variables, (first, *rest))))


def path_list(value: str) -> list[str]:
    """`RequiresMountsFor=`: no C escapes there, a backslash stands before what is meant."""
    return [specifiers(text_of(word)) for word in words(value, escapes=False)]


def whole(value: str) -> str:
    """A setting whose whole value is the text."""
    if "\n" in value or value != value.strip(WHITESPACE) or value.endswith("\\"):
        raise Misread(value)
    value.encode("utf-8")
    return specifiers(value)


def pattern(value: str) -> str:
    """`EnvironmentFile=`: a pattern of glob(7) that means one path."""
    found = ""
    characters = iter(whole(value))
    for char in characters:
        if char in "*?[":
            raise Misread(value)
        found += next(characters) if char == "\\" else char
    return found


def specifiers(text: str) -> str:
    """`%%` is a percent sign; every other specifier is something of the machine."""
    rest = text.replace("%%", "")
    if "%" in rest:
        raise Misread(text)
    return text.replace("%%", "%")


def variables(text: str) -> str:
    """`$$` is a dollar sign; everything else with one in it is a variable."""
    if "$" in text.replace("$$", ""):
        raise Misread(text)
    return text.replace("$$", "$")


def words(value: str, *, escapes: bool) -> Iterator[bytes]:
    """Words in double quotes, which begin a word and end it."""
    if re.search(r"[\n\r\0]", value):
        raise Misread(value)
    rest = value
    while rest:
        quoted = re.match(r'"((?:[^"\\]|\\.)*)"(?:[ \t]+|\Z)', rest)
        if quoted is None:
            raise Misread(rest)
        yield b"".join(_unescaped(quoted[1], escapes=escapes))
        rest = rest[quoted.end() :]


def _unescaped(text: str, *, escapes: bool) -> Iterator[bytes]:
    at = 0
    while at < len(text):
        char = text[at]
        at += 1
        if char != "\\":
            yield char.encode()
            continue
        escape = text[at]
        at += 1
        if not escapes:
            yield escape.encode()
        elif escape == "x":
            yield bytes.fromhex(text[at : at + 2])
            at += 2
        elif escape in _SIMPLE_ESCAPES:
            yield _SIMPLE_ESCAPES[escape]
        else:
            raise Misread(text)


def environment(text: str) -> dict[str, str]:
    """`EnvironmentFile=`: comments, and names with values in double quotes, within which a line break is one of the value."""
    text.encode("utf-8")
    found: dict[str, str] = {}
    rest = text
    while rest:
        if rest.startswith(("#", ";", "\n")):
            rest = rest.partition("\n")[2]
            continue
        name = re.match(r'([A-Za-z_][A-Za-z0-9_]*)="', rest)
        if name is None:
            raise Misread(rest)
        value, rest = _double_quoted(rest[name.end() :])
        if name[1] in found or not rest.startswith("\n"):
            raise Misread(rest)
        found[name[1]] = value
    return found


def _double_quoted(text: str) -> tuple[str, str]:
    value = ""
    at = 0
    while text[at] != '"':
        if text[at] == "\\":
            at += 1
            # Before these the backslash goes; before a line break both go; before all else both stay.
            value += text[at] if text[at] in '"\\`$' else "" if text[at] == "\n" else f"\\{text[at]}"
        else:
            value += text[at]
        at += 1
    return value, text[at + 1 :]
