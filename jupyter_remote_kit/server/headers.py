"""Headers of the answers of a managed server: pages, APIs, websockets, refusals. What other extensions answer is left as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tornado.web import OutputTransform

from jupyter_remote_kit.server.owners import Owner, owner_of
from jupyter_remote_kit.server.visits import visit_of

if TYPE_CHECKING:
    from tornado.httputil import HTTPHeaders, HTTPServerRequest

FRAME_ANCESTORS = "frame-ancestors 'self'"
# Devices and positions stay possible for the page itself, as at a bare server, and are denied to frames of other sites.
_DEVICES = "browsing-topics=(), camera=(self), geolocation=(self), microphone=(self), payment=(self), serial=(self), usb=(self)"
# Set where an answer has none of its own. `no-referrer` would break jupyter_server's fallback for GET requests without an XSRF cookie
# (`JupyterHandler.check_referer`); `same-origin` would break what notebooks show from elsewhere: OpenStreetMap's tiles (ipyleaflet) are
# 403 without a `Referer` (https://wiki.openstreetmap.org/wiki/Referer), YouTube's player refuses to play. The browsers' default sends the
# origin to other sites, and no path.
DEFAULTS = {
    Owner.KIT: {
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "same-origin",
        "Permissions-Policy": _DEVICES,
        "Content-Security-Policy": FRAME_ANCESTORS,
    },
    Owner.JUPYTER: {
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "strict-origin-when-cross-origin",
        "Permissions-Policy": _DEVICES,
        "Content-Security-Policy": FRAME_ANCESTORS,
    },
    # jupyter_server's own `nosniff` and sandbox are on them.
    Owner.FILES: {},
    # `nosniff` alone keeps a script from running that an application serves as `text/plain`.
    Owner.OTHER: {},
    Owner.PROXY: {},
}
HSTS = "max-age=31536000"
_BANNER = "TornadoServer/"


class ProtectiveHeaders(OutputTransform):
    """Adds what is missing and takes tornado's `Server` banner away; the last of the application's transforms, on 101 as well."""

    hsts = False

    def __init__(self, request: HTTPServerRequest) -> None:
        self._request = request

    def transform_first_chunk(
        self, status_code: int, headers: HTTPHeaders, chunk: bytes, finishing: bool
    ) -> tuple[int, HTTPHeaders, bytes]:
        """tornado's hook, called once before the first byte of an answer."""
        request = self._request
        owner = owner_of(request)
        visit = visit_of(request)
        # An application behind a proxy answers those who are signed in alone; its banner is part of its answer.
        theirs = owner.is_other and visit is not None and visit.signed_in
        if not theirs and headers.get("Server", "").startswith(_BANNER):
            headers.pop("Server")
        added = dict(DEFAULTS[owner])
        if self.hsts and request.protocol == "https" and not owner.is_other:
            added["Strict-Transport-Security"] = HSTS
        for name, value in added.items():
            if name not in headers:
                headers[name] = value
        return status_code, headers, chunk


def protective(*, hsts: bool) -> type[ProtectiveHeaders]:
    """The transform, for `Application.add_transform`. HSTS is on request: it holds for every port of the name, other people's too."""
    return type("ProtectiveHeaders", (ProtectiveHeaders,), {"hsts": hsts})
