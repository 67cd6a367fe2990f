"""What made a browser send a request: a page of this server or its user, or a page of another origin.

Another port of the same name and another subdomain are other origins: their pages are not this server's, and the browser sends this
server's cookies along (`SameSite` compares sites, which have neither port nor subdomain).
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from jupyter_remote_kit.plan import hosts
from jupyter_remote_kit.plan.answers import is_loopback
from jupyter_remote_kit.server import offers

if TYPE_CHECKING:
    from tornado.httputil import HTTPServerRequest

# `none` is the user: the address bar, a bookmark, another program's link (https://www.w3.org/TR/fetch-metadata/#sec-fetch-site-header).
_OWN = frozenset({"same-origin", "none"})


class Initiator(Enum):
    """Who caused a request."""

    OWN = "own"
    FOREIGN = "foreign"
    UNKNOWN = "unknown"


def initiator_of(request: HTTPServerRequest) -> Initiator:
    """Who caused `request`, as far as its headers tell.

    Browsers send `Sec-Fetch-Site` to servers over TLS and on loopback. Elsewhere `Origin` and `Referer` tell what they tell, and a page
    may keep its images from sending either.
    """
    headers = request.headers
    if "Sec-Fetch-Site" in headers:
        return Initiator.FOREIGN if is_told_foreign(request) else Initiator.OWN
    source = headers.get("Origin") or headers.get("Referer")
    if not source:
        return Initiator.UNKNOWN
    return Initiator.OWN if _is_own(source, request) else Initiator.FOREIGN


def is_foreign(request: HTTPServerRequest) -> bool:
    """Whether a page of another origin makes the owner's browser send this, as by an image or a form, or may do so.

    Over plain HTTP beyond loopback a browser sends nothing about it where a page asks for that, or where an address was typed.
    """
    initiator = initiator_of(request)
    return initiator is Initiator.FOREIGN or (initiator is Initiator.UNKNOWN and not _is_labelled(request) and _is_browser(request))


def is_told_foreign(request: HTTPServerRequest) -> bool:
    """Whether the browser says that a page of another origin sends this. Whatever a proxy makes of `Host`, it knows better.

    Of a websocket that one of this server's pages opens some browsers say `cross-site`: there an own `Origin` counts. Chromium says `none`
    of what it loads ahead because any page's speculation rules ask for it (https://wicg.github.io/nav-speculation/): that is not the user.
    """
    site = request.headers.get("Sec-Fetch-Site", "none")
    if site in _OWN and not (site == "none" and _is_loaded_ahead(request)):
        return False
    return not (offers.is_upgrade(request) and _has_own_origin(request))


def is_same_origin(request: HTTPServerRequest) -> bool:
    """Whether the browser says that a page of this server sends this. `Sec-Fetch-Site: none` is the user, who sends no forms."""
    if "Sec-Fetch-Site" in request.headers:
        return request.headers["Sec-Fetch-Site"] == "same-origin"
    return _has_own_origin(request)


def is_own_navigation(request: HTTPServerRequest) -> bool:
    """Whether the user opens a page, from one of this server's or without any: no image, no frame, no script.

    A notebook that another person wrote may show an image of any address of this server.
    """
    is_page = offers.is_navigation(request) and request.headers.get("Sec-Fetch-Dest", "document") == "document"
    return is_page and not _is_loaded_ahead(request) and initiator_of(request) is Initiator.OWN


def _is_loaded_ahead(request: HTTPServerRequest) -> bool:
    """Whether a browser loads a page that its user may open next. It says so itself; pages cannot change that."""
    return "Sec-Purpose" in request.headers


def _is_labelled(request: HTTPServerRequest) -> bool:
    """Whether browsers say where their requests to this server come from (https://www.w3.org/TR/fetch-metadata/#fetch-integration)."""
    return request.protocol == "https" or is_loopback(hosts.host_of(request.host) or "")


def _has_own_origin(request: HTTPServerRequest) -> bool:
    origin = request.headers.get("Origin")
    return bool(origin) and _is_own(str(origin), request)


def _is_browser(request: HTTPServerRequest) -> bool:
    """Whether a browser sends `request`. A program that writes as much has nothing of it: it could write `Sec-Fetch-Site` as well."""
    headers = request.headers
    return headers.get("User-Agent", "").startswith("Mozilla/") and "Accept-Language" in headers


def _is_own(source: str, request: HTTPServerRequest) -> bool:
    """Whether the URL `source` is at this server. `Origin: null` is not."""
    try:
        parts = urlsplit(source.lower())
    except ValueError:
        return False
    # A proxy that is not named may have ended the TLS: then this side does not know of it.
    downgraded = parts.scheme == "http" and request.protocol == "https"
    return parts.netloc == request.host.lower() and not downgraded
