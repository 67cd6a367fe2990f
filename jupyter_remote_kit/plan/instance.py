"""The instance file: settings and credentials as the traits that a server of that instance reads, and back again.

Keys that a user added beside ours survive every `init`; ours are written anew.
"""

from __future__ import annotations

import hashlib
import json
import re
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from jupyter_remote_kit import grammar
from jupyter_remote_kit.errors import Refused, RemoteKitError
from jupyter_remote_kit.messages import Message, msg
from jupyter_remote_kit.plan.answers import ALL_INTERFACES, WILDCARDS
from jupyter_remote_kit.plan.commandline import own_command
from jupyter_remote_kit.plan.jsonlines import lines_of_keys
from jupyter_remote_kit.secret import Secret
from jupyter_remote_kit.settings import Access, Credentials, Settings

T = TypeVar("T")

_CREDENTIAL = re.compile(rb'("(?:token|hashed_password)"\s*:\s*)"(?:[^"\\]|\\.)*"?')

KIT = "RemoteKit"
SERVER = "ServerApp"
IDENTITY = "RemoteKitIdentityProvider"


@dataclass(frozen=True)
class Instance:
    """What one instance file says. `traits` is the whole of it, by section, with keys that are not ours.

    `digest` is the SHA-256 of the file, in hex: what is planned on this instance holds only while the file is still that one.
    """

    settings: Settings
    credentials: Credentials
    traits: Mapping[str, Mapping[str, Any]]
    digest: str = ""


def traits_of(settings: Settings, credentials: Credentials, certificate: Path | None) -> dict[str, dict[str, Any]]:
    """The traits of an instance, by section; `certificate` is the leaf of the private CA where one is used.

    Set here is what the kit decides, and what jupyter_server leaves open by default. What is safe by default (XSRF checks, origins,
    proxies) is left to the user's own configuration: it goes on to apply, and the policy refuses it where it opens a hole.

    Sources: jupyter_server 2.21 `serverapp.py` and `auth/identity.py` for the names and the defaults that are set aside here.
    """
    server: dict[str, Any] = {
        "ip": settings.ip,
        "port": settings.port,
        "port_retries": 0,
        "root_dir": str(settings.root_dir),
        "open_browser": False,
        "no_browser_open_file": True,
        "allow_remote_access": True,
        "allow_unauthenticated_access": False,
        "allow_root": settings.allow_root,
        "certfile": "",
        "keyfile": "",
    }
    if settings.tls:
        server["certfile"] = str(settings.certfile or certificate)
        server["keyfile"] = str(settings.keyfile or "")
    identity: dict[str, Any] = {
        "token": credentials.token.reveal(),
        "hashed_password": credentials.hashed_password.reveal() if credentials.hashed_password else "",
        "password_required": credentials.hashed_password is not None,
        "allow_password_change": False,
    }
    if settings.tls or settings.access is Access.RELAY:
        # The relay speaks TLS to the laptop even where we speak HTTP to the relay.
        identity["secure_cookie"] = True
    kit = {
        "instance": settings.instance,
        "access": settings.access.value,
        "plain_http": settings.plain_http,
        "allow_hosts": list(settings.allow_hosts),
        "language": settings.language,
        "own_certificate": settings.tls and settings.certfile is not None,
        "allow_networks": list(settings.allow_networks),
        "trusted_proxies": list(settings.trusted_proxies),
        "session_days": settings.session_days,
        "hsts": settings.hsts,
    }
    return {KIT: kit, SERVER: server, IDENTITY: identity}


def render(traits: Mapping[str, Mapping[str, Any]], kept: Mapping[str, Mapping[str, Any]] | None = None) -> Secret:
    """The file's text. `kept` are the traits that stood there: keys that are not ours are carried over."""
    merged = {section: dict(values) for section, values in (kept or {}).items()}
    for section, values in traits.items():
        merged.setdefault(section, {}).update(values)
    if "secure_cookie" not in traits[IDENTITY]:
        merged[IDENTITY].pop("secure_cookie", None)
    return Secret(json.dumps(merged, indent=2, sort_keys=True, ensure_ascii=False) + "\n")


def parse(path: Path, text: str) -> Instance:
    """Read an instance file.

    Raises `Refused` with the file, and the line where JSON ends being JSON, when it is not what `render` writes.
    """
    try:
        traits = json.loads(text)
    except (ValueError, RecursionError) as error:
        line = getattr(error, "lineno", 1)
        reason = getattr(error, "msg", str(error))
        raise _broken(path, msg("{path}, line {line}: not valid JSON: {reason}", path=path, line=line, reason=reason)) from None
    sections = {KIT, SERVER, IDENTITY}
    if not isinstance(traits, dict) or not sections <= traits.keys() or not all(isinstance(values, dict) for values in traits.values()):
        raise _broken(
            path, msg("{path}, line 1: an instance needs the sections {sections}", path=path, sections=f"{KIT}, {SERVER}, {IDENTITY}")
        )
    reader = _Reader(path, text, traits)
    own = reader.value(KIT, "own_certificate", bool)
    keyfile = reader.value(SERVER, "keyfile", str)
    settings = Settings(
        root_dir=reader.parsed(SERVER, "root_dir", _root_dir),
        instance=reader.parsed(KIT, "instance", grammar.instance_name),
        access=reader.parsed(KIT, "access", Access),
        ip=reader.parsed(SERVER, "ip", _ip),
        port=reader.parsed(SERVER, "port", lambda number: grammar.port(str(number)), int),
        language=reader.parsed(KIT, "language", grammar.language),
        certfile=Path(reader.value(SERVER, "certfile", str)) if own else None,
        keyfile=Path(keyfile) if own and keyfile else None,
        allow_hosts=reader.parsed(KIT, "allow_hosts", _hosts, list),
        plain_http=reader.value(KIT, "plain_http", bool),
        allow_root=reader.value(SERVER, "allow_root", bool),
        **_since_the_gate(reader),
    )
    hashed = reader.parsed(IDENTITY, "hashed_password", _text)
    credentials = Credentials(Secret(reader.parsed(IDENTITY, "token", _text)), Secret(hashed) if hashed else None)
    return Instance(settings, credentials, traits, hashlib.sha256(text.encode()).hexdigest())


