"""Reads the user's own jupyter configuration for what contradicts or weakens the kit's, with file and line. Nothing is executed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from jupyter_remote_kit import grammar
from jupyter_remote_kit.errors import Problem
from jupyter_remote_kit.messages import Message, msg
from jupyter_remote_kit.plan.assignments import SETTINGS, UNKNOWN, Assignment, assignments
from jupyter_remote_kit.plan.facts import ConfigText
from jupyter_remote_kit.plan.launch import IDENTITY_PROVIDER
from jupyter_remote_kit.plan.origins import ANY, headers_allow_any_origin, matches_any_origin

LEGACY_SECTION = "NotebookApp"
BROKEN = "config-broken"
REFUSED_CODES = frozenset(
    {
        BROKEN,
        "xsrf-checks-off",
        "any-origin",
        "any-proxy-trusted",
        "unauthenticated-access-in-settings",
        "socket-replaces-port",
        "base-url-not-served",
    }
)
"""Findings on which the server would be refused, so that `up` need not start one to find out."""

# A class of traitlets reads the sections of its bases too (`Configurable.section_names`), and notebook_shim hands what is said of
# NotebookApp and LabApp on to ServerApp.
_EVERY_CLASS = frozenset({"Configurable", "LoggingConfigurable"})
SERVER_SECTIONS = _EVERY_CLASS | {"SingletonConfigurable", "Application", "JupyterApp", "ServerApp", LEGACY_SECTION, "LabApp"}
IDENTITY_SECTIONS = _EVERY_CLASS | {"IdentityProvider", "PasswordIdentityProvider", "RemoteKitIdentityProvider"}


Applies = Callable[[Assignment], bool]


@dataclass(frozen=True)
class _Rule:
    code: str
    applies: Applies
    sentence: Message
    hint: Message


def _sets(sections: frozenset[str], trait: str, fits: Callable[[Any], bool]) -> Applies:
    return lambda assignment: assignment.section in sections and assignment.trait == trait and fits(assignment.value)


def _server(trait: str, fits: Callable[[Any], bool]) -> Applies:
    return _sets(SERVER_SECTIONS, trait, fits)


def _identity(trait: str, fits: Callable[[Any], bool]) -> Applies:
    return _sets(IDENTITY_SECTIONS, trait, fits)


def _setting(name: str, fits: Callable[[Any], bool]) -> Applies:
    """`ServerApp.tornado_settings[name]`, which goes past the trait of that name."""
    return _server(SETTINGS, lambda value: isinstance(value, dict) and name in value and value[name] is not UNKNOWN and fits(value[name]))


def _either(*rules: Applies) -> Applies:
    return lambda assignment: any(applies(assignment) for applies in rules)


def _is_true(value: object) -> bool:
    return value is True or (type(value) is int and value == 1)


def _is_empty(value: object) -> bool:
    return value == ""


def _is_any(value: object) -> bool:
    return value == ANY


def _is_any_pattern(value: object) -> bool:
    return isinstance(value, str) and matches_any_origin(value)


def _is_sha1(value: object) -> bool:
    return isinstance(value, str) and value.startswith("sha1:")


def _is_text(value: object) -> bool:
    return isinstance(value, str) and value != ""


def _password(fits: Callable[[Any], bool]) -> Applies:
    """The hash: `ServerApp.password` is its name of old."""
    return _either(_server("password", fits), _identity("hashed_password", fits))


_REMOVE = msg("Remove the line")
_RULES = (
    _Rule(
        "legacy-notebookapp",
        lambda assignment: assignment.section == LEGACY_SECTION,
        msg("NotebookApp configures the old notebook server; JupyterLab reads ServerApp."),
        msg("Remove the line, or change NotebookApp to ServerApp"),
    ),
    _Rule(
        "legacy-hash",
        _password(_is_sha1),
        msg("A graphics card cracks a sha1 password hash in minutes."),
        msg("Remove the line; the kit keeps a password of its own"),
    ),
    _Rule(
        "empty-password",
        _password(_is_empty),
        msg("An empty password is set here; the kit's own password applies."),
        _REMOVE,
    ),
    _Rule(
        "empty-token",
        _either(_server("token", _is_empty), _identity("token", _is_empty)),
        msg("An empty token would switch authentication off; the kit's own token applies."),
        _REMOVE,
    ),
    _Rule(
        "xsrf-checks-off",
        _either(
            _server("disable_check_xsrf", _is_true),
            _setting("disable_check_xsrf", bool),
            _setting("xsrf_cookies", lambda value: not value),
        ),
        msg("XSRF checks are off: any web page could run code here through the browser."),
        _REMOVE,
    ),
    _Rule(
        "any-origin",
        # `tornado_settings["allow_origin"]` has no effect: jupyter_server writes the trait over it.
        _either(
            _server("allow_origin", _is_any),
            _server("allow_origin_pat", _is_any_pattern),
            _setting("allow_origin_pat", _is_any_pattern),
            _setting("headers", headers_allow_any_origin),
        ),
        msg("Pages from any origin may use this server."),
        msg("Remove the line, or name the one origin that needs it"),
    ),
    _Rule(
        "any-proxy-trusted",
        _server("trust_xheaders", _is_true),
        msg("Anyone could forge their own address: every peer is trusted as a proxy."),
        _REMOVE,
    ),
    _Rule(
        "unauthenticated-access",
        _server("allow_unauthenticated_access", _is_true),
        msg("Unauthenticated access is allowed here; the kit keeps it off."),
        _REMOVE,
    ),
    _Rule(
        "unauthenticated-access-in-settings",
        _setting("allow_unauthenticated_access", bool),
        msg("Request handlers that declare no authentication would be open to anyone."),
        _REMOVE,
    ),
    _Rule(
        "password-change-in-page",
        _either(_server("allow_password_change", _is_true), _identity("allow_password_change", _is_true)),
        msg("Changing the password from the page is allowed here; the kit keeps it off."),
        _REMOVE,
    ),
    _Rule(
        "socket-replaces-port",
        _server("sock", _is_text),
        msg("ServerApp.sock would replace the address and port that the instance names."),
        _REMOVE,
    ),
    _Rule(
        "base-url-not-served",
        _server("base_url", lambda value: isinstance(value, str) and not grammar.is_base_url(value)),
        msg("jupyter_server answers nothing below this base_url: it reads it as a regular expression."),
        msg("Use letters, digits and . _ ~ - @ : , = & ! ' in it, and percent-encode the rest (/gpu%20box/)"),
    ),
    _Rule(
        "login-replaced",
        _server("login_handler_class", lambda _: True),
        msg("ServerApp.login_handler_class names another login; the kit's own one is in force."),
        _REMOVE,
    ),
    _Rule(
        "identity-provider-replaced",
        _server("identity_provider_class", lambda value: value not in (UNKNOWN, IDENTITY_PROVIDER)),
        msg("ServerApp.identity_provider_class names another identity provider; the kit's own one is in force."),
        _REMOVE,
    ),
)


def findings(texts: Iterable[ConfigText]) -> tuple[Problem, ...]:
    """What stands in the user's files that the kit does not agree with, in the order of files and lines."""
    return tuple(problem for text in texts for problem in _of_file(text))


def _of_file(config: ConfigText) -> Iterator[Problem]:
    try:
        found = sorted(assignments(config), key=lambda assignment: assignment.line)
    # The parser of Python and that of JSON give up on deep nesting each in its own way.
    except (ValueError, SyntaxError, RecursionError, MemoryError) as error:
        line, reason = _place(config.content, error)
        yield Problem(
            BROKEN,
            msg("{path}, line {line}: {reason}", path=config.path, line=line, reason=reason),
            msg("Fix that line; the file was not overwritten"),
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
