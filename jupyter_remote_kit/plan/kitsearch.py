"""Where the kit is looked for on a host, and what `templates/remote/kit.sh` says of it."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import IntEnum

from jupyter_remote_kit import invocation
from jupyter_remote_kit.errors import Failed, Problem
from jupyter_remote_kit.messages import msg
from jupyter_remote_kit.plan import remotepaths
from jupyter_remote_kit.plan.terminal import printable

OLDEST = (3, 10)
_LINE = re.compile(r"remotekit-(kit|looked|broken|named-python|named-env|python) (.+)\Z")
_PYTHON = re.compile(r"(\d{1,3})\.(\d{1,3})\.(\d{1,3}) (venv|bare) (/.*)\Z")


class Missing(IntEnum):
    """Why there is no kit; the exit codes of the script."""

    NOWHERE = 64
    NOT_IN_NAMED = 65
    NO_SUCH_NAMED = 66


@dataclass(frozen=True)
class Search:
    """Where to look; empty where nothing is said.

    `python` is an interpreter, `env` an environment (a folder, or the name of one), `kit` the path that worked the last time. What a user
    has said has been through `plan.remotepaths`.
    """

    python: str = ""
    env: str = ""
    project_dir: str = ""
    kit: str = ""

    @property
    def words(self) -> tuple[str, str, str, str]:
        """The first arguments of the script."""
        return self.python, self.env, self.project_dir, self.kit

    def with_kit(self, kit: str) -> Search:
        """The same search, once a kit has been found."""
        return replace(self, kit=kit)


@dataclass(frozen=True)
class Python:
    """An interpreter on the host. `complete`: an environment that it makes has pip."""

    version: tuple[int, int, int]
    complete: bool
    path: str

    @property
    def usable(self) -> bool:
        """Whether the kit runs on it."""
        return self.version >= OLDEST

    @property
    def number(self) -> str:
        """Its version, as it is written."""
        return ".".join(map(str, self.version))


@dataclass(frozen=True)
class Found:
    """The path of the kit, what it has said itself, and the interpreter that was named, if one was."""

    kit: str
    said: tuple[str, ...]
    python: Python | None = None


@dataclass(frozen=True)
class Absence:
    """What was found instead of a kit.

    `named` is the place that the user has named, and `option` by which option; `looked` are the folders that were there, `broken` the
    kits whose interpreter is gone, `pythons` the interpreters: of the named place, else of the whole host.
    """

    missing: Missing
    option: str | None = None
    named: str = ""
    looked: tuple[str, ...] = ()
    broken: tuple[str, ...] = ()
    pythons: tuple[Python, ...] = ()

    @property
    def usable_pythons(self) -> tuple[Python, ...]:
        """Those that the kit can be installed with."""
        return tuple(python for python in self.pythons if python.usable)


class NotFound(Failed):
    """There is no kit where it was looked for."""

    def __init__(self, absence: Absence, host: str) -> None:
        super().__init__(_problem(absence, host))
        self.absence = absence

    @property
    def installable(self) -> bool:
        """Whether it could be installed: there is a Python for it, and no doubt about the place."""
        return self.absence.missing is not Missing.NO_SUCH_NAMED and bool(self.absence.usable_pythons)


def parse(lines: Sequence[str], code: int, host: str) -> Found:
    """What the script has found, from its lines and its exit code; `host` is its name in sentences.

    Raises `NotFound`, and `Failed` for what the script would not say.
    """
    told: dict[str, list[str]] = {}
    for index, line in enumerate(lines):
        match = _LINE.match(line)
        if match and match[1] == "kit" and remotepaths.is_kit(match[2]):
            return Found(match[2], tuple(lines[index + 1 :]), next(iter(_pythons(told.get("python", ()))), None))
        if match:
            told.setdefault(match[1], []).append(match[2])
    if code not in set(Missing):
        words = printable(lines[-1]) if lines else f"exit code {code}"
        message = msg("The shell of {host} did not do what it was told: {words}", host=host, words=words)
        raise Failed.of("host-shell", message, msg("On {host}: {words}", host=host, words="/bin/sh -c 'echo $SHELL'"))
    option = next((option for option in ("python", "env") if f"named-{option}" in told), None)
    absence = Absence(
        missing=Missing(code),
        option=f"--{option}" if option else None,
        named=told[f"named-{option}"][0] if option else "",
        looked=_once(told.get("looked", ())),
        broken=_once(told.get("broken", ())),
        pythons=_pythons(told.get("python", ())),
    )
    raise NotFound(absence, host)


def _once(words: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(words))


def _pythons(words: Sequence[str]) -> tuple[Python, ...]:
    """In the order in which they were found, each once."""
    matches = [match for match in map(_PYTHON.match, _once(words)) if match and remotepaths.is_kit(match[5])]
    return tuple(Python((int(match[1]), int(match[2]), int(match[3])), match[4] == "venv", match[5]) for match in matches)


def _problem(absence: Absence, host: str) -> Problem:
    """One sentence, and what to paste."""
    if absence.missing is Missing.NO_SUCH_NAMED:
        return _no_such(absence, host)
    if not absence.usable_pythons:
        return _no_python(absence, host)
    again = invocation.command(f"connect {shlex.quote(host)} {_option(absence)}--install")
    install = msg("Install it there: {command}", command=again)
    if absence.broken:
        gone = msg("{kit} on {host} no longer runs: its Python is gone.", kit=printable(absence.broken[0]), host=host)
        return Problem("kit-broken", gone, install)
    if absence.option:
        lacks = msg("{place} on {host} has no jupyter-remote-kit.", place=printable(absence.named), host=host)
        return Problem("no-kit", lacks, install)
    places = ", ".join(map(printable, absence.looked)) or "-"
    nowhere = msg("{host} has no jupyter-remote-kit, neither on its PATH nor where it was looked for: {places}", host=host, places=places)
    return Problem("no-kit", nowhere, msg("Install it there, or name its place with --env or --python: {command}", command=again))


def _no_such(absence: Absence, host: str) -> Problem:
    name = printable(absence.named)
    if absence.option == "--python":
        message = msg("{host} has no Python {name!r} that runs.", host=host, name=name)
        return Problem("no-such-python", message, msg("On {host}: {words}", host=host, words="ls -l /usr/bin/python3*"))
    message = msg("{host} has no environment {name!r}.", host=host, name=name)
    return Problem("no-such-env", message, msg("Name its folder; those of conda, on {host}: cat ~/.conda/environments.txt", host=host))


def _no_python(absence: Absence, host: str) -> Problem:
    oldest = ".".join(map(str, OLDEST))
    newer = msg("Install Python {oldest} or newer there; without root, for example: uv python install 3.12", oldest=oldest)
    if not absence.pythons:
        if absence.option:
            return Problem("no-python", msg("{place} on {host} has no Python.", place=printable(absence.named), host=host), newer)
        return Problem("no-python", msg("{host} has no jupyter-remote-kit, and no Python to install it with.", host=host), newer)
    newest = max(absence.pythons, key=lambda python: python.version)
    path, version = printable(newest.path), newest.number
    if absence.option:
        message = msg(
            "{path} on {host} is Python {version}; jupyter-remote-kit needs {oldest}.", path=path, host=host, version=version, oldest=oldest
        )
        return Problem("old-python", message, msg("Name another one, or leave out {option}", option=absence.option))
    message = msg(
        "The newest Python on {host} is {version} ({path}); jupyter-remote-kit needs {oldest}.",
        host=host,
        version=version,
        path=path,
        oldest=oldest,
    )
    return Problem("old-python", message, newer)


def _option(absence: Absence) -> str:
    """The option that has named the place, to be given again."""
    return f"{absence.option} {shlex.quote(printable(absence.named))} " if absence.option else ""
