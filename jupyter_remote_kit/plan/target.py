"""Which host a laptop means: `[user@]host`, as ssh takes it. Parsed once; nothing that passes can be an option of ssh's.

The grammar is that of OpenSSH itself: `ssh.c` (`valid_hostname`, `valid_ruser`) and `misc.c` (`parse_uri`) of 9.2. An alias may be any
word that ssh matches against `Host`, such as `aws/gpu/1` or `实验室`. It hands the name to a ProxyCommand's shell as %h and the user as %r
(CVE-2023-51385), so that no character that a shell evaluates or expands may be in the name, which is a little more than ssh refuses.
"""

from __future__ import annotations

import ipaddress
import re
import shlex
import unicodedata
from dataclasses import dataclass
from urllib.parse import unquote

from jupyter_remote_kit import grammar
from jupyter_remote_kit.errors import WrongUsage
from jupyter_remote_kit.messages import Message, msg

_BLANKS = " \t"
# ssh's own, and those that a shell takes for patterns, comments, homes, history and assignments.
_NOT_IN_HOST = frozenset("'`\"$\\;&<>|(){}," + "*?[]!#~^=" + _BLANKS)
# ssh's own without the blank, and patterns. OpenSSH 10 expands `%` in a user's name.
_NOT_IN_USER = frozenset("'`\";&<>|(){}" + "*?[]!^%\t:")
# An emoji may be several that are joined, and Persian words need the other one (UAX 31, 2.3); all other format characters may mislead.
_JOINERS = frozenset("\u200c\u200d")
_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
# NI_MAXHOST of <netdb.h> and LOGIN_NAME_MAX of <limits.h>, each with room for the zero at the end.
MAX_HOST_BYTES, MAX_USER_BYTES = 1024, 255
_BRACKETED = re.compile(r"\[([^\]]*:[^\]]*)\](?::(.*))?\Z", re.DOTALL)
_SCHEME = "ssh://"
_NO_OCTET = re.compile(r"%(?![0-9A-Fa-f]{2})")


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
        # An IPv6 address is told from a name with a port by itself, an alias with a colon only by the brackets.
        bare = ":" not in self.host or (self.port is None and _is_ipv6(self.host))
        host = self.host if bare else f"[{self.host}]"
        return f"{user}{host}" if self.port is None else f"{user}{host}:{self.port}"


def parse(text: str) -> Target:
    """`[user@]host`, `[user@]host:port` or `ssh://[user@]host[:port][/]`. Raises `WrongUsage` for anything else, above all a password.

    In brackets a host may have colons: an IPv6 address, or an alias (`literal`).
    """
    uri = text.startswith(_SCHEME)
    user, at, place = text.removeprefix(_SCHEME).rpartition("@")
    if at and ":" in user:
        raise _password(user, place)
    if uri:
        user, place = _decoded(text, user), _decoded_place(text, place.removesuffix("/"))
        if "/" in place:
            raise _no_host(text, msg("a URI of ssh has no path"))
    host, port = _host_and_port(place)
    if reason := _why_no_host(host) or (_why_no_user(user) if at else None):
        raise _no_host(text, reason)
    return Target(host, user or None, grammar.port(port) if port else None)


def literal(alias: str) -> str:
    """How `parse` is told of an alias, whatever it looks like: one such as `gpu:1` would be read as a name and a port."""
    return str(Target(alias))


def is_alias(text: str) -> bool:
    """Whether a Host of ssh's configuration can be meant by this word; ssh itself takes what is before an `@` for a user."""
    return "@" not in text and not text.startswith(_SCHEME) and _why_no_host(text) is None


def _no_host(text: str, reason: Message) -> WrongUsage:
    return WrongUsage.of(
        "host",
        msg("{host!r} is not a host that ssh can be told: {reason}.", host=text, reason=reason),
        msg("Use [user@]host, such as alice@gpu.example.org, or a Host of ~/.ssh/config"),
    )


def _password(user: str, place: str) -> WrongUsage:
    name = user.partition(":")[0]
    host, _ = _host_and_port(place)
    # Only what is well formed goes into a line that is pasted.
    known = _why_no_user(name) is None and _why_no_host(host) is None
    return WrongUsage.of(
        "password-in-host",
        msg("{host!r} holds a password, which everybody on this machine could read.", host=f"{name}:…@{place}"),
        msg(
            "Leave it out: ssh asks for it, or use a key: ssh-copy-id {host}", host=shlex.quote(f"{name}@{host}") if known else "user@host"
        ),
    )


def _decoded_place(text: str, place: str) -> str:
    """Host and port of a URI: in brackets only the zone's `%` is encoded (RFC 6874)."""
    return place.replace("%25", "%", 1) if place.startswith("[") else _decoded(text, place)


def _decoded(text: str, part: str) -> str:
    """A part of a URI (RFC 3986, 2.1). Raises `WrongUsage` where it is no UTF-8."""
    try:
        if _NO_OCTET.search(part):
            raise ValueError
        return unquote(part, errors="strict")
    except ValueError:
        raise _no_host(text, msg("its percent-encoding stands for no text")) from None


def _host_and_port(place: str) -> tuple[str, str]:
    bracketed = _BRACKETED.match(place)
    if bracketed:
        return bracketed[1], bracketed[2] or ""
    if place.count(":") == 1:
        host, _, port = place.partition(":")
        # A colon with nothing behind it is no port, and one before a path is a URL's.
        return (host, port) if port and not port.startswith("//") else (f"{host}:", "")
    return place if ":" not in place or _is_ipv6(place) else f"{place.partition(':')[0]}:", ""


def _why_no_host(host: str) -> Message | None:
    """What keeps ssh from being told of it; `None` for a good one."""
    if host.endswith(":"):
        return msg("what follows its colon is no port")
    return _why_not(host, _NOT_IN_HOST, MAX_HOST_BYTES)


def _why_no_user(user: str) -> Message | None:
    # `host$` is a machine's account in a Windows domain; ssh refuses a backslash at the end, and what looks like an option after a blank.
    if re.search(r"\$(?!\Z)|\\\Z|\s\Z|\A\s|\s-", user):
        return msg("its user has a character where no user's name has it")
    return _why_not(user, _NOT_IN_USER, MAX_USER_BYTES)


def _why_not(text: str, excluded: frozenset[str], most: int) -> Message | None:
    if not text:
        return msg("a part of it is missing")
    if text.startswith("-"):
        return msg("a part of it begins with a dash, as an option does")
    wrong = next((char for char in text if char in excluded or _is_invisible(char)), None)
    if wrong is not None:
        return msg("it has the character {char!r}, which a shell or a terminal interprets", char=wrong)
    if len(text.encode()) > most:
        return msg("a part of it is longer than {most} bytes", most=most)
    return None


def _is_invisible(char: str) -> bool:
    return char not in _JOINERS and unicodedata.category(char) in _INVISIBLE


def _is_ipv6(text: str) -> bool:
    address, percent, zone = text.partition("%")
    try:
        ipaddress.IPv6Address(address)
    except ValueError:
        return False
    return (bool(zone) and "%" not in zone and not zone.startswith("-")) if percent else True
