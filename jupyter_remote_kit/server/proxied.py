"""What a reverse proxy has changed about a request so that it cannot be answered, and the line of its configuration that mends it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from jupyter_server.base.handlers import Template404
from tornado.routing import PathMatches

from jupyter_remote_kit.server import offers

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tornado.httputil import HTTPServerRequest
    from tornado.web import Application

# Where jupyter_server, JupyterLab and the kit compare `Origin` with `Host`. Other extensions, and applications behind them, decide for
# themselves.
_COMPARED = re.compile(r"(?:login|logout|(?:lab/|remotekit/)?api/.*|terminals/websocket/.*)\Z")
_SOCKETS = re.compile(r"(?:api/kernels/[^/]+/channels|terminals/websocket/[^/]+|api/events/subscribe)\Z")
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
SHOWN = 120


@dataclass(frozen=True)
class Line:
    """A line of the configuration of `program`."""

    program: str
    text: str

    def about(self, upstream: str, base_url: str) -> Line:
        """The line for the server at `upstream`, such as `http://127.0.0.1:8800`, whose paths begin with `base_url`."""
        return Line(self.program, self.text.replace("{upstream}", upstream).replace("{base_url}", base_url))


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
    Line("Apache", "ProxyPass {base_url} {upstream}{base_url} upgrade=websocket"),
)
# nginx takes the path of the `location` away where `proxy_pass` has one of its own, be it a slash.
PASS_PATH = (
    Line("nginx", "proxy_pass {upstream};"),
    Line("Apache", "ProxyPass {base_url} {upstream}{base_url}"),
    Line("Caddy", "reverse_proxy {base_url}* {upstream}"),
)


def lets_others_in(settings: Mapping[str, object]) -> bool:
    """Whether the configuration names other origins whose pages may ask for changes: jupyter_server decides then."""
    return bool(settings.get("allow_origin") or settings.get("allow_origin_pat"))


def is_change(request: HTTPServerRequest) -> bool:
    """Whether `request` may change something."""
    return request.method not in _SAFE or offers.is_upgrade(request)


def has_lost_host(request: HTTPServerRequest, base_url: str) -> bool:
    """Whether the page that sends `request` is at another name than the request was sent to, where jupyter_server refuses that."""
    origin = request.headers.get("Origin")
    if origin is None or not _COMPARED.match(_below(request, base_url)):
        return False
    # As `JupyterHandler.check_origin`. The gate has found out that the header can be read.
    return urlsplit(origin.lower()).netloc != request.host


def has_lost_upgrade(request: HTTPServerRequest, base_url: str) -> bool:
    """Whether a WebSocket was to be opened, and the request does not ask for one any more."""
    return request.method == "GET" and not offers.is_upgrade(request) and _SOCKETS.match(_below(request, base_url)) is not None


def outside(web_app: Application, base_url: str) -> Callable[[str], bool]:
    """Tells of a path whether it is not below `base_url` and no extension has a route for it all the same.

    jupyter_server redirects unauthenticated clients from there to the sign-in page: a loop, through a proxy that strips `base_url`.
    """
    matchers = [rule.matcher for rule in web_app.wildcard_router.rules if rule.target is not Template404]
    routes = [matcher.regex for matcher in matchers if isinstance(matcher, PathMatches) and not matcher.regex.pattern.startswith(base_url)]
    return lambda path: not f"{path}/".startswith(base_url) and not any(route.match(path) for route in routes)


def shown(text: str) -> str:
    """`text`, which the client wrote, as it can be shown: without control characters, and no longer than a line."""
    printable = "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text[:SHOWN])
    return f"{printable}…" if len(text) > SHOWN else printable


def _below(request: HTTPServerRequest, base_url: str) -> str:
    return request.path.removeprefix(base_url)
