"""Which host a laptop means: `[user@]host`, as ssh takes it. Parsed once; nothing that passes can be an option of ssh's."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

from jupyter_remote_kit import grammar
from jupyter_remote_kit.errors import WrongUsage
from jupyter_remote_kit.messages import Message, msg

# An alias of ~/.ssh/config, a name or an IPv4 address. ssh hands it to a ProxyCommand's shell as %h (CVE-2023-51385): no metacharacter.
_HOST = re.compile(r"(?=.{1,253}\Z)[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?\Z")
# useradd(8) allows less; a directory service has names with a realm or a domain. ssh hands it on as %r.
_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@+-]{0,254}\Z")
_ZONE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,31}\Z")
_SCHEME = "ssh://"


@dataclass(frozen=True)
class Target:
    """A host as ssh is told of it: an alias, a name or an address (IPv6 without brackets). `None`: ssh's configuration knows."""

    host: str
    user: str | None = None
    port: int | None = None

    @property
    def words(self) -> tuple[str, ...]:
        """The last words of ssh's options, and the host. Each value has an option's letter before it, or `--`."""
        user = ("-l", self.user) if self.user else ()
        port = ("-p", str(self.port)) if self.port else ()
        return (*user, *port, "--", self.host)

    def __str__(self) -> str:
        user = f"{self.user}@" if self.user else ""
        if self.port is None:
            return f"{user}{self.host}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{user}{host}:{self.port}"


def parse(text: str) -> Target:
    """`[user@]host`, `[user@]host:port` or `ssh://[user@]host[:port]`. Raises `WrongUsage` for anything else, above all a password."""
    user, at, place = text.removeprefix(_SCHEME).rpartition("@")
    if at and ":" in user:
        raise WrongUsage.of(
            "password-in-host",
            msg("{host!r} holds a password, which everybody on this machine could read.", host=f"{user.partition(':')[0]}:…@{place}"),
            msg("Leave it out: ssh asks for it, or use a key: ssh-copy-id {host}", host=_shown(user.partition(":")[0], place)),
        )
    host, port = _host_and_port(place)
    if not _is_host(host) or (at and not _USER.match(user)):
        raise WrongUsage.of(
            "host",
            msg("{host!r} is not a host that ssh can be told.", host=text),
            msg("Use [user@]host, such as alice@gpu.example.org, or a Host of ~/.ssh/config"),
        )
    return Target(host, user or None, grammar.port(port) if port else None)


def _shown(user: str, place: str) -> Message:
    # Only what is well formed goes into a line that is pasted.
    host, _ = _host_and_port(place)
    return msg("{host}", host=f"{user}@{host}" if _USER.match(user) and _is_host(host) else "user@host")


def _host_and_port(place: str) -> tuple[str, str]:
    bracketed = re.fullmatch(r"\[([^\]]*:[^\]]*)\](?::(.*))?", place, re.DOTALL)
    if bracketed:
        return bracketed[1], bracketed[2] or ""
    if place.count(":") == 1:
        host, _, port = place.partition(":")
        # A colon with nothing behind it is no port.
        return (host, port) if port else (place, "")
    return place, ""


def _is_host(text: str) -> bool:
    if ":" in text:
        address, percent, zone = text.partition("%")
        try:
            ipaddress.IPv6Address(address)
        except ValueError:
            return False
        return bool(_ZONE.match(zone)) if percent else True
    return bool(_HOST.match(text))
