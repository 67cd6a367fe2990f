"""The credentials of a connection's first request, found among bytes that are still unread.

It has to cost little, since a flood has it done for each of its connections: three header fields and one of the query are looked for,
nothing is decoded that is not needed, and a password, which stands in a body, is never looked at. What is read here decides about waiting
alone; the request is parsed and judged like any other afterwards.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from tornado.httputil import HTTPHeaders, HTTPInputError, HTTPServerRequest, RequestStartLine

from jupyter_remote_kit.server.cookies import MAX_HOST

# Whether a request carries a cookie or token that is good.
Recognises = Callable[[HTTPServerRequest], bool]
_END = re.compile(rb"\n\r?\n")
_LINE = re.compile(rb"([A-Z][A-Z-]*) (/[^ \r\n]*) HTTP/1\.[01]\r?\Z")
_TOKEN = b"&token="
_HOST, _CREDENTIALS = b"host", (b"cookie", b"authorization")
# As of a header that is answered at all (server/streams.py).
_MOST_LINES = 128
# Clients send one of each, HTTP/2's proxies some more cookies; tornado takes 2 us for one.
_MOST_KEPT = 16
# Each byte of it may be an escape, of 50 ns.
_LONGEST_TOKEN = 1024


def is_whole(data: bytes) -> bool:
    """Whether the header of the request is there to its end."""
    return _END.search(data) is not None


def with_credentials(data: bytes) -> HTTPServerRequest | None:
    """The first request of `data`, with its credentials and its `Host` alone; `None` where it carries none, or is no request."""
    first, *others = _END.split(data, 1)[0].split(b"\n", _MOST_LINES)
    line = _LINE.match(first)
    if line is None or len(others) == _MOST_LINES:
        return None
    fields = [(name.lower(), value) for name, _, value in (other.partition(b":") for other in others)]
    kept = [(name, value) for name, value in fields if name == _HOST or name in _CREDENTIALS]
    target = _with_token(line[2])
    if len(kept) > _MOST_KEPT or (target is None and all(name == _HOST for name, _ in kept)):
        return None
    if any(name == _HOST and len(value) > MAX_HOST for name, value in kept):
        return None
    headers = HTTPHeaders()
    try:
        for name, value in kept:
            headers.add(name.decode("latin-1"), value.decode("latin-1").strip())
        start_line = RequestStartLine(line[1].decode("latin-1"), (target or b"/").decode("latin-1"), "HTTP/1.1")
        return HTTPServerRequest(start_line=start_line, headers=headers)
    except (HTTPInputError, ValueError):
        return None


def _with_token(target: bytes) -> bytes | None:
    """`target` with the token of its query alone, the last one, which counts (server/offers.py); `None` where there is none."""
    path, _, query = target.partition(b"?")
    _, found, rest = (b"&" + query).rpartition(_TOKEN)
    token = rest.partition(b"&")[0]
    return path + b"?token=" + token if found and len(token) <= _LONGEST_TOKEN else None
