"""Our two cookies: the session's, and the one by which a browser is known again. Read from the header, written to an answer."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any

from jupyter_remote_kit.grammar import MAX_HOST_NAME

if TYPE_CHECKING:
    from tornado.httputil import HTTPServerRequest
    from tornado.web import RequestHandler

# Cookies ignore ports: any other service of the host may set one of our names beside ours, and so may other hosts of the domain. Browsers
# send those of longer paths first (RFC 6265, 5.4), so ours is among the last: before it in that place can be one for each domain above this
# host and each path that `base_url` begins with.
MAX_VALUES = 64
# Of a request that has had no turn yet: a signature is 6 us, and a flood has them verified for each of its connections.
FEW_VALUES = 8
# A value may hold the name again and again: so many places are looked at for each value that is wanted.
LOOKS_EACH = 16
MAX_BLANKS = 16
# A name with a port or an address in brackets, and a blank. A longer `Host` is no host's, and each of its characters would cost 0.1 us.
MAX_HOST = MAX_HOST_NAME + len(" []:65535")
_NOT_IN_A_NAME = re.compile(r"[^A-Za-z0-9]")


def session_name(request: HTTPServerRequest, configured: str = "") -> str:
    """The name of the session's cookie, as `IdentityProvider.get_cookie_name` makes it: with the port, so that servers keep apart."""
    return configured or _named_after(request, "username")


def device_name(request: HTTPServerRequest) -> str:
    """The name of the cookie by which a browser is known again."""
    return _named_after(request, "remotekit-device")


def _named_after(request: HTTPServerRequest, what: str) -> str:
    return _NOT_IN_A_NAME.sub("-", f"{what}-{request.host[:MAX_HOST]}")


def values(request: HTTPServerRequest, name: str, most: int = MAX_VALUES) -> list[str]:
    """What the request's cookies of this name hold, the last `most` of them.

    `request.cookies` keeps the last one alone, and makes an object of each cookie: 26 to 42 ms of the event loop for 64 KB of them.
    """
    found = list(islice(_values(request.headers.get("Cookie", ""), f"{name}=", most * LOOKS_EACH), most))
    return [value.strip().removeprefix('"').removesuffix('"') for value in reversed(found)]


def _values(header: str, wanted: str, looks: int) -> Iterator[str]:
    """From the last one on. No regular expression: the name holds the request's `Host`, and each made-up one would be compiled, 40 µs."""
    end = len(header)
    for _ in range(looks):
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
