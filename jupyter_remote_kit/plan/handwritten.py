"""Units that somebody has written by hand for a Jupyter server: which port they serve, and how one of ours takes their place."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from jupyter_remote_kit.plan.assignments import assignments
from jupyter_remote_kit.plan.facts import ConfigText
from jupyter_remote_kit.plan.model import KeepCopy, Plan, Run, Step
from jupyter_remote_kit.plan.serviceplan import systemctl
from jupyter_remote_kit.plan.units import Scope
from jupyter_remote_kit.plan.userconfig import SERVER_SECTIONS

# jupyter_server's own, where neither a configuration nor its variable names another.
DEFAULT_PORT = 8888
_PORT_VARIABLE = "JUPYTER_PORT"
_PROGRAM = re.compile(r"(?:.*/)?jupyter(?:-(lab|notebook|nbclassic|server))?\Z")
_SERVERS = frozenset({"lab", "notebook", "nbclassic", "server"})
_MODULES = frozenset({"jupyterlab", "notebook", "nbclassic", "jupyter_server"})
_SHELL = re.compile(r"(?:.*/)?(?:sh|bash|dash|zsh|ksh|fish)\Z")
_SCRIPT_OPTION = re.compile(r"-[a-z]*c\Z")
_PORT = re.compile(r"--(?:(?:ServerApp|NotebookApp|LabApp)\.)?port\Z")
_NUMBER = re.compile(r"[0-9]{1,5}\Z")
_CONFIG = re.compile(r"--(?:JupyterApp\.config_file|config)\Z")
_VARIABLE = re.compile(r"\$(?:\{([A-Za-z_][A-Za-z0-9_]*)\}|([A-Za-z_][A-Za-z0-9_]*))")
_SPECIFIER = re.compile(r"%([%h])")
_OPERATORS = ";&|()"
# What stands before a path in ExecStart= (systemd.service(5)).
_PREFIXES = "-@:+!|"


@dataclass(frozen=True)
class Command:
    """What a unit starts: the port that its command line names, and the configuration files that it names, in their order.

    `otherwise` is the port where neither says one.
    """

    port: int | None
    configs: tuple[Path, ...]
    user: str | None
    otherwise: int = DEFAULT_PORT


@dataclass(frozen=True)
class HandWritten:
    """A unit of somebody else's that serves a port, or would after the next boot."""

    name: str
    path: Path
    scope: Scope
    port: int


def command_of(text: str, home: Path) -> Command | None:
    """What a unit starts; `None` where that is no Jupyter server, or its port cannot be told. `home` is that of the manager's user."""
    settings = list(_settings(text))
    started = _words(settings)
    if not _is_server(started):
        return None
    environment = _environment(settings)
    words = [_expanded(word, environment, home) for word in started]
    ports, otherwise = list(_named(words, _PORT)), environment.get(_PORT_VARIABLE, str(DEFAULT_PORT))
    if not all(map(_NUMBER.match, (*ports[-1:], otherwise))):
        return None
    folder = Path(_expanded(_last(settings, "WorkingDirectory") or "", {}, home).lstrip("-"))
    configs = (folder / name for name in _named(words, _CONFIG))
    absolute = tuple(path for path in configs if path.is_absolute())
    return Command(int(ports[-1]) if ports else None, absolute, _last(settings, "User"), int(otherwise))


def port_of(command: Command, configs: Iterable[ConfigText]) -> int:
    """The port: of the command line, else the last that a configuration file sets, else what is left."""
    if command.port is not None:
        return command.port
    port = command.otherwise
    for config in configs:
        try:
            found = [entry.value for entry in assignments(config) if entry.section in SERVER_SECTIONS and entry.trait == "port"]
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            continue
        port = next((value for value in reversed(found) if type(value) is int), port)
    return port


def plan_replace(found: Iterable[HandWritten], as_root: tuple[str, ...] = ()) -> Plan:
    """Disable them and keep copies; their files stay. `as_root` begins the argv where a unit is the machine's and this is not root."""
    steps: list[Step] = []
    for unit in found:
        steps.append(KeepCopy(unit.path))
        prefix = as_root if unit.scope is Scope.SYSTEM else ()
        steps.append(Run((*prefix, *systemctl(unit.scope, "disable", "--now", unit.name))))
    return Plan(tuple(steps))


def _settings(text: str) -> Iterator[tuple[str, str]]:
    """The settings of the section `[Service]`, in their order (systemd.syntax(7))."""
    section = ""
    for line in _lines(text):
        if line.startswith("["):
            section = line
        elif section == "[Service]":
            name, _, value = line.partition("=")
            yield name.rstrip(), value.lstrip()


def _lines(text: str) -> Iterator[str]:
    """Whole lines: a backslash at the end joins the next one that is no comment."""
    whole = ""
    for line in map(str.strip, text.split("\n")):
        if line.startswith(("#", ";")):
            continue
        whole += line.removesuffix("\\")
        if line.endswith("\\"):
            whole += " "
            continue
        yield whole
        whole = ""
    yield whole


def _last(settings: list[tuple[str, str]], name: str) -> str | None:
    """The last value of a setting; an empty one takes back those before."""
    values = [value for key, value in settings if key == name]
    return values[-1] or None if values else None


def _words(settings: list[tuple[str, str]]) -> list[str]:
    """The words of the command, with those of a shell's script in its place."""
    command = (_last(settings, "ExecStart") or "").lstrip(_PREFIXES)
    words = _split(command)
    for index, word in enumerate(words[1:-1], 1):
        if _SCRIPT_OPTION.match(word) and any(map(_SHELL.match, words[:index])):
            return _split(words[index + 1], _OPERATORS)
    return words


def _split(text: str, operators: str = "") -> list[str]:
    """Words as a shell has them, with its operators as words of their own; none where a quote stays open."""
    lexer = shlex.shlex(text, posix=True, punctuation_chars=operators)
    lexer.whitespace_split, lexer.commenters = True, ""
    try:
        return list(lexer)
    except ValueError:
        return []


def _environment(settings: list[tuple[str, str]]) -> dict[str, str]:
    """What the unit itself puts into the environment."""
    entries = [entry for name, value in settings if name == "Environment" for entry in _split(value)]
    return dict(entry.partition("=")[::2] for entry in entries)


def _expanded(word: str, environment: Mapping[str, str], home: Path) -> str:
    """`word` with the variables that are known, and the specifier that hand-written units use: `%h`."""
    known = _VARIABLE.sub(lambda match: environment.get(match[1] or match[2], match[0]), word)
    return _SPECIFIER.sub(lambda match: str(home) if match[1] == "h" else "%", known)


def _is_server(words: list[str]) -> bool:
    """`jupyter-lab …`, `jupyter lab …`, `python -m jupyterlab`, whatever interpreter, `env` or `conda run` stands before."""
    for word, following in pairwise((*words, "")):
        program = _PROGRAM.match(word)
        if program and (program[1] is not None or following in _SERVERS):
            return True
        if word == "-m" and following.partition(".")[0] in _MODULES:
            return True
    return False


def _named(words: list[str], option: re.Pattern[str]) -> Iterator[str]:
    """The values of an option, in either spelling."""
    for word, following in pairwise((*words, "")):
        name, equals, value = word.partition("=")
        if option.match(name):
            yield value if equals else following
