"""Requests that nobody should send: a corpus of known tricks, and a seeded generator of more.

Sources of the corpus: RFC 9112 (sections 2.2, 3, 5, 6, 7 and 11), "HTTP Desync Attacks" (Kettle, 2019), and the fixes of tornado,
llhttp, aiohttp and gunicorn to their parsers of 2019 to 2025.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

HOST = b"Host: {host}\r\n"
SMUGGLED = b"GET /remotekit/api/health?smuggled HTTP/1.1\r\n" + HOST + b"\r\n"
FORM = b"_xsrf=0123456789abcdef0123456789abcdef&password=x"
POST = b"POST /login HTTP/1.1\r\n" + HOST
GET = b"GET /login HTTP/1.1\r\n" + HOST


@dataclass(frozen=True)
class Case:
    """Bytes to send on a connection of their own. `{host}` in them is the server's authority."""

    name: str
    raw: bytes = field(repr=False)

    def sent(self, authority: str) -> bytes:
        return self.raw.replace(b"{host}", authority.encode())


# -- the corpus: what two parsers may read in two ways --------------------------------------------------------------------------------

_LENGTHS = {
    "negative": b"Content-Length: -1",
    "with a plus": b"Content-Length: +49",
    "hexadecimal": b"Content-Length: 0x31",
    "with an underscore": b"Content-Length: 4_9",
    "with blanks inside": b"Content-Length: 4 9",
    "in other digits": "Content-Length: ४९".encode(),
    "empty": b"Content-Length:",
    "a word": b"Content-Length: many",
    "a fraction": b"Content-Length: 49.0",
    "in exponents": b"Content-Length: 1e2",
    "a list of two": b"Content-Length: 49, 50",
    "twice, differing": b"Content-Length: 49\r\nContent-Length: 0",
    "twice, the longer last": b"Content-Length: 0\r\nContent-Length: 49",
    "beyond 64 bits": b"Content-Length: 99999999999999999999999",
    "of 5,000 digits": b"Content-Length: " + b"9" * 5000,
    "beyond any body": b"Content-Length: 1099511627776",
    "a blank before the colon": b"Content-Length : 49",
    "a tab before the colon": b"Content-Length\t: 49",
    "a vertical tab before the value": b"Content-Length:\x0b49",
    "a NUL behind the value": b"Content-Length: 49\x00",
    "an underscore in the name": b"Content_Length: 49",
    "folded": b"Content-Length:\r\n 49",
}
_ENCODINGS = {
    "with a length": b"Transfer-Encoding: chunked\r\nContent-Length: 4",
    "behind a length": b"Content-Length: 4\r\nTransfer-Encoding: chunked",
    "twice": b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
    "chunked and identity": b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
    "identity first": b"Transfer-Encoding: identity, chunked\r\nContent-Length: 4",
    "chunked not last": b"Transfer-Encoding: chunked, gzip",
    "gzip": b"Transfer-Encoding: gzip",
    "xchunked": b"Transfer-Encoding: xchunked\r\nContent-Length: 4",
    "quoted": b'Transfer-Encoding: "chunked"\r\nContent-Length: 4',
    "a blank before the colon": b"Transfer-Encoding : chunked\r\nContent-Length: 4",
    "a tab before the value": b"Transfer-Encoding:\tchunked\r\nContent-Length: 4",
    "a vertical tab": b"Transfer-Encoding: \x0bchunked\r\nContent-Length: 4",
    "a form feed": b"Transfer-Encoding: \x0cchunked\r\nContent-Length: 4",
    "a NUL": b"Transfer-Encoding: chunked\x00\r\nContent-Length: 4",
    "a parameter": b"Transfer-Encoding: chunked;q=1\r\nContent-Length: 4",
    "a trailing comma": b"Transfer-Encoding: chunked,\r\nContent-Length: 4",
    "folded": b"Transfer-Encoding:\r\n chunked\r\nContent-Length: 4",
    "folded behind another": b"X: y\r\n Transfer-Encoding: chunked\r\nContent-Length: 4",
    "behind a bare line feed": b"X: y\nTransfer-Encoding: chunked\r\nContent-Length: 4",
    "behind a bare carriage return": b"X: y\rTransfer-Encoding: chunked\r\nContent-Length: 4",
    "with a long s": "Tran\u017ffer-Encoding: chunked\r\nContent-Length: 4".encode(),
    "with a Kelvin sign": "Transfer-Encoding: chun\u212aed\r\nContent-Length: 4".encode(),
    "an underscore in the name": b"Transfer_Encoding: chunked\r\nContent-Length: 4",
}
_CHUNKS = {
    "a negative size": b"-1\r\n\r\n0\r\n\r\n",
    "a size with a plus": b"+5\r\nhello\r\n0\r\n\r\n",
    "a size with 0x": b"0x5\r\nhello\r\n0\r\n\r\n",
    "a size with an underscore": b"0_5\r\nhello\r\n0\r\n\r\n",
    "a size with a blank before": b" 5\r\nhello\r\n0\r\n\r\n",
    "a size with a blank behind": b"5 \r\nhello\r\n0\r\n\r\n",
    "a size beyond 64 bits": b"FFFFFFFFFFFFFFFFF\r\nhello\r\n0\r\n\r\n",
    "a size that wraps round 64 bits": b"10000000000000005\r\nhello\r\n0\r\n\r\n",
    "a size of 100 GB": b"174876E800\r\nhello\r\n",
    "a size of no digits": b"\r\nhello\r\n0\r\n\r\n",
    "a size of 70 digits": b"0" * 70 + b"5\r\nhello\r\n0\r\n\r\n",
    "a size that is no number": b"five\r\nhello\r\n0\r\n\r\n",
    "more than its size": b"5\r\nhello and more\r\n0\r\n\r\n",
    "less than its size": b"50\r\nhello\r\n0\r\n\r\n",
    "a bare line feed behind the size": b"5\nhello\r\n0\r\n\r\n",
    "a bare line feed behind the data": b"5\r\nhello\n0\r\n\r\n",
    "no line end behind the data": b"5\r\nhello0\r\n\r\n",
    "two bytes that are no line end": b"5\r\nhelloXX0\r\n\r\n",
    "an extension": b"5;a=b\r\nhello\r\n0\r\n\r\n",
    "an extension of a line feed": b"5;\nhello\r\n0\r\n\r\n",
    "a huge extension": b"5;" + b"a" * 70_000 + b"\r\nhello\r\n0\r\n\r\n",
    "a trailer that is a request": b"0\r\nContent-Length: 5\r\n\r\nhello",
    "no end": b"5\r\nhello\r\n",
    "a hundred thousand chunks of a byte": b"1\r\nx\r\n" * 100_000 + b"0\r\n\r\n",
}
_LINES = {
    "HTTP/0.9": b"GET /login\r\n",
    "HTTP/0.9 with a version": b"GET /login HTTP/0.9\r\n\r\n",
    "HTTP/1.1 without a host": b"GET /login HTTP/1.1\r\n\r\n",
    "HTTP/1.2": b"GET /login HTTP/1.2\r\n" + HOST + b"\r\n",
    "HTTP/2 in words": b"GET /login HTTP/2\r\n" + HOST + b"\r\n",
    "HTTP/2's preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00",
    "HTTP/11.1": b"GET /login HTTP/11.1\r\n" + HOST + b"\r\n",
    "lower-case http": b"GET /login http/1.1\r\n" + HOST + b"\r\n",
    "another protocol": b"GET /login ICY/1.1\r\n" + HOST + b"\r\n",
    "no version": b"GET /login \r\n" + HOST + b"\r\n",
    "no target": b"GET HTTP/1.1\r\n" + HOST + b"\r\n",
    "two targets": b"GET /login /lab HTTP/1.1\r\n" + HOST + b"\r\n",
    "two blanks": b"GET  /login  HTTP/1.1\r\n" + HOST + b"\r\n",
    "tabs for blanks": b"GET\t/login\tHTTP/1.1\r\n" + HOST + b"\r\n",
    "a leading blank": b" GET /login HTTP/1.1\r\n" + HOST + b"\r\n",
    "an empty line first": b"\r\n" + GET + b"\r\n",
    "a thousand empty lines first": b"\r\n" * 1000 + GET + b"\r\n",
    "bare line feeds": b"GET /login HTTP/1.1\nHost: {host}\n\n",
    "bare carriage returns": b"GET /login HTTP/1.1\rHost: {host}\r\r",
    "a lower-case verb": b"get /login HTTP/1.1\r\n" + HOST + b"\r\n",
    "an unknown verb": b"BREW /login HTTP/1.1\r\n" + HOST + b"\r\n",
    "a verb of 70,000 letters": b"G" * 70_000 + b" /login HTTP/1.1\r\n" + HOST + b"\r\n",
    "a verb with a colon": b"GE:T /login HTTP/1.1\r\n" + HOST + b"\r\n",
    "a NUL in the verb": b"GE\x00T /login HTTP/1.1\r\n" + HOST + b"\r\n",
    "CONNECT": b"CONNECT 127.0.0.1:22 HTTP/1.1\r\n" + HOST + b"\r\n",
    "TRACE": b"TRACE /login HTTP/1.1\r\n" + HOST + b"\r\n",
    "an asterisk": b"GET * HTTP/1.1\r\n" + HOST + b"\r\n",
    "OPTIONS of everything": b"OPTIONS * HTTP/1.1\r\n" + HOST + b"\r\n",
    "an absolute form of elsewhere": b"GET http://evil.example/login HTTP/1.1\r\n" + HOST + b"\r\n",
    "an absolute form with a user": b"GET http://a:b@evil.example/login HTTP/1.1\r\n" + HOST + b"\r\n",
    "an absolute form of a file": b"GET file:///etc/passwd HTTP/1.1\r\n" + HOST + b"\r\n",
    "a target of two slashes": b"GET //evil.example/login HTTP/1.1\r\n" + HOST + b"\r\n",
    "a target of a backslash": b"GET /\\evil.example HTTP/1.1\r\n" + HOST + b"\r\n",
    "a target without a slash": b"GET login HTTP/1.1\r\n" + HOST + b"\r\n",
    "a fragment": b"GET /login#top HTTP/1.1\r\n" + HOST + b"\r\n",
    "a target of 70,000 bytes": b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n" + HOST + b"\r\n",
    "a NUL in the target": b"GET /log\x00in HTTP/1.1\r\n" + HOST + b"\r\n",
    "a NUL in the target, encoded": b"GET /log%00in HTTP/1.1\r\n" + HOST + b"\r\n",
    "no UTF-8 in the target": b"GET /\xff\xfe HTTP/1.1\r\n" + HOST + b"\r\n",
    "no UTF-8 in the target, encoded": b"GET /%ff%fe HTTP/1.1\r\n" + HOST + b"\r\n",
    "no UTF-8 in the query": b"GET /login?next=%ff%fe HTTP/1.1\r\n" + HOST + b"\r\n",
    "no UTF-8 in a file's name": b"GET /files/%ff%fe HTTP/1.1\r\n" + HOST + b"\r\n",
    "no UTF-8 where licences are looked for": b"GET /lab/api/licenses/%ff HTTP/1.1\r\n" + HOST + b"\r\n",
    "a line end in the target, encoded": b"GET /login%0d%0aX:%20y HTTP/1.1\r\n" + HOST + b"\r\n",
    "a line end in the query, encoded": b"GET /login?next=%0d%0aX:%20y HTTP/1.1\r\n" + HOST + b"\r\n",
    "half a percent-encoding": b"GET /login%2 HTTP/1.1\r\n" + HOST + b"\r\n",
    "a percent sign": b"GET /% HTTP/1.1\r\n" + HOST + b"\r\n",
    "percent-encoding of no digits": b"GET /%zz HTTP/1.1\r\n" + HOST + b"\r\n",
    "a hundred thousand parameters": b"GET /login?" + b"a&" * 30_000 + b" HTTP/1.1\r\n" + HOST + b"\r\n",
}
_HEADERS = {
    "no colon": b"Nothing",
    "an empty name": b": value",
    "a blank in the name": b"X Y: value",
    "a blank before the colon": b"X : value",
    "a NUL in the name": b"X\x00Y: value",
    "a NUL in the value": b"X: a\x00b",
    "a NUL in the user agent": b"User-Agent: a\x00b",
    "a carriage return in the value": b"X: a\rb",
    "a control character in the value": b"X: a\x01b",
    "DEL in the value": b"X: a\x7fb",
    "no UTF-8 in the value": b"X: \xff\xfe",
    "no UTF-8 in the user agent": b"User-Agent: \xff\xfe",
    "no UTF-8 in the cookie": b"Cookie: username-x=\xff\xfe",
    "no UTF-8 in the token": b"Authorization: token \xff\xfe",
    "no UTF-8 in the language": b"Accept-Language: \xff\xfe",
    "no UTF-8 in the referer": b"Referer: http://\xff\xfe/",
    "no UTF-8 in the name": b"\xff\xfe: value",
    "UTF-8 in the name": "Ü: value".encode(),
    "a folded value": b"X: a\r\n b",
    "a folded first line": b" X: a",
    "a value of 70,000 bytes": b"X: " + b"a" * 70_000,
    "a name of 70,000 bytes": b"X" * 70_000 + b": a",
    "10,000 headers": b"\r\n".join(b"X-%d: a" % number for number in range(10_000)),
    "10,000 headers of one name": b"\r\n".join([b"X: a"] * 10_000),
    "a second host": b"Host: evil.example",
    "the same host again": b"Host: {host}",
    "two hosts in one": b"Host: {host}, evil.example",
    "a referer that is no URL": b"Referer: http://[",
    "an origin that is no URL": b"Origin: http://[::",
    "a cookie of nothing but semicolons": b"Cookie: " + b";" * 10_000,
    "a cookie of quotes": b'Cookie: username-x="\\' + b"\\" * 5000,
    "a cookie of 1,000 names": b"Cookie: " + b"; ".join(b"n%d=v" % number for number in range(1000)),
    "a signed cookie of another version": b"Cookie: username-x=2|9:" + b"9" * 20 + b"|x",
    "an xsrf cookie of no hexadecimals": b"Cookie: _xsrf=2|zz|zz|zz",
    "an Authorization of nothing": b"Authorization:",
    "an Authorization of many blanks": b"Authorization: token" + b" " * 20_000 + b"x",
    "a language of 10,000 ranges": b"Accept-Language: " + b",".join([b"a;q=0.1"] * 10_000)[:60_000],
    "a language of no number": b"Accept-Language: zh;q=nan, en;q=inf, de;q=1e999",
    "an If-None-Match of quotes": b'If-None-Match: "' + b'"' * 1000,
    "an If-Modified-Since of nonsense": b"If-Modified-Since: 99 Foo 99999 99:99:99 GMT",
    "a range of nonsense": b"Range: bytes=-99999999999999999999-,a",
    "Expect of something": b"Expect: 200-ok",
    "Expect: 100-continue without a body": b"Expect: 100-continue",
    "Upgrade to nothing known": b"Connection: Upgrade\r\nUpgrade: TLS/1.0",
    "Upgrade to h2c": b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA",
    "a websocket without a key": b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13",
    "a websocket of no version": b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x",
    "Connection of every name": b"Connection: close, Host, Authorization, Cookie, Upgrade, keep-alive",
    "forwarded nonsense": b"X-Forwarded-For: ,,,\x09[,]:,%00\r\nX-Forwarded-Proto: javascript\r\nX-Real-Ip: \xff",
    "a gzip body": b"Content-Encoding: gzip",
    "a form of no boundary": b"Content-Type: multipart/form-data",
    "a charset of nothing known": b"Content-Type: application/x-www-form-urlencoded; charset=\xff",
}
_BODIES = {
    "a form of no UTF-8": (b"application/x-www-form-urlencoded", b"_xsrf=\xff&password=\xff"),
    "a form of bad encodings": (b"application/x-www-form-urlencoded", b"_xsrf=%&password=%zz%u1234"),
    "a form of 20,000 fields": (b"application/x-www-form-urlencoded", b"a=b&" * 10_000),
    "a form of 100 kB": (b"application/x-www-form-urlencoded", FORM + b"x" * 100_000),
    "a form of 65 passwords": (b"application/x-www-form-urlencoded", FORM + b"&password=y" * 65),
    "multipart without an end": (b"multipart/form-data; boundary=x", b'--x\r\nContent-Disposition: form-data; name="password"\r\n\r\ny'),
    "multipart of 1,000 parts": (b"multipart/form-data; boundary=x", b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\ny\r\n' * 500),
    "multipart of nonsense": (b"multipart/form-data; boundary=x", b"--x\r\n\r\n--x--x--\x00\xff"),
    "multipart with a huge boundary": (b"multipart/form-data; boundary=" + b"x" * 8000, b"--" + b"x" * 8000),
    "JSON where a form belongs": (b"application/json", b'{"password": ["x"]}'),
    "JSON 30,000 deep": (b"application/json", b"[" * 30_000),
}


def corpus() -> list[Case]:
    """Every known trick; where a second request hides behind the first, it is one that strangers may make."""
    cases = [Case(f"Content-Length {name}", POST + line + b"\r\n\r\n" + FORM + SMUGGLED) for name, line in _LENGTHS.items()]
    for name, line in _ENCODINGS.items():
        cases.append(Case(f"Transfer-Encoding {name}", POST + line + b"\r\n\r\n0\r\n\r\n" + SMUGGLED))
    chunked = POST + b"Transfer-Encoding: chunked\r\n\r\n"
    cases += [Case(f"chunks: {name}", chunked + body) for name, body in _CHUNKS.items()]
    cases += [Case(f"request line: {name}", raw) for name, raw in _LINES.items()]
    cases += [Case(f"header: {name}", GET + line + b"\r\n\r\n") for name, line in _HEADERS.items()]
    cases += [Case(f"websocket, header: {name}", _websocket(line)) for name, line in list(_HEADERS.items())[:20]]
    for name, (kind, body) in _BODIES.items():
        head = POST + b"Content-Type: " + kind + b"\r\nContent-Length: %d\r\n\r\n" % len(body)
        cases.append(Case(f"body: {name}", head + body))
    whole = POST + b"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n\r\n" % len(FORM) + FORM
    cases += [Case(f"cut after {length} bytes", whole[:length]) for length in range(len(whole))]
    return cases


def _websocket(line: bytes = b"X: y") -> bytes:
    return (
        b"GET /api/events/subscribe HTTP/1.1\r\n" + HOST + b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" + line + b"\r\n\r\n"
    )


# -- the generator: sound requests, damaged at random ---------------------------------------------------------------------------------

_SOUND = (
    GET + b"Accept-Language: zh-CN\r\nUser-Agent: Mozilla/5.0\r\nAccept: */*\r\n\r\n",
    b"GET /lab?reset HTTP/1.1\r\n" + HOST + b"Cookie: _xsrf=2|1|2|3; username-x=y\r\nReferer: http://{host}/lab\r\n\r\n",
    b"GET /api/contents/a/b.ipynb?content=1 HTTP/1.1\r\n" + HOST + b"Accept: application/json\r\n\r\n",
    b"GET /static/favicon.ico HTTP/1.0\r\n" + HOST + b'If-None-Match: "x"\r\nRange: bytes=0-5\r\n\r\n',
    POST + b"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 49\r\n\r\n" + FORM,
    POST + b"Transfer-Encoding: chunked\r\n\r\n31\r\n" + FORM + b"\r\n0\r\n\r\n",
    b"PUT /api/contents/a.txt HTTP/1.1\r\n" + HOST + b'Content-Type: application/json\r\nContent-Length: 17\r\n\r\n{"type": "file"}\n',
    b"PATCH /api/contents/a.txt HTTP/1.1\r\n" + HOST + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n{}",
    b"DELETE /api/kernels/x HTTP/1.1\r\n" + HOST + b"X-XSRFToken: x\r\n\r\n",
    _websocket(),
)
_BYTES = (*b"\x00 \r \n \t : , ; % / .. \xff %00 %0a \xc0\xae".split(b" "), b" ", b"\r\n", b"\r\n\r\n")
_HEADER_NAMES = b"Content-Length Transfer-Encoding Host Connection Cookie Authorization X-Forwarded-For Origin".split()


def generated(seed: int, count: int) -> Iterator[Case]:
    """`count` cases; the same for the same seed."""
    chance = random.Random(seed)
    for number in range(count):
        raw = chance.choice(_SOUND)
        for _ in range(chance.randint(1, 4)):
            raw = chance.choice(_DAMAGES)(raw, chance)
        yield Case(f"seed {seed}, number {number}", raw)


def _flip(raw: bytes, chance: random.Random) -> bytes:
    where = chance.randrange(max(1, len(raw)))
    return raw[:where] + bytes([chance.randrange(256)]) + raw[where + 1 :]


def _insert(raw: bytes, chance: random.Random) -> bytes:
    where = chance.randrange(len(raw) + 1)
    return raw[:where] + chance.choice(_BYTES) * chance.choice((1, 1, 1, 2, 50)) + raw[where:]


def _delete(raw: bytes, chance: random.Random) -> bytes:
    where = chance.randrange(len(raw) + 1)
    return raw[:where] + raw[where + chance.randint(1, 12) :]


def _cut(raw: bytes, chance: random.Random) -> bytes:
    return raw[: chance.randrange(len(raw) + 1)]


def _repeat_line(raw: bytes, chance: random.Random) -> bytes:
    lines = raw.split(b"\r\n")
    where = chance.randrange(len(lines))
    return b"\r\n".join([*lines[:where], lines[where], *lines[where:]])


def _swap_lines(raw: bytes, chance: random.Random) -> bytes:
    lines = raw.split(b"\r\n")
    chance.shuffle(lines)
    return b"\r\n".join(lines)


def _bare(raw: bytes, chance: random.Random) -> bytes:
    return raw.replace(b"\r\n", chance.choice((b"\n", b"\r", b"\n\r")), chance.choice((-1, 1, 2)))


def _add_header(raw: bytes, chance: random.Random) -> bytes:
    first, separator, rest = raw.partition(b"\r\n")
    value = bytes(chance.randrange(256) for _ in range(chance.choice((0, 1, 5, 40))))
    value = chance.choice((value, b"0", b"5", b"chunked", b"close", b"Upgrade", b"99999999999"))
    return first + separator + chance.choice(_HEADER_NAMES) + chance.choice((b":", b": ", b" : ", b"")) + value + b"\r\n" + rest


def _lengthen(raw: bytes, chance: random.Random) -> bytes:
    where = chance.randrange(len(raw) + 1)
    return raw[:where] + chance.choice((b"a", b"\xe2\x82\xac", b"%", b"/")) * chance.choice((1000, 20_000, 70_000)) + raw[where:]


def _append(raw: bytes, chance: random.Random) -> bytes:
    return raw + chance.choice((SMUGGLED, bytes(chance.randrange(256) for _ in range(100)), b"\r\n" * 20))


_DAMAGES = (_flip, _flip, _insert, _insert, _delete, _cut, _repeat_line, _swap_lines, _bare, _add_header, _lengthen, _append)


# -- what is sound --------------------------------------------------------------------------------------------------------------------

_TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
# Bytes beyond ASCII in the target are what curl makes of `http://host/files/ü.txt`; HTTP/1.2 is answered as 1.1 (RFC 9110, 2.5).
_REQUEST_LINE = re.compile(_TOKEN + rb" (?:/[\x21-\x7e\x80-\xff]*|\*) HTTP/1\.[0-9]")
_FIELD = re.compile(rb"(" + _TOKEN + rb"):[ \t]*([\x21-\x7e\x80-\xff](?:[\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?)?[ \t]*")
_END = re.compile(rb"\r?\n\r?\n")


def is_sound(raw: bytes) -> bool:
    """Whether `raw` begins with a whole header that RFC 9112 allows a server to take, with one way to tell where the body ends.

    Such a one may be answered as what it is; everything else has to be refused. Written for this test: lines may end in a bare line feed
    (2.2) and empty ones may come first; no obsolete line folding, and no absolute form, which names a host beside `Host`.
    """
    head, *rest = _END.split(raw.lstrip(b"\r\n"), maxsplit=1)
    lines = re.split(rb"\r?\n", head)
    fields = [_FIELD.fullmatch(line) for line in lines[1:]]
    # tornado takes off every carriage return at the end of the first line; nothing can hide there.
    if not rest or not _REQUEST_LINE.fullmatch(lines[0].rstrip(b"\r")) or not all(fields):
        return False
    named: dict[bytes, list[bytes]] = {}
    for name, value in (each.groups() for each in fields if each is not None):
        named.setdefault(name.lower(), []).append(value or b"")
    return _framed(named) and (b"HTTP/1.0" in lines[0] or len(named.get(b"host", [])) == 1)


def _framed(named: dict[bytes, list[bytes]]) -> bool:
    lengths, encodings = named.get(b"content-length", []), named.get(b"transfer-encoding", [])
    if encodings:
        return not lengths and [each.lower() for each in encodings] == [b"chunked"]
    return len(lengths) <= 1 and all(re.fullmatch(rb"[0-9]{1,18}", length) for length in lengths)
