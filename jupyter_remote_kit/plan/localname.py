"""What a port of the laptop answers by itself: requests that name another server than the one that it leads to.

A browser sends the cookies of a name to every port of it. A host that has the browser open `http://<another host>.localhost:<own port>/`
would be sent that host's cookies, and could set others for it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from jupyter_remote_kit.plan import hosts

_LOCAL = ".localhost"
_PORT = re.compile(r":[0-9]*\Z")
MOST_HEADER = 64 * 1024
# A request line's beginning, as browsers write it. What is none is no browser's, and goes on: the host answers it.
_METHOD = re.compile(rb"[A-Z]{1,20}(?: |\Z)")
_END, _LINE = b"\r\n\r\n", b"\r\n"
_PARTS = 3


@dataclass(frozen=True)
class LocalName:
    """By what name a server is reached on this machine, and at which port. `former` is the name that tabs and bookmarks may still have."""

    name: str
    former: str
    port: int


@dataclass(frozen=True)
class Decision:
    """Whether a connection goes on to the host, or gets this answer here."""

    answer: bytes = b""


GOES_ON = Decision()


def decide(head: bytes, local: LocalName) -> Decision | None:
    """What becomes of a connection that begins with `head`; `None` where more of it is needed.

    One request tells: a browser uses a connection for one name alone.
    """
    if not _METHOD.match(head):
        return GOES_ON if head else None
    text, ended, _ = head.partition(_END)
    lines = text.split(_LINE) if ended else text.split(_LINE)[:-1]
    fields = _fields(lines[1:])
    header = fields.get("host", "")
    if _is_local(header):
        name = hosts.host_of(header)
        if name is None:
            return misdirected(local)
        if name != local.name:
            return _at_another_name(lines[0], fields, name, local) if ended else _unless_too_long(head, local)
    if ended or "host" in fields:
        # `localhost` and addresses are for programs that resolve no other name. The host refuses all other names.
        return GOES_ON
    return _unless_too_long(head, local)


def misdirected(local: LocalName) -> Decision:
    """The answer to a request that is for another server (RFC 9110, 15.5.20). It names the URL of this one."""
    body = f"This port is for http://{local.name}:{local.port}/\n".encode()
    lines = (
        "HTTP/1.1 421 Misdirected Request",
        "Content-Type: text/plain; charset=utf-8",
        f"Content-Length: {len(body)}",
        "Connection: close",
    )
    return Decision("\r\n".join((*lines, "", "")).encode() + body)


def _is_local(header: str) -> bool:
    """Whether a `Host` header names something below `localhost`.

    Browsers resolve names that are no host names as well, such as `-x.gpu.localhost` and `a$b.localhost`, and send cookies to them.
    """
    return _PORT.sub("", header.lower()).rstrip(".").endswith(_LOCAL)


def _unless_too_long(head: bytes, local: LocalName) -> Decision | None:
    return misdirected(local) if len(head) > MOST_HEADER else None


def _fields(lines: list[bytes]) -> dict[str, str]:
    """The header's fields by their names in small letters."""
    pairs = (line.decode("latin-1").partition(":") for line in lines)
    return {name.lower(): value.strip() for name, _, value in pairs}


def _at_another_name(line: bytes, fields: dict[str, str], name: str, local: LocalName) -> Decision:
    """A page that is opened leads to the same page under this server's name; a tab that is open under its former one goes on."""
    parts = line.decode("latin-1").split(" ")
    # As `server.offers.is_navigation`.
    opens_page = parts[0] == "GET" and "upgrade" not in fields and "application/xhtml+xml" in fields.get("accept", "")
    if not opens_page:
        return GOES_ON if name == local.former else misdirected(local)
    if len(parts) != _PARTS or not parts[1].startswith("/"):
        return misdirected(local)
    location = f"http://{local.name}:{local.port}{hosts.quoted_target(parts[1])}"
    # Without `no-store` a browser may keep it, beyond a later `hosts rename`.
    lines = (
        "HTTP/1.1 307 Temporary Redirect",
        f"Location: {location}",
        "Cache-Control: no-store",
        "Content-Length: 0",
        "Connection: close",
    )
    return Decision("\r\n".join((*lines, "", "")).encode())
