"""Our two cookies: the session's, and the one by which a browser is known again. Read from the header, written to an answer."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tornado.httputil import HTTPServerRequest
    from tornado.web import RequestHandler

# Cookies ignore ports: any other service of the host may set one of our names beside ours, and so may other hosts of the domain. Browsers
# send those of longer paths first (RFC 6265, 5.4), so ours is among the last: before it in that place can be one for each domain above this
# host and each path that `base_url` begins with.
MAX_VALUES = 64
# A value may hold the name again and again: so many places are looked at.
MAX_LOOKS = 1024
MAX_BLANKS = 16
_NOT_IN_A_NAME = re.compile(r"[^A-Za-z0-9]")


def session_name(request: HTTPServerRequest, configured: str = "") -> str:
    """The name of the session's cookie, as `IdentityProvider.get_cookie_name` makes it: with the port, so that servers keep apart."""
    return configured or _NOT_IN_A_NAME.sub("-", f"username-{request.host}")


def device_name(request: HTTPServerRequest) -> str:
    """The name of the cookie by which a browser is known again."""
    return _NOT_IN_A_NAME.sub("-", f"remotekit-device-{request.host}")


def values(request: HTTPServerRequest, name: str) -> list[str]:
    """What the request's cookies of this name hold, the last `MAX_VALUES` of them.

    `request.cookies` keeps the last one alone, and makes an object of each cookie: 26 to 42 ms of the event loop for 64 KB of them.
    """
    found = list(islice(_values(request.headers.get("Cookie", ""), f"{name}="), MAX_VALUES))
    return [value.strip().removeprefix('"').removesuffix('"') for value in reversed(found)]


def _values(header: str, wanted: str) -> Iterator[str]:
    """From the last one on. No regular expression: the name holds the request's `Host`, and each made-up one would be compiled, 40 µs."""
    end = len(header)
    for _ in range(MAX_LOOKS):
        at = header.rfind(wanted, 0, end)
        if at < 0:
            return
        # One blank is what clients send between two cookies.
        before = header[max(0, at - MAX_BLANKS) : at].rstrip()
        if before.endswith(";") or (not before and at < MAX_BLANKS):
            yield header[at + len(wanted) :].partition(";")[0]
        end = at


def options(handler: RequestHandler, *, given: dict[str, Any], base_url: str, secure: bool) -> dict[str, Any]:
    """The attributes of either cookie; `given` is what the configuration says.

    `SameSite=Lax` at least: another site's form must not carry the session. `Secure` wherever the client's way is TLS.
    """
    settled = {"path": base_url, **{key.lower(): value for key, value in given.items()}, "httponly": True}
    if str(settled.get("samesite")).lower() != "strict":
        settled["samesite"] = "Lax"
    if secure or handler.request.protocol == "https":
        settled["secure"] = True
    return settled
