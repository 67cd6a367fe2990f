"""What a reverse proxy has changed about a request so that it cannot be answered, and the line of its configuration that mends it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tornado.httputil import HTTPServerRequest

# What these have in common: jupyter_server and JupyterLab compare `Origin` with `Host` there. Applications behind a proxy of Jupyter's
# decide for themselves.
_COMPARED = re.compile(r"(?:login|(?:lab/|remotekit/)?api/.*|terminals/websocket/.*|lsp/.*)\Z")
_SOCKETS = re.compile(r"(?:api/kernels/[^/]+/channels|terminals/websocket/[^/]+|api/events/subscribe)\Z")
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
SHOWN = 120


@dataclass(frozen=True)
class Line:
    """A line of the configuration of `program`."""

    program: str
    text: str


# By default nginx sends the upstream's name, Apache the host that it was reached as only with this. Caddy and frp pass the name on unless
# they are told otherwise.
PASS_HOST = (
    Line("nginx", "proxy_set_header Host $http_host;"),
    Line("Apache", "ProxyPreserveHost On"),
    Line("Caddy", "header_up Host {http.request.hostport}"),
    Line("frp", 'hostHeaderRewrite = ""'),
)
PASS_UPGRADE = (
    Line("nginx", 'proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "upgrade";'),
    Line("Apache", "ProxyPass / http://127.0.0.1:{port}/ upgrade=websocket"),
)


def has_lost_host(request: HTTPServerRequest, base_url: str, settings: Mapping[str, object]) -> bool:
    """Whether the page that sends `request` is at another name than the request was sent to, where jupyter_server refuses that.

    It is left to jupyter_server where the configuration lets other origins in.
    """
    if settings.get("allow_origin") or settings.get("allow_origin_pat"):
        return False
    origin = request.headers.get("Origin")
    compared = request.method not in _SAFE or "Upgrade" in request.headers
    if origin is None or not compared or not _COMPARED.match(_below(request, base_url)):
        return False
    # As `JupyterHandler.check_origin`. The gate has found out that the header can be read.
    return urlsplit(origin.lower()).netloc != request.host


def has_lost_upgrade(request: HTTPServerRequest, base_url: str) -> bool:
    """Whether a WebSocket was to be opened, and the request does not ask for one any more."""
    return request.method == "GET" and "Upgrade" not in request.headers and _SOCKETS.match(_below(request, base_url)) is not None


def shown(text: str) -> str:
    """`text`, which the client wrote, as it can be shown: without control characters, and no longer than a line."""
    printable = "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text[:SHOWN])
    return f"{printable}…" if len(text) > SHOWN else printable


def _below(request: HTTPServerRequest, base_url: str) -> str:
    return request.path.removeprefix(base_url)
