"""XSRF tokens of requests that are known to come from this server's own pages.

jupyter_server compares a header with the cookie `_xsrf`. Another host of the domain may set that cookie too, for any path: then a page of
ours reads one value and the browser sends another, and each change is refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jupyter_remote_kit.server import initiators

if TYPE_CHECKING:
    from tornado.httputil import HTTPServerRequest

_HEADER, _COOKIE, _AGREED = "X-XSRFToken", "_xsrf", "same-origin"


def is_proved(request: HTTPServerRequest) -> bool:
    """Whether a script of this server's own pages sends `request`. A form's token is in its body: see `login`."""
    return _HEADER in request.headers and initiators.is_same_origin(request)


def settle(request: HTTPServerRequest) -> None:
    """Have the comparison succeed, for a request whose origin is proved."""
    headers = request.headers
    headers[_HEADER] = _AGREED
    # tornado takes the last cookie of a name.
    headers["Cookie"] = "; ".join((*headers.get_list("Cookie"), f"{_COOKIE}={_AGREED}"))
