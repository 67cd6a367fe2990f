"""By what name a request calls this host: a page of another name may have pointed that name here (DNS rebinding)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from urllib.parse import quote

from jupyter_remote_kit import grammar
from jupyter_remote_kit.errors import WrongUsage
from jupyter_remote_kit.plan.answers import is_loopback
from jupyter_remote_kit.plan.certificates import is_address

# RFC 9110, 7.2: uri-host [ ":" port ]. Browsers send a name in its ASCII form and an IPv6 address in brackets.
_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::([0-9]{1,5}))?\Z")


# What may stand in a request target as it is (RFC 3986, 2); everything else is percent-encoded.
_IN_TARGET = "/?:@!$&'()*+,;=-._~%[]"


@lru_cache(maxsize=256)
def host_of(header: str) -> str | None:
    """The name or address of a `Host` header, in the form of `grammar.host_name`, without the port; `None` for what is neither."""
    match = _HOST.match(header)
    if match is None or (match[2] is not None and not 1 <= int(match[2]) <= grammar.MAX_PORT):
        return None
    try:
        return grammar.host_name(match[1])
    except WrongUsage:
        return None


def quoted_target(target: str) -> str:
    """A request's target, one character a byte, as it may stand in the URL that it is led on to."""
    return quote(target, safe=_IN_TARGET, encoding="latin-1")


def port_of(header: str) -> int | None:
    """The port that a `Host` header names; `None` where it names none, or is not one that `host_of` takes."""
    match = _HOST.match(header) if host_of(header) is not None else None
    return int(match[2]) if match is not None and match[2] is not None else None


def admits(host: str | None, names: Iterable[str], addresses: Iterable[str]) -> bool:
    """Whether `host`, as `host_of` gives it, is this one: one of its names and addresses, or a loopback that no DNS can point elsewhere.

    A name `*.lab.example`, as certificates have it, is every name of one label more; nobody can declare one (`grammar.host_name`).
    """
    if host is None:
        return False
    return is_loopback(host) or not {host, _wildcard(host)}.isdisjoint(names) or host in addresses


def _wildcard(host: str) -> str:
    """The wildcard that stands for `host`: its first label, whole, and no other (RFC 9525, 6.3); `host` itself where none may.

    None for a whole top-level domain: OpenSSL (`valid_star`) and browsers take no such certificate either.
    """
    _, _, domain = host.partition(".")
    return f"*.{domain}" if "." in domain and not is_address(host) else host
