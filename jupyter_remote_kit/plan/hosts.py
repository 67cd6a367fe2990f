"""By what name a request calls this host: a page of another name may have pointed that name here (DNS rebinding)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

from jupyter_remote_kit import grammar
from jupyter_remote_kit.errors import WrongUsage
from jupyter_remote_kit.plan.answers import is_loopback

# RFC 9110, 7.2: uri-host [ ":" port ]. Browsers send a name in its ASCII form and an IPv6 address in brackets.
_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::([0-9]{1,5}))?\Z")


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


def admits(host: str | None, names: Iterable[str], addresses: Iterable[str]) -> bool:
    """Whether `host`, as `host_of` gives it, is this one: one of its names and addresses, or a loopback that no DNS can point elsewhere."""
    if host is None:
        return False
    return is_loopback(host) or host in names or host in addresses
