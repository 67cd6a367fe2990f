"""Who a request is from, and who may guess how often: cookies, tokens, passwords, and browsers that were here before."""

from __future__ import annotations

import json
import re
import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tornado.web import Finish, decode_signed_value

from jupyter_remote_kit.plan.audit import Action
from jupyter_remote_kit.plan.hashes import hash_kind
from jupyter_remote_kit.plan.policy import HashKind
from jupyter_remote_kit.secret import Secret
from jupyter_remote_kit.server import offers, refusals
from jupyter_remote_kit.server.devices import LIFETIME_S
from jupyter_remote_kit.server.throttle import Throttle
from jupyter_remote_kit.server.verifier import Busy, Verifier
from jupyter_remote_kit.server.visits import Visit, Way, visit_of

if TYPE_CHECKING:
    from ipaddress import IPv4Address, IPv6Address

    from jupyter_server.auth.identity import User
    from jupyter_server.base.handlers import JupyterHandler
    from tornado.httputil import HTTPServerRequest
    from tornado.web import RequestHandler

    from jupyter_remote_kit.server.audit import Audit
    from jupyter_remote_kit.server.connections import GuardedServer
    from jupyter_remote_kit.server.devices import Devices
    from jupyter_remote_kit.server.identity import RemoteKitIdentityProvider
    from jupyter_remote_kit.server.sessions import Session, Sessions
    from jupyter_remote_kit.server.visits import Peer

DAY_S = 86400
MAX_PASSWORD = 4096
# Clients that came by token: each is worth one line of the audit. More than a team has, and no more than a memory should.
MAX_TOKEN_CLIENTS = 1024
_NOT_IN_A_NAME = re.compile(r"[^A-Za-z0-9]")


@dataclass(frozen=True)
class Told:
    """What a sign-in led to: the way it succeeded by, or the seconds to wait, or neither for a wrong guess. `busy`: no fault of theirs."""

    way: str = ""
    wait_s: float = 0.0
    busy: bool = False