def _since_the_gate(reader: _Reader) -> dict[str, Any]:
    """The settings that older instance files lack; the defaults of `Settings` stand for those that are absent."""
    read: dict[str, Callable[[], Any]] = {
        "allow_networks": lambda: reader.parsed(KIT, "allow_networks", _networks, list),
        "trusted_proxies": lambda: reader.parsed(KIT, "trusted_proxies", _proxies, list),
        "session_days": lambda: reader.parsed(KIT, "session_days", lambda days: grammar.session_days(str(days)), int),
        "hsts": lambda: reader.value(KIT, "hsts", bool),
    }
    return {key: parse() for key, parse in read.items() if reader.has(KIT, key)}


def without_credentials(content: bytes) -> bytes:
    """`content` of an instance file with token and password hash blanked, whatever else is wrong with it."""
    return _CREDENTIAL.sub(rb'\1""', content)


class _Reader:
    """Reads typed values out of the sections, and names the line of one that is wrong."""

    def __init__(self, path: Path, text: str, traits: Mapping[str, Mapping[str, Any]]) -> None:
        self._path, self._text, self._traits = path, text, traits

    def has(self, section: str, key: str) -> bool:
        return key in self._traits[section]

    def value(self, section: str, key: str, kind: type) -> Any:  # noqa: ANN401
        value = self._traits[section].get(key)
        # bool is an int to Python, not to a reader of the file.
        if type(value) is not kind:
            self._reject(section, key)
        return value

    def parsed(self, section: str, key: str, parse: Callable[[Any], T], kind: type = str) -> T:
        try:
            return parse(self.value(section, key, kind))
        except (RemoteKitError, ValueError, TypeError):
            self._reject(section, key)

    def _reject(self, section: str, key: str) -> NoReturn:
        if key in self._traits[section]:
            line = lines_of_keys(self._text)[section, key]
            message = msg(
                "{path}, line {line}: {name} has a value that cannot be used", path=self._path, line=line, name=f"{section}.{key}"
            )
            raise _broken(self._path, message)
        raise _broken(self._path, msg("{path}, line 1: {name} is missing", path=self._path, name=f"{section}.{key}"))


def _root_dir(text: str) -> Path:
    path = Path(_text(text))
    if "\0" in text or not path.is_absolute():
        raise ValueError(text)
    return path


def _ip(text: str) -> str:
    # The wildcards are jupyter_server's own, and `localhost` is what people write by hand.
    return text if text in WILDCARDS or text == "localhost" else str(grammar.address(text))


def _hosts(names: list[Any]) -> tuple[str, ...]:
    return tuple(grammar.host_name(_text(name)) for name in names)


def _networks(texts: list[Any]) -> tuple[str, ...]:
    return tuple(grammar.allowed_network(_text(text)) for text in texts)


def _proxies(texts: list[Any]) -> tuple[str, ...]:
    # One that holds everybody is for the policy to refuse, which says what is wrong with it.
    return tuple(str(grammar.network(_text(text))) for text in texts)


def as_data(settings: Settings) -> dict[str, Any]:
    """The settings as commands show them in JSON."""
    return {
        "access": settings.access.value,
        "ip": settings.ip or ALL_INTERFACES,
        "port": settings.port,
        "scheme": settings.scheme,
        "root_dir": str(settings.root_dir),
        "language": settings.language,
        "certfile": str(settings.certfile) if settings.certfile else None,
        "allow_hosts": list(settings.allow_hosts),
        "allow_networks": list(settings.allow_networks),
        "trusted_proxies": list(settings.trusted_proxies),
        "session_days": settings.session_days,
        "hsts": settings.hsts,
    }


def _text(value: str) -> str:
    """What UTF-8 can say. A JSON escape may stand for half a character, which would fail where it is written or compared."""
    if not isinstance(value, str):
        raise TypeError(value)
    value.encode()
    return value


def _broken(path: Path, message: Message) -> RemoteKitError:
    hint = msg("Fix that line, or move the file away and run init again: {command}", command=begun_again(path, path.stem))
    return Refused.of("instance-file-broken", message, hint)


def begun_again(path: Path, name: str) -> str:
    """A command that moves an instance file away which cannot be used, and writes another: `init` reads it as well."""
    return f"mv {shlex.quote(str(path))} {shlex.quote(f'{path}.broken')} && {own_command(name, 'init')}"
