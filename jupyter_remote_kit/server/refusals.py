"""What the server answers instead of serving: each refusal with its status, its cause and what mends it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from tornado.web import RequestHandler

from jupyter_remote_kit.messages import BLANK, Message, msg
from jupyter_remote_kit.server import proxied
from jupyter_remote_kit.server.offers import HeaderPart
from jupyter_remote_kit.server.proxied import Line
from jupyter_remote_kit.server.throttle import Answer, Count

MINUTE_S = 60
COOKIE = "Cookie"


@dataclass(frozen=True)
class Advice:
    """What to do, and the line to write for each program that may be meant."""

    hint: Message
    lines: tuple[Line, ...]


_PASS_HOST = Advice(msg("A proxy between them changes Host. Let it pass Host on as it is:"), proxied.PASS_HOST)
_PASS_HOST_IF_ANY = Advice(
    msg("If it is not the name in the address bar, a proxy has put it there. Let it pass Host on as it is:"), proxied.PASS_HOST
)


@dataclass(frozen=True)
class Refusal:
    """One answer.

    `command` is what mends it, to be pasted on the host; `advice` is what a proxy in between has to be told; `sign_in` is the path of the
    form to go back to; `headers` go with it.
    """

    status: int
    sentence: Message
    hint: Message = BLANK
    command: str = ""
    sign_in: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    advice: Advice | None = None


def closed() -> Refusal:
    """Before the gate is open."""
    return Refusal(503, msg("The server is starting."), headers={"Retry-After": "1"})


def no_path(target: str) -> Refusal:
    """A request target that is no path, as it is sent to a proxy."""
    hint = msg("This server is no proxy: ask it for a path, such as /lab.")
    return Refusal(400, msg("The request target is not a path: {target}", target=proxied.shown(target)), hint)


def unreadable(part: str) -> Refusal:
    """The path, for which `part` is empty, or the header `part` is not what handlers take it for."""
    if not part:
        return Refusal(400, msg("The path is not UTF-8 text, or has a null character."))
    return Refusal(400, msg("The header {name} is not a URL.", name=part))


def multipart() -> Refusal:
    """A body of parts, which no sign-in form of ours sends."""
    return Refusal(400, msg("A body of the type multipart/ is not read before you sign in."))


def failed() -> Refusal:
    """A defect of the gate."""
    return Refusal(400, msg("This server failed to judge the request."), msg("The traceback is in the server's log."))


def verb(method: str) -> Refusal:
    """A method that no route knows; RFC 9110, 15.5.6 wants those that are known to be named."""
    return Refusal(
        405,
        msg("The request method {method} is not known.", method=proxied.shown(method)),
        headers={"Allow": ", ".join(RequestHandler.SUPPORTED_METHODS)},
    )


def address(shown: str, command: str) -> Refusal:
    """The client's address is not among the networks that are served."""
    sentence = msg("This server does not serve the address {address}.", address=shown)
    return Refusal(
        403, sentence, msg("To allow it, run this on the host with all networks that are to be allowed, then restart the server:"), command
    )


def host(name: str, command: str) -> Refusal:
    """The `Host` header is `name`, which is none of this host's."""
    return Refusal(
        403,
        msg("This server is not known by the name {name}.", name=proxied.shown(name)),
        msg("If it should be, run this on the host with all further names that it has, then restart the server:"),
        command,
        advice=_PASS_HOST_IF_ANY,
    )


def other_origin(origin: str, host: str) -> Refusal:
    """The page that sent the request is at `origin`, and the request came to `host`: a proxy has changed it, or it is another site's."""
    sentence = msg(
        "Origin and Host differ: the page is at {origin}, and its request came to {host}.",
        origin=proxied.shown(origin),
        host=proxied.shown(host),
    )
    return Refusal(403, sentence, advice=_PASS_HOST)


def other_site(origin: str) -> Refusal:
    """Another site's page sent the request."""
    return Refusal(403, msg("Pages of {origin} may not send requests to this server.", origin=proxied.shown(origin)))


def no_upgrade(upstream: str, base_url: str) -> Refusal:
    """A WebSocket was to be opened, and the request does not say so; `upstream` is where a proxy reaches this server."""
    lines = tuple(line.about(upstream, base_url) for line in proxied.PASS_UPGRADE)
    advice = Advice(msg("If a proxy stands between, let it pass WebSockets on:"), lines)
    sentence = msg("A WebSocket was to be opened, and the request came without Upgrade: websocket.")
    # RFC 9110, 15.5.22.
    return Refusal(426, sentence, headers={"Upgrade": "websocket"}, advice=advice)


def outside(path: str, upstream: str, base_url: str, sign_in: str) -> Refusal:
    """`path` is not below `base_url`."""
    lines = tuple(line.about(upstream, base_url) for line in proxied.PASS_PATH)
    advice = Advice(msg("If a proxy takes the beginning of the path away, let it pass the whole path on:"), lines)
    sentence = msg(
        "The pages of this server are below {base_url}, and the request is for {path}.", base_url=base_url, path=proxied.shown(path)
    )
    return Refusal(404, sentence, sign_in=sign_in, advice=advice)


