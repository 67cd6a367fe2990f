"""Keeps this server's credentials from the applications behind jupyter-server-proxy, which forwards every header as it came.

What listens on a proxied port may be another user's process (jupyterhub/jupyter-server-proxy#590). Exactly our cookies and exactly our
token are taken out; what else is in the same headers, the application's own cookies and tokens among them, goes on.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from jupyter_remote_kit.server import offers

if TYPE_CHECKING:
    from tornado.httputil import HTTPServerRequest
    from tornado.web import RequestHandler

# The base class of jupyter-server-proxy's handlers and of those that others derive (jupyter-rsession-proxy, jupyter-remote-desktop-proxy).
_PROXY = ("jupyter_server_proxy.handlers", "ProxyHandler")


def is_proxy(handler: type[RequestHandler]) -> bool:
    """Whether `handler` forwards requests to an application. By name: the package may not be installed, and its import takes 0.1 s."""
    return any((base.__module__, base.__qualname__) == _PROXY for base in handler.__mro__)


def withhold(request: HTTPServerRequest, cookie_names: Collection[str], is_ours: offers.IsOurs) -> None:
    """Take the cookies of these names and the token that is ours out of `request`; for when it is known who sent it."""
    headers = request.headers
    if "Cookie" in headers:
        kept = [text for text in (_without(cookie, cookie_names) for cookie in headers.get_list("Cookie")) if text]
        # `del` fails in tornado 6.5 (6.6 mends it) where the header was not read before.
        headers.pop("Cookie")
        for text in kept:
            headers.add("Cookie", text)
    if is_ours(offers.in_header(request)):
        headers.pop("Authorization")
    if "Referer" in headers:
        # A browser with a session keeps our token in its address bar.
        headers["Referer"] = offers.leads_back(headers["Referer"], is_ours)
    request.query = offers.without_ours(request.query, is_ours)


def _without(cookie: str, names: Collection[str]) -> str:
    pairs = [pair for pair in cookie.split(";") if pair.partition("=")[0].strip() not in names]
    return ";".join(pairs).strip()
