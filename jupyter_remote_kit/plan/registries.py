"""Host names that are a registry's as well: `ai` may be a machine of the laboratory, and is the top-level domain of Anguilla.

A name constraint holds for all that is below a name (RFC 5280, 4.2.1.10), so an authority for the host `ai` could vouch for every site
of that domain. It may vouch for the name alone: what is below is excluded, by a constraint with a leading dot, which OpenSSL
(v3_ncons.c, nc_dns), Go, BoringSSL (pki/name_constraints.cc) and mozilla::pkix take for the names below and not for the name itself.
"""

from __future__ import annotations

import re
from collections.abc import Collection

# Names below which other people register theirs: a country's has two letters (RFC 1591), and of the others these are the largest. All
# public suffixes would be 10,000; the question that shows the names comes before any authority is trusted.
_REGISTRIES = re.compile(
    r"(?:[a-z]{2}|com|net|org|edu|gov|mil|int|arpa|info|biz|name|pro|mobi|asia|xyz|top|online|site|shop|store|app|dev|cloud|tech|club|live"
    r"|icu|vip|work|space|website|fun|blog|news|world|life|today|email|zip|page"
    r"|(?:ac|co|com|edu|gob|gouv|gov|go|ltd|me|mil|ne|net|nom|or|org|plc|sch|web)\.[a-z]{2})\Z"
)


def is_registry(name: str) -> bool:
    """Whether other people may have names below `name`, which is in the form of `grammar.host_name`."""
    return _REGISTRIES.match(name) is not None


def below(name: str) -> str:
    """The constraint on all names below `name`, and not on itself."""
    return f".{name}"


def to_exclude(names: Collection[str]) -> tuple[str, ...]:
    """The constraints that an authority for `names` excludes. What a registry's name has below it among `names` is left permitted."""
    exclusions = (below(name) for name in names if is_registry(name))
    return tuple(every for every in exclusions if not any(other.endswith(every) for other in names))
