"""What a request offers to be let in: a token in its query or its `Authorization` header. Cookies are the identity provider's."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote_plus, unquote_to_bytes, urlsplit

if TYPE_CHECKING:
    from tornado.httputil import HTTPServerRequest

# jupyter_server's `IdentityProvider.auth_header_pat`.
_AUTHORIZATION = re.compile(r"(token|bearer)\s+(.+)", re.IGNORECASE)
TOKEN = "token"  # noqa: S105  # the name of the parameter
_NOT_ASCII = re.compile(r"[^\x21-\x7e]")
MAX_DIGITS = 18
# Whether a text is the token of this server.
IsOurs = Callable[[str], bool]


@dataclass(frozen=True)
class Offer:
    """The tokens that a request carries before its body: in the URL and in the `Authorization` header, each empty for none.

    Either may be another's: an application behind jupyter-server-proxy has a `?token=` or a bearer token of its own.
    """

    in_query: str = ""
    in_header: str = ""

    @property
    def tokens(self) -> tuple[str, ...]:
        """Those that there are."""
        return tuple(token for token in (self.in_query, self.in_header) if token)


@dataclass(frozen=True)
class HeaderPart:
    """A part of a request's header: the name of the field, empty for the address, and its bytes."""

    name: str
    size: int


def of(request: HTTPServerRequest) -> Offer:
    """Where jupyter_server's `IdentityProvider.get_token` looks. It stops at the query's; here the header's counts beside another's."""
    values = request.query_arguments.get(TOKEN)
    in_query = values[-1].decode("utf-8", "replace").strip() if values else ""
    return Offer(in_query, in_header(request))


def in_header(request: HTTPServerRequest) -> str:
    """The token of the `Authorization` header, empty for none."""
    header = request.headers.get("Authorization")
    found = _AUTHORIZATION.match(header) if header else None
    return found.group(2).strip() if found else ""


def in_body(request: HTTPServerRequest) -> str:
    """The token field of a form that was sent; jupyter_server takes that as well, on every route."""
    values = request.body_arguments.get(TOKEN)
    return values[-1].decode("utf-8", "replace").strip() if values else ""


def announced_body(request: HTTPServerRequest) -> int:
    """The length of the body in bytes, as its header has it; 0 where it says nothing that can be read."""
    text = request.headers.get("Content-Length", "0")
    if not (text.isascii() and text.isdigit()):
        return 0
    # Python refuses to read a number of thousands of digits.
    return int(text) if len(text) <= MAX_DIGITS else sys.maxsize


def is_navigation(request: HTTPServerRequest) -> bool:
    """Whether a browser opens a page: its address bar shows this URL.

    All browsers name XHTML then, in that spelling, for twenty years. Programs accept anything, VS Code among them; Java's own HTTP client,
    and so perhaps PyCharm, asks for `text/html` whatever it fetches.
    """
    headers = request.headers
    return request.method == "GET" and "Upgrade" not in headers and "application/xhtml+xml" in headers.get("Accept", "")


def is_upgrade(request: HTTPServerRequest) -> bool:
    """Whether a websocket is asked for. A handler's class does not tell: jupyter-server-proxy has one for pages and websockets."""
    return request.headers.get("Upgrade", "").lower() == "websocket"


def largest_part(request: HTTPServerRequest) -> HeaderPart:
    """Of the request's address and its header fields the one with the most bytes."""
    fields = [HeaderPart(name, sum(map(len, request.headers.get_list(name)))) for name in request.headers]
    return max([HeaderPart("", len(request.uri or "")), *fields], key=lambda part: part.size)


def unreadable(request: HTTPServerRequest) -> str | None:
    """Which header of the origin and the referrer is not what handlers take it for, and would lead to a traceback; empty: the path."""
    if not _is_text(request.path):
        return ""
    for name in ("Origin", "Referer"):
        try:
            urlsplit(request.headers.get(name, ""))
        except ValueError:
            return name
    return None


def is_multipart(request: HTTPServerRequest) -> bool:
    """Whether a body of parts is announced, which no sign-in form of ours sends; one that is none is a traceback in the handlers."""
    return "multipart/" in request.headers.get("Content-Type", "").lower()


def _is_text(path: str) -> bool:
    """Whether a path is UTF-8 without NUL when it is decoded."""
    if "%" not in path:
        return "\0" not in path
    try:
        return "\0" not in unquote_to_bytes(path).decode()
    except UnicodeDecodeError:
        return False


def leads_back(url: str, is_ours: IsOurs) -> str:
    """`url`, where a sign-in leads to, without our token in its query: it would stand in the form, and in the address bar after that."""
    path, _, query = url.partition("?")
    kept = without_ours(query, is_ours)
    if kept == query:
        return url
    return f"{path}?{kept}" if kept else path


def without_ours(query: str, is_ours: IsOurs) -> str:
    """`query` without the `token` parameters whose value is ours. The others stay as they are, byte by byte."""
    return "&".join(part for part in query.split("&") if not _is_our_token(part, is_ours))


def without_token(request: HTTPServerRequest, is_ours: IsOurs) -> str:
    """The request's path and query without our token."""
    # Two slashes at the beginning would make another host of the first name.
    path = "/" + request.path.lstrip("/")
    query = without_ours(request.query, is_ours)
    # tornado reads a request line as Latin-1 and writes a header as UTF-8.
    return _NOT_ASCII.sub(lambda found: quote(found[0], encoding="latin-1"), f"{path}?{query}" if query else path)


def _is_our_token(part: str, is_ours: IsOurs) -> bool:
    name, _, value = part.partition("=")
    return unquote_plus(name) == TOKEN and is_ours(unquote_plus(value).strip())
