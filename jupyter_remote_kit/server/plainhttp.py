"""The answer to a plain HTTP request on a port that serves HTTPS: where the same page is.

Cookies, tokens and bodies are not looked at, and nothing is logged. HSTS is not sent (RFC 6797, 7.2).
"""

from __future__ import annotations

import socket
from collections.abc import Awaitable, Callable
from http import HTTPStatus

from tornado.httputil import HTTPConnection, HTTPHeaders, HTTPMessageDelegate, RequestStartLine, ResponseStartLine

from jupyter_remote_kit.plan import hosts, networks
from jupyter_remote_kit.plan.answers import is_loopback
from jupyter_remote_kit.server import headers as protective
from jupyter_remote_kit.server import refusals, responses
from jupyter_remote_kit.server.owners import Owner
from jupyter_remote_kit.server.refusals import Refusal

AdmitsHost = Callable[[str], bool]
_PORT = 80
IPV6 = 6


class PlainHTTP(HTTPMessageDelegate):
    """Answers one request as soon as its header is there, and has the connection closed.

    `admits_host` tells whether a `Host` header means this host, and `local` is the address that the client connected to, such as
    `192.168.0.107:8800`; empty where it can stand in no URL.
    """

    def __init__(self, via: HTTPConnection, admits_host: AdmitsHost, local: str) -> None:
        self._via = via
        self._admits_host = admits_host
        self._local = local

    def headers_received(self, start_line: RequestStartLine | ResponseStartLine, headers: HTTPHeaders) -> Awaitable[None] | None:
        """Write the whole answer."""
        assert isinstance(start_line, RequestStartLine)  # noqa: S101  # a server reads requests
        refusal = self._answer(start_line, headers)
        answer, body = responses.rendered(refusal, headers)
        for name, value in protective.DEFAULTS[Owner.KIT].items():
            answer.setdefault(name, value)
        # A body that follows is not read. tornado closes the connection after an answer that came before the end of the request.
        content = b"" if start_line.method == "HEAD" else body.encode()
        answer |= {"Content-Length": str(len(body.encode())), "Connection": "close"}
        status = HTTPStatus(refusal.status)
        self._via.write_headers(ResponseStartLine("HTTP/1.1", status, status.phrase), HTTPHeaders(answer), content)
        self._via.finish()
        return None

    def _answer(self, start_line: RequestStartLine, headers: HTTPHeaders) -> Refusal:
        if _came_by_https(headers):
            return refusals.proxy_without_tls(self._local)
        authority = self._authority(start_line, headers)
        # `GET http://elsewhere/` and `OPTIONS *` are for proxies.
        if not authority or not start_line.path.startswith("/"):
            return refusals.https_alone("")
        target = f"{authority}{hosts.quoted_target(start_line.path)}"
        # Browsers follow no redirect of a WebSocket handshake, and libraries take no `https:` for one (RFC 6455, 4.1 leaves it to them).
        if headers.get("Upgrade", "").lower() == "websocket":
            return refusals.https_alone(f"wss://{target}")
        # Another method's body has been sent unencrypted already. nginx (its 497), Apache and Go answer 400 as well.
        if start_line.method not in {"GET", "HEAD"}:
            return refusals.https_alone(f"https://{target}")
        return refusals.moved_to_https(f"https://{target}")

    def _authority(self, start_line: RequestStartLine, headers: HTTPHeaders) -> str:
        """The host and port that the client used, where they are this server's; the address of the socket where it named none."""
        header = headers.get("Host")
        if header is None and start_line.version == "HTTP/1.0":
            return self._local
        host = hosts.host_of(header) if header else None
        if header is None or host is None or not self._admits_host(header):
            return ""
        # The same port speaks HTTPS, so that 80, which a client leaves out, has to be named.
        port = hosts.port_of(header) or _PORT
        return _authority(host, port)


def _came_by_https(headers: HTTPHeaders) -> bool:
    """Whether the client spoke HTTPS to a proxy, which speaks plain HTTP here: a redirect would lead to the same proxy for ever.

    Browsers send `Sec-Fetch-Site` to what they take for trustworthy alone: HTTPS and loopback
    (https://www.w3.org/TR/fetch-metadata/#set-header).
    """
    if headers.get("X-Forwarded-Proto", "").lower() == "https":
        return True
    host = hosts.host_of(headers.get("Host", ""))
    return "Sec-Fetch-Site" in headers and host is not None and not is_loopback(host)


def local_address(peer: socket.socket) -> str:
    """The address and port that the other end of `peer` connected to, as in a URL; empty where there is none that fits in one.

    A client on the internet is not told a private address, to which a router has sent its request.
    """
    if peer.family not in {socket.AF_INET, socket.AF_INET6}:
        return ""
    try:
        address, port = peer.getsockname()[:2]
        client = networks.plain(peer.getpeername()[0])
    except OSError:
        return ""
    plain = networks.plain(address)
    if client.is_global and not plain.is_global:
        return ""
    # Without its zone it is no address, and no browser understands a zone (RFC 6874).
    if plain.version == IPV6 and plain.is_link_local:
        return ""
    return _authority(str(plain), port)


def _authority(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
