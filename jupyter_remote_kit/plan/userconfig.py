"""Reads the user's own jupyter configuration for what contradicts or weakens the kit's, with file and line. Nothing is executed."""

from __future__ import annotations

import ast
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from jupyter_remote_kit.errors import Problem
from jupyter_remote_kit.messages import Message, msg
from jupyter_remote_kit.plan.facts import ConfigText
from jupyter_remote_kit.plan.jsonlines import lines_of_keys

UNKNOWN = object()
"""A value that is not a literal; only the running server knows it."""

PASSWORD_TRAITS = frozenset({"password", "hashed_password"})
LEGACY_SECTION = "NotebookApp"
BROKEN = "config-broken"
REFUSED_CODES = frozenset({BROKEN, "xsrf-checks-off", "any-origin", "any-proxy-trusted", "identity-provider-replaced"})
"""Findings on which the server would be refused, so that `up` need not start one to find out."""


@dataclass(frozen=True)
class Assignment:
    """One `c.Section.trait = value`, or the same in JSON."""

    section: str
    trait: str
    value: object
    line: int


@dataclass(frozen=True)
class _Rule:
    code: str
    applies: Callable[[Assignment], bool]
    sentence: Message
    hint: Message


def _sets(trait: str, *values: object) -> Callable[[Assignment], bool]:
    return lambda assignment: assignment.trait == trait and any(assignment.value is value or assignment.value == value for value in values)


_RULES = (
    _Rule(
        "legacy-notebookapp",
        lambda assignment: assignment.section == LEGACY_SECTION,
        msg("NotebookApp is the configuration of the notebook server of old; JupyterLab reads ServerApp."),
        msg("Remove the line, or write ServerApp in its place"),
    ),
    _Rule(
        "legacy-hash",
        lambda assignment: assignment.trait in PASSWORD_TRAITS and str(assignment.value).startswith("sha1:"),
        msg("A sha1 password hash is guessed in minutes by a graphics card."),
        msg("Remove the line; the kit keeps the password: jupyter remotekit password"),
    ),
    _Rule(
        "empty-password",
        lambda assignment: assignment.trait in PASSWORD_TRAITS and assignment.value == "",
        msg("An empty password is set here; the kit's own one is in force."),
        msg("Remove the line"),
    ),
    _Rule(
        "empty-token",
        _sets("token", ""),
        msg("An empty token would switch authentication off; the kit's own one is in force."),
        msg("Remove the line"),
    ),
    _Rule(
        "xsrf-checks-off",
        _sets("disable_check_xsrf", True),
        msg("XSRF checks are off: any web page could run code here through the browser."),
        msg("Remove the line"),
    ),
    _Rule(
        "any-origin",
        lambda assignment: _sets("allow_origin", "*")(assignment) or _sets("allow_origin_pat", ".*")(assignment),
        msg("Pages of any origin may use this server."),
        msg("Remove the line, or name the one origin that needs it"),
    ),
    _Rule(
        "any-proxy-trusted",
        _sets("trust_xheaders", True),
        msg("Anyone could forge the address that they come from: every peer is believed to be a proxy."),
        msg("Remove the line"),
    ),
    _Rule(
        "unauthenticated-access",
        _sets("allow_unauthenticated_access", True),
        msg("Unauthenticated access is allowed here; the kit keeps it off."),
        msg("Remove the line"),
    ),
    _Rule(
        "password-change-in-page",
        _sets("allow_password_change", True),
        msg("Changing the password from the page is allowed here; the kit keeps it off."),
        msg("Remove the line"),
    ),
    _Rule(
        "identity-provider-replaced",
        lambda assignment: assignment.trait in {"login_handler_class"} and assignment.section == "ServerApp",
        msg("ServerApp.login_handler_class would put another login in the place of the kit's."),
        msg("Remove the line"),
    ),
)


def findings(texts: Iterable[ConfigText]) -> tuple[Problem, ...]:
    """What stands in the user's files that the kit does not agree with, in the order of files and lines."""
    return tuple(problem for text in texts for problem in _of_file(text))


def assignments(config: ConfigText) -> Iterator[Assignment]:
    """The traits that a file sets, as far as reading it tells.

    Raises `ValueError` with `lineno` and `msg` (as `SyntaxError` and `JSONDecodeError` have them) when the file cannot be parsed.
    """
    if config.path.suffix == ".json":
        return _json_assignments(config.content.decode())
    return _python_assignments(config.content)


def _of_file(config: ConfigText) -> Iterator[Problem]:
    try:
        found = sorted(assignments(config), key=lambda assignment: assignment.line)
    # The parser of Python and that of JSON give up on deep nesting each in its own way.
    except (ValueError, SyntaxError, RecursionError, MemoryError) as error:
        line, reason = _place(config.content, error)
        yield Problem(
            BROKEN,
            msg("{path}, line {line}: {reason}", path=config.path, line=line, reason=reason),
            msg("Mend that line; nothing was written over it"),
        )
        return
    for assignment in found:
        for rule in _RULES:
            if rule.applies(assignment):
                place = msg("{path}, line {line}: {reason}", path=config.path, line=assignment.line, reason=rule.sentence)
                yield Problem(rule.code, place, rule.hint)


def _place(content: bytes, error: Exception) -> tuple[int, str]:
    """The line, from 1, and the reason, as the parser tells them or, where it does not, as the bytes do."""
    reason = getattr(error, "msg", None) or str(error) or "nested too deeply"
    offset = error.start if isinstance(error, UnicodeDecodeError) else content.find(b"\0")
    if "null byte" in reason or isinstance(error, UnicodeDecodeError):
        return content.count(b"\n", 0, max(offset, 0)) + 1, reason
    return getattr(error, "lineno", None) or 1, reason


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
    for node in ast.walk(tree):
        if not isinstance(node, (ast.Assign, ast.AnnAssign)):
            continue
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        for target in targets:
            if isinstance(target, ast.Attribute) and isinstance(target.value, ast.Attribute):
                yield Assignment(target.value.attr, target.attr, _literal(node.value), node.lineno)


def _literal(node: ast.expr | None) -> object:
    try:
        return ast.literal_eval(node) if node is not None else UNKNOWN
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return UNKNOWN