def stranger(sign_in: str) -> Refusal:
    """Somebody who is not signed in, where that is needed."""
    return Refusal(403, msg("Sign in first."), sign_in=sign_in)


def too_large(most: int) -> Refusal:
    """A body that nobody who is not signed in has a reason to send."""
    return Refusal(413, msg("The body of the request is larger than {bytes} bytes, and no more is read before you sign in.", bytes=most))


def large_header(part: HeaderPart, host: str, most: int, sign_in: str) -> Refusal:
    """Headers larger than is read of a client that is not signed in; `part` is the largest of them, `host` the name of this server."""
    values = {"kilobytes": _kilobytes(part.size), "most": _kilobytes(most)}
    if part.name == COOKIE:
        return Refusal(
            431,
            msg("The browser sends {kilobytes} kB of cookies to {host}; before you sign in, {most} kB are read.", host=host, **values),
            msg(
                "Delete the cookies of {host} in the browser, then reload. All services of {host} share them, whatever their port.",
                host=host,
            ),
        )
    if not part.name:
        sentence = msg("The address is {kilobytes} kB long; before you sign in, {most} kB are read.", **values)
        return Refusal(431, sentence, sign_in=sign_in)
    sentence = msg("The header {name} has {kilobytes} kB; before you sign in, {most} kB are read.", name=proxied.shown(part.name), **values)
    return Refusal(431, sentence, sign_in=sign_in)


def endless_header(most: int) -> Refusal:
    """Headers larger than is read of any client."""
    return Refusal(
        431,
        msg("The headers of the request are larger than {most} kB.", most=_kilobytes(most)),
        msg("If a browser sent it, delete its cookies of this host name: all services of the name share them, whatever their port."),
    )


def too_many_lines(most: int) -> Refusal:
    """More header lines than are parsed."""
    return Refusal(431, msg("The request has more than {most} header lines.", most=most))


def _kilobytes(count: int) -> int:
    return math.ceil(count / 1000)


def throttled(answer: Answer, sign_in: str = "") -> Refusal:
    """Too many wrong guesses. The seconds to wait, rounded up, are told in `Retry-After` (RFC 6585, 4) and in words."""
    seconds = _whole(answer.wait)
    return Refusal(429, _WAITING[answer.count](seconds), sign_in=sign_in, headers={"Retry-After": str(seconds)})


def _waiting_source(seconds: int) -> Message:
    if seconds < 2 * MINUTE_S:
        return msg("Too many wrong passwords or tokens from your network. Try again in {seconds} seconds.", seconds=seconds)
    minutes = math.ceil(seconds / MINUTE_S)
    return msg("Too many wrong passwords or tokens from your network. Try again in {minutes} minutes.", minutes=minutes)


def _waiting_device(seconds: int) -> Message:
    if seconds < 2 * MINUTE_S:
        return msg("Too many wrong passwords or tokens from this browser. Try again in {seconds} seconds.", seconds=seconds)
    minutes = math.ceil(seconds / MINUTE_S)
    return msg("Too many wrong passwords or tokens from this browser. Try again in {minutes} minutes.", minutes=minutes)


def _waiting_all(seconds: int) -> Message:
    # 22 s at most.
    return msg("Too many wrong passwords or tokens are being tried at this moment. Try again in {seconds} seconds.", seconds=seconds)


# A source's, a browser's own, or nobody's in particular.
_WAITING = {Count.SOURCE: _waiting_source, Count.DEVICE: _waiting_device, Count.SHARED: _waiting_all}


def busy(wait_s: float) -> Message:
    """Too many sign-ins at once, nobody's fault in particular."""
    return msg("Too many people are signing in at this moment. Try again in {seconds} seconds.", seconds=_whole(wait_s))


def moved_to_https(url: str) -> Refusal:
    """A plain HTTP request where HTTPS is served. Without `no-store` browsers keep a 308, beyond a later `init --plain-http`."""
    sentence = msg("This server uses HTTPS. Open {url}", url=url)
    return Refusal(308, sentence, headers={"Location": url, "Cache-Control": "no-store"})


def https_alone(url: str) -> Refusal:
    """A plain HTTP request that is not redirected; `url` is the address to use, empty where this server cannot tell."""
    sentence = msg("The request was sent without encryption, and this server uses HTTPS.")
    if not url:
        return Refusal(400, sentence, msg("Put https:// before the address."))
    return Refusal(400, sentence, msg("A password or token in it was readable on the way: change it. Send the request to {url}", url=url))


def proxy_without_tls(address: str) -> Refusal:
    """A proxy speaks plain HTTP where HTTPS is served; `address` is where it connected to."""
    sentence = msg("A proxy sends requests to this server without encryption, and this server uses HTTPS.")
    return Refusal(400, sentence, msg("Tell the proxy to use HTTPS, in nginx:"), f"proxy_pass https://{address};" if address else "")


def _whole(wait_s: float) -> int:
    """Whole seconds, one at least: who comes back too early is told to wait again."""
    return max(1, math.ceil(wait_s))
