"""systemd's words: what a unit is called, and how a text is written into one so that systemd reads it back as it was.

Sources: systemd.unit(5), systemd.service(5) ("Command lines"), systemd.exec(5) and `config_parse_*` of systemd 252, which differ in what
they unquote: each setting has its own way here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import Enum
from pathlib import Path

PREFIX = "jupyter-remotekit@"
SUFFIX = ".service"
_PLAIN_IN_NAMES = re.compile(r"[A-Za-z0-9_.-]")
# Control characters, and what stands for a byte that is not UTF-8 (`surrogateescape`): a unit is UTF-8, line by line.
_UNSAYABLE = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
# systemd takes no program whose path has quotes or a backslash in it (`string_is_safe`), and hands variables in it on expanded.
_NO_PROGRAM = re.compile(r"""["'\\$]""")
_GLOB = re.compile(r"[*?\[\]\\]")


class Scope(str, Enum):
    """Whose manager runs the unit: the user's own, or the machine's."""

    USER = "user"
    SYSTEM = "system"

    @property
    def target(self) -> str:
        """What is started at boot and wants the unit."""
        return "default.target" if self is Scope.USER else "multi-user.target"


def unit_name(instance: str, user: str | None = None) -> str:
    """The unit of an instance; with `user` that of the machine's manager, where each user has instances of his own.

    There is no dot in an instance's name, so that the last one parts the two, and no two units meet. With a colon `systemd-analyze verify`
    would take what follows for an alias.
    """
    owner = "" if user is None else f"{_escaped(user)}."
    return f"{PREFIX}{owner}{instance}{SUFFIX}"


def instance_of(unit: str) -> tuple[str | None, str] | None:
    """User (as the unit's name has it; `None` in the user's own manager) and instance of a unit's name; `None` of a stranger's."""
    if not (unit.startswith(PREFIX) and unit.endswith(SUFFIX)):
        return None
    owner, dot, instance = unit[len(PREFIX) : -len(SUFFIX)].rpartition(".")
    return (owner if dot else None), instance


def command_line(program: Path, *arguments: str) -> str:
    """The value of `ExecStart=`.

    The first word is no place for variables, so that `$$` would stay what it is, and not every path may stand there: a shell, which is
    told the path as an argument, becomes such a program.
    """
    words = (str(program), *arguments)
    if _NO_PROGRAM.search(words[0]) or _UNSAYABLE.search(words[0]):
        return " ".join(('"/bin/sh"', *map(argument, ("-c", 'exec "$0" "$@"', *words))))
    return " ".join((f'"{specifiers(words[0])}"', *map(argument, arguments)))


def argument(text: str) -> str:
    """A word of `ExecStart=` but the first: quoted, and with neither a specifier nor a variable in it."""
    return _quoted(_UNSAYABLE.sub(_hexadecimal, _backslashed(text))).replace("$", "$$")


def path_list(paths: Iterable[Path]) -> str:
    """The value of a list of paths such as `RequiresMountsFor=`, which knows no `\\x0a`: a path that would need one is left out."""
    return " ".join(_quoted(_backslashed(text)) for text in dict.fromkeys(map(str, paths)) if not _UNSAYABLE.search(text))


def whole_line(path: Path) -> str | None:
    """A path as the whole value of a setting that unquotes nothing, such as `WorkingDirectory=`.

    `None` where there is no way to say it: a control character, bytes that are not UTF-8, or a space or a backslash at its end, which
    belong to the line there.
    """
    text = str(path)
    if _UNSAYABLE.search(text) or text != text.rstrip() or text.endswith("\\"):
        return None
    return specifiers(text)


def environment_file(path: Path) -> str | None:
    """The value of `EnvironmentFile=`, which is a pattern (glob(7)); `None` as of `whole_line`."""
    return whole_line(Path(_GLOB.sub(r"\\\g<0>", str(path))))


def specifiers(text: str) -> str:
    """`text` without a specifier in it; see "Specifiers" in systemd.unit(5)."""
    return text.replace("%", "%%")


def _escaped(text: str) -> str:
    """As systemd-escape(1) does, but for `-`, which it needs for paths alone."""
    return "".join(
        char if _PLAIN_IN_NAMES.fullmatch(char) else "".join(f"\\x{byte:02x}" for byte in char.encode("utf-8", "surrogateescape"))
        for char in text
    )


def _quoted(escaped: str) -> str:
    return f'"{specifiers(escaped)}"'


def _backslashed(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _hexadecimal(match: re.Match[str]) -> str:
    return "".join(f"\\x{byte:02x}" for byte in match[0].encode("utf-8", "surrogateescape"))
