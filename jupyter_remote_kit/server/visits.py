"""Who sent a request, as far as its headers tell: worked out once, at header time, and read by everything after that."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from ipaddress import IPv4Address, IPv6Address
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jupyter_server.auth.identity import User
    from tornado.httputil import HTTPServerRequest

    from jupyter_remote_kit.server.sessions import Session

# tornado's request is the one object that the router, the handlers and the access log all hold.
_ATTRIBUTE = "remotekit_visit"


class Way(str, Enum):
    """By what a request is signed in."""

    COOKIE = "cookie"
    TOKEN = "token"  # noqa: S105  # the name of a way, not a token


@dataclass(frozen=True)
class Peer:
    """Where a request comes from, proxies that are trusted taken off.

    `address` is `None` at a UNIX socket; `source` is what throttles count by (`plan.networks.source_of`); `secure` says whether the
    client's own way, up to the proxy where there is one, is TLS.
    """

    address: IPv4Address | IPv6Address | None
    source: str
    secure: bool

    def __str__(self) -> str:
        return self._text

    @cached_property
    def _text(self) -> str:
        return self.source if self.address is None else str(self.address)


@dataclass(frozen=True)
class Visit:
    """One request.

    `way` is `None` for a stranger; `session` and `user` are those of its cookie; `device` is the id of a browser that signed in before,
    looked for in strangers only. `epoch` counts the credentials that a token was one of.
    """

    peer: Peer
    way: Way | None = None
    session: Session | None = None
    user: User | None = None
    device: str = ""
    epoch: int = 0

    @property
    def signed_in(self) -> bool:
        """Whether the headers carry a cookie or token that is good."""
        return self.way is not None


def visit_of(request: HTTPServerRequest) -> Visit | None:
    """The visit that `request` is; `None` where it came past the gate, as in a server that is not managed."""
    visit = getattr(request, _ATTRIBUTE, None)
    return visit if isinstance(visit, Visit) else None


def note(request: HTTPServerRequest, visit: Visit) -> None:
    """Let `visit_of` answer with `visit` for this request from now on."""
    setattr(request, _ATTRIBUTE, visit)
