"""The credentials of a connection's first request, found among bytes that are still unread.

It has to cost little, since a flood has it done for each of its connections: three header fields are looked for, nothing is decoded that
is not needed, and a password, which stands in a body, is never looked at. What is read here decides about waiting alone; the request is
parsed and judged like any other afterwards.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from tornado.httputil import HTTPHeaders, HTTPInputError, HTTPServerRequest, RequestStartLine

# Whether a request carries a cookie or token that is good.
Recognises = Callable[[HTTPServerRequest], bool]
_END = re.compile(rb"\n\r?\n")
_LINE = re.compile(rb"([A-Z][A-Z-]*) (/[^ \r\n]*) HTTP/1\.[01]\r?\Z")
_IN_QUERY = b"token="
_HOST, _CREDENTIALS = b"host", (b"cookie", b"authorization")
# As of a header that is answered at all (server/streams.py).
_MOST_LINES = 128
_MOST_IN_QUERY = 64


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
    # tornado makes an object of each field of a query: 16 KiB of them are milliseconds.
    target = line[2] if line[2].count(b"&") < _MOST_IN_QUERY else line[2].partition(b"?")[0]
    if _IN_QUERY not in target and all(name == _HOST for name, _ in kept):
        return None
    headers = HTTPHeaders()
    try:
        for name, value in kept:
            headers.add(name.decode("latin-1"), value.decode("latin-1").strip())
        start_line = RequestStartLine(line[1].decode("latin-1"), target.decode("latin-1"), "HTTP/1.1")
        return HTTPServerRequest(start_line=start_line, headers=headers)
    except (HTTPInputError, ValueError):
        return None