class Authenticator:
    """Recognises requests by their headers, judges sign-in forms, and opens sessions. One a server, made when the gate opens."""

    def __init__(self, provider: RemoteKitIdentityProvider, sessions: Sessions, devices: Devices, audit: Audit) -> None:
        self.sessions = sessions
        self.throttle = Throttle()
        # Those of the server that is ours; `None` where somebody else serves the application, as in tests.
        self.connections: GuardedServer | None = None
        self._provider, self._devices, self._audit = provider, devices, audit
        self._verifier = Verifier(_verify)
        self._token_clients: OrderedDict[tuple[IPv4Address | IPv6Address | None, str], None] = OrderedDict()

    def close(self) -> None:
        """Write what is pending, and let the threads go."""
        self._verifier.close()
        self.sessions.close()

    # -- header time ----------------------------------------------------------------------------------------------------------------

    def recognise(self, request: HTTPServerRequest, peer: Peer, offer: offers.Offer) -> Visit:
        """Who `request` is from, by its headers alone. A good token goes before a cookie: it is always explicit."""
        session, user = self._by_cookie(request)
        if session is not None:
            self.sessions.seen(session, address=str(peer), client=user_agent(request))
        if offer.token and self._provider.is_token(offer.token):
            self._note_token_client(request, peer)
            return Visit(peer, Way.TOKEN, session, user)
        if session is not None:
            return Visit(peer, Way.COOKIE, session, user)
        return Visit(peer, device=self._device(request))

    def _by_cookie(self, request: HTTPServerRequest) -> tuple[Session | None, User | None]:
        name = cookie_name(request, self._provider.cookie_name)
        morsel = request.cookies.get(name)
        if morsel is None:
            return None, None
        days = self.sessions.lifetime_s / DAY_S
        key = self._provider.server.web_app.settings["cookie_secret"]
        value = decode_signed_value(key, name, morsel.value, max_age_days=days)
        if value is None:
            return None, None
        try:
            text = value.decode()
            session = self.sessions.find(json.loads(text)["session"])
            return (session, self._provider.user_from_cookie(text)) if session else (None, None)
        # Signed by us, so it is an older version's: who holds it signs in again.
        except (ValueError, KeyError, TypeError):
            return None, None

    def _device(self, request: HTTPServerRequest) -> str:
        morsel = request.cookies.get(device_cookie_name(request))
        return (self._devices.read(morsel.value, time.time()) if morsel else None) or ""

    def _note_token_client(self, request: HTTPServerRequest, peer: Peer) -> None:
        client = (peer.address, user_agent(request))
        if client in self._token_clients:
            self._token_clients.move_to_end(client)
            return
        self._token_clients[client] = None
        if len(self._token_clients) > MAX_TOKEN_CLIENTS:
            self._token_clients.popitem(last=False)
        self._audit.record(Action.TOKEN, request)

    # -- handlers -------------------------------------------------------------------------------------------------------------------

    def check_body_token(self, handler: RequestHandler, visit: Visit) -> bool:
        """Whether the form that was sent carries the token. A wrong one is a guess; one too many is answered here, with 429."""
        offered = offers.in_body(handler.request)
        if not offered:
            return False
        if self._provider.is_token(offered):
            self._note_token_client(handler.request, visit.peer)
            return True
        wait = self.throttle.guess(visit.peer.source, time.monotonic(), device=visit.device, token=offered).wait
        self._audit.record(Action.GUESS, handler.request, reason="token")
        if wait:
            refusals.write(handler, refusals.throttled(wait))
            raise Finish
        return False

    async def judge(self, handler: JupyterHandler) -> Told:
        """What the `password` field of a sign-in form leads to: it is the password or the token.

        Whoever is signed in already is asked no patience of.
        """
        visit = visit_of(handler.request)
        given = handler.get_argument("password", default="", strip=False)
        # People paste a token with a blank at its end; a password is taken as it was typed.
        if visit is None or self._provider.is_token(given.strip()):
            return Told(way="token" if visit else "")
        if not given:
            return Told()
        source, device = visit.peer.source, visit.device
        if not visit.signed_in and (wait := self.throttle.guess(source, time.monotonic(), device=device).wait):
            return Told(wait_s=wait)
        known = visit.signed_in or bool(device)
        try:
            right = await self._is_password(given, known=known)
        except Busy as busy:
            right = True  # not looked at, so not held against them
            return Told(wait_s=busy.retry_after, busy=True)
        else:
            if not right:
                self._audit.record(Action.GUESS, handler.request, reason="password")
            return Told(way="password" if right else "")
        finally:
            if right and not visit.signed_in:
                self.throttle.forgive(source, device=device)

    async def _is_password(self, given: str, *, known: bool) -> bool:
        """Whether `given` is the password. Only argon2id is looked at; jupyter_server's own check takes any hash of hashlib."""
        hashed = self._provider.hashed_password
        if hash_kind(hashed) not in {HashKind.ARGON2ID, HashKind.WEAK_ARGON2ID} or len(given) > MAX_PASSWORD:
            return False
        return await self._verifier.verify(hashed, given, known=known)

    def sign_in(self, handler: JupyterHandler, user: User, way: str) -> None:
        """Open a session for `user`, set its cookie as the answer's first, and know the browser again for 400 days.

        A request with a stale cookie has been given deletions of it by then (`IdentityProvider.clear_login_cookie`), written as headers.
        VS Code takes the first cookie of a sign-in for the session.
        """
        request = handler.request
        visit = visit_of(request)
        address = str(visit.peer) if visit else ""
        handler.clear_header("Set-Cookie")
        self.set_session_cookie(handler, user, self.sessions.open(way=way, address=address, client=user_agent(request)))
        options = self._cookie_options(handler) | {"expires_days": LIFETIME_S / DAY_S}
        handler.set_cookie(device_cookie_name(request), self._devices.issue(time.time()), **options)
        if self.connections is not None:
            self.connections.signed_in(request)
        self._audit.record(Action.SIGN_IN, request, way=way)
        handler.log.info("%s signed in by %s", address, way)

    def remember_token_client(self, handler: RequestHandler, user: User, visit: Visit) -> None:
        """Give a client that came with the token in a URL the cookie of its one session: its next request may have no token."""
        secret, _ = self.sessions.open_for_token(address=str(visit.peer), client=user_agent(handler.request))
        self.set_session_cookie(handler, user, secret)

    def set_session_cookie(self, handler: RequestHandler, user: User, secret: str) -> None:
        """The cookie of the session whose secret is `secret`."""
        name = cookie_name(handler.request, self._provider.cookie_name)
        value = json.dumps(json.loads(self._provider.user_to_cookie(user)) | {"session": secret})
        options = self._cookie_options(handler) | {"expires_days": self.sessions.lifetime_s / DAY_S}
        handler.set_signed_cookie(name, value, **options)

    def _cookie_options(self, handler: RequestHandler) -> dict[str, Any]:
        """`SameSite=Lax` at least: another site's form must not carry the session. `Secure` wherever the client's way is TLS."""
        given = {key.lower(): value for key, value in self._provider.cookie_options.items()}
        options: dict[str, Any] = {"path": self._provider.server.base_url, **given, "httponly": True}
        if str(given.get("samesite")).lower() != "strict":
            options["samesite"] = "Lax"
        if self._provider.secure_cookie or handler.request.protocol == "https":
            options["secure"] = True
        return options


def cookie_name(request: HTTPServerRequest, configured: str = "") -> str:
    """The name of the session's cookie, as `IdentityProvider.get_cookie_name` makes it: cookies ignore ports, names need not."""
    return configured or _NOT_IN_A_NAME.sub("-", f"username-{request.host}")


def device_cookie_name(request: HTTPServerRequest) -> str:
    """The name of the cookie by which a browser is known again."""
    return _NOT_IN_A_NAME.sub("-", f"remotekit-device-{request.host}")


def user_agent(request: HTTPServerRequest) -> str:
    """What the client calls itself."""
    return str(request.headers.get("User-Agent", ""))


def _verify(hashed: str, password: str) -> bool:
    from jupyter_remote_kit.host import passwords  # argon2: only who asks for a password pays for it

    return passwords.verify_password(Secret(hashed), Secret(password))
