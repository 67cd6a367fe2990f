"""Headers of every answer of a managed server: pages, APIs, static files, websockets, refusals."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tornado.web import OutputTransform

if TYPE_CHECKING:
    from tornado.httputil import HTTPHeaders, HTTPServerRequest

FRAME_ANCESTORS = "frame-ancestors 'self'"
# Set where the answer has none of its own. `no-referrer` would break jupyter_server's fallback for GET requests without an XSRF cookie
# (`JupyterHandler.check_referer`). What notebooks and widgets use (camera, microphone, USB, clipboard, full screen) stays possible for the
# page itself and is denied to frames of other sites; what no part of Jupyter uses is off.
DEFAULTS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "browsing-topics=(), geolocation=(), payment=(), camera=(self), microphone=(self), usb=(self), serial=(self)",
    "Content-Security-Policy": FRAME_ANCESTORS,
}
HSTS = "max-age=31536000"


class ProtectiveHeaders(OutputTransform):
    """Adds what is missing and takes the `Server` banner away; the last of the application's transforms, on 101 as well."""

    hsts = False

    def __init__(self, request: HTTPServerRequest) -> None:
        self._secure = request.protocol == "https"

    def transform_first_chunk(
        self, status_code: int, headers: HTTPHeaders, chunk: bytes, finishing: bool
    ) -> tuple[int, HTTPHeaders, bytes]:
        """tornado's hook, called once before the first byte of an answer."""
        headers.pop("Server", None)
        for name, value in DEFAULTS.items():
            if name not in headers:
                headers[name] = value
        if self.hsts and self._secure:
            headers["Strict-Transport-Security"] = HSTS
        return status_code, headers, chunk


def protective(*, hsts: bool) -> type[ProtectiveHeaders]:
    """The transform, for `Application.add_transform`. HSTS is on request: it holds for every port of the name, other people's too."""
    return type("ProtectiveHeaders", (ProtectiveHeaders,), {"hsts": hsts})
