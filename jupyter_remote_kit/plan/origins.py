"""Whether a setting lets the pages of any origin in, judged by what it does to made-up ones."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

# Nobody's (`zz` is reserved for users by ISO 3166 and no top-level domain), in the schemes and ports that an attacker could choose.
# Short: what a user wrote may backtrack exponentially in their length.
FOREIGN_ORIGINS = ("https://foreign.zz", "http://foreign.zz", "https://foreign.zz:8443", "http://foreign.zz:8888")
ANY = "*"
ALLOW_ORIGIN_HEADER = "access-control-allow-origin"

Match = Callable[[str, str], object]


def matches_any_origin(pattern: str, match: Match = re.fullmatch) -> bool:
    """Whether an `allow_origin_pat` fits an origin that nobody can have meant.

    `match(pattern, origin)` is how the server anchors: `re.fullmatch` since CVE-2026-40110 (`jupyter_server.utils.origin_matches_pat`),
    `re.match` before. An empty pattern allows nothing. An invalid one counts as any: what it would do is unknown.
    """
    if not pattern:
        return False
    try:
        return any(match(pattern, origin) for origin in FOREIGN_ORIGINS)
    except (re.error, RecursionError, OverflowError):
        return True


def headers_allow_any_origin(headers: object) -> bool:
    """Whether `tornado_settings["headers"]` answer every page with `Access-Control-Allow-Origin: *`."""
    if not isinstance(headers, Mapping):
        return False
    return any(str(name).lower() == ALLOW_ORIGIN_HEADER and str(value).strip() == ANY for name, value in headers.items())
