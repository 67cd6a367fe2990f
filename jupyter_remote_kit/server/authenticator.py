"""Who a request is from, and who may guess how often: cookies, tokens, passwords, and browsers that were here before."""

from __future__ import annotations

import json
import time
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from tornado.web import Finish, decode_signed_value

from jupyter_remote_kit.plan.audit import BUSY, CROSS_SITE, REPEATED_TOKEN, THROTTLED, Action
from jupyter_remote_kit.plan.hashes import hash_kind
from jupyter_remote_kit.plan.policy import HashKind
from jupyter_remote_kit.secret import Secret
from jupyter_remote_kit.server import cookies, initiators, offers, refusals, responses
from jupyter_remote_kit.server.devices import LIFETIME_S
from jupyter_remote_kit.server.session import Why
from jupyter_remote_kit.server.throttle import Answer, Count, Throttle
from jupyter_remote_kit.server.verifier import Busy, Verifier
from jupyter_remote_kit.server.visits import Visit, Way, visit_of

if TYPE_CHECKING:
    from ipaddress import IPv4Address, IPv6Address

    from jupyter_server.auth.identity import User
    from jupyter_server.base.handlers import JupyterHandler
    from jupyter_server.serverapp import ServerApp
    from tornado.httputil import HTTPServerRequest
    from tornado.web import RequestHandler

    from jupyter_remote_kit.server.audit import Audit
    from jupyter_remote_kit.server.connections import GuardedServer
    from jupyter_remote_kit.server.devices import Devices
    from jupyter_remote_kit.server.sessions import Session, Sessions
    from jupyter_remote_kit.server.visits import Peer

DAY_S = 86400
MAX_PASSWORD = 4096
# Clients that came by token: each is worth one line of the audit. More than a team has, and no more than a memory should.
MAX_TOKEN_CLIENTS = 1024


class ProviderCredentials(Protocol):
    """What the identity provider has by which requests are recognised."""

    @property
    def server(self) -> ServerApp:
        """The server whose users these are."""

    @property
    def hashed_password(self) -> str:
        """Empty where there is none."""

    @property
    def cookie_name(self) -> str: ...
    @property
    def cookie_options(self) -> dict[str, Any]: ...
    @property
    def secure_cookie(self) -> bool | None: ...

    def is_token(self, text: str | None) -> bool:
        """Whether `text` is the token."""

    def user_to_cookie(self, user: User) -> str:
        """What a cookie tells of `user`."""

    def user_from_cookie(self, cookie_value: str) -> User | None:
        """The user of whom a cookie tells."""


@dataclass(frozen=True)
class Told:
    """What a sign-in led to: the way it succeeded by, or the seconds until the verifier has time, or neither for a wrong guess."""

    way: str = ""
    wait_s: float = 0.0


class Authenticator:
    """Recognises requests by their headers, judges sign-in forms, and opens sessions. One a server, made when the gate opens."""

    def __init__(self, provider: ProviderCredentials, sessions: Sessions, devices: Devices, audit: Audit) -> None:
        self.sessions = sessions
        self.throttle = Throttle()
        # Those of the server that is ours; `None` where somebody else serves the application, as in tests.
        self.connections: GuardedServer | None = None
        self._provider, self._devices, self._audit = provider, devices, audit
        self._verifier = Verifier(_verify)
        self._key_id = ""
        # Counts the changes of credentials.
        self._epoch = 0
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
        if any(map(self.is_ours, offer.tokens)):
            self._note_token_client(request, peer)
            return Visit(peer, Way.TOKEN, session, user, epoch=self._epoch)
        if session is not None:
            return Visit(peer, Way.COOKIE, session, user)
        return Visit(peer, device=self._device(request))

    def recognises(self, request: HTTPServerRequest) -> bool:
        """Whether `request` carries a token or a cookie that is good, by its headers alone; noted nowhere."""
        return any(map(self.is_ours, offers.of(request).tokens)) or self._by_cookie(request, cookies.FEW_VALUES)[0] is not None

    def is_ours(self, token: str) -> bool:
        """Whether `token` is the one of this server."""
        return self._provider.is_token(token)

    def is_current(self, visit: Visit) -> bool:
        """Whether what `visit` was signed in by still holds. A body may take its time, and things end meanwhile."""
        if visit.way is Way.TOKEN:
            return visit.epoch == self._epoch
        return visit.session is not None and self.sessions.holds(visit.session)

    def use_key(self, key_id: str) -> None:
        """`key_id` names the key that signs cookies now; whoever came in with other credentials is a stranger from here on."""
        if key_id != self._key_id:
            self._key_id = key_id
            self._epoch += 1
            if self.connections is not None:
                self.connections.credentials_changed()
        self.sessions.use_key(key_id)

    def _by_cookie(self, request: HTTPServerRequest, most: int = cookies.MAX_VALUES) -> tuple[Session | None, User | None]:
        if "Cookie" not in request.headers:
            return None, None
        for text in self._payloads(request, most):
            try:
                session = self.sessions.find(json.loads(text)["session"])
                if session is not None:
                    return session, self._provider.user_from_cookie(text)
            # Signed by us, so it is an older version's: who holds it signs in again.
            except (ValueError, KeyError, TypeError):
                continue
        return None, None

    def _payloads(self, request: HTTPServerRequest, most: int = cookies.MAX_VALUES) -> Iterator[str]:
        """What the request's session cookies hold, those that we have signed."""
        name = self.cookie_name(request)
        key = self._provider.server.web_app.settings["cookie_secret"]
        for signed in cookies.values(request, name, most):
            value = decode_signed_value(key, name, signed, max_age_days=self.sessions.lifetime_s / DAY_S)
            if value is not None:
                yield value.decode("utf-8", "replace")

    def _device(self, request: HTTPServerRequest) -> str:
        offered = cookies.values(request, cookies.device_name(request))
        return next((device for text in offered if (device := self._devices.read(text, time.time()))), "")

    def count_token(self, request: HTTPServerRequest, visit: Visit, token: str) -> Answer:
        """Count a wrong token that a stranger offers, unless it is one too many."""
        source, device = _counted(request, visit)
        answer = self.throttle.guess(source, time.monotonic(), device=device, token=token)
        self._record_guess(request, REPEATED_TOKEN if answer.repeated else "token")
        return answer

    def ask(self, request: HTTPServerRequest, visit: Visit) -> Answer:
        """Whether a stranger may try a password now."""
        source, device = _counted(request, visit)
        answer = self.throttle.ask(source, time.monotonic(), device)
        if answer.wait:
            self._record_unheard(request, answer)
        return answer

    def _record_unheard(self, request: HTTPServerRequest, answer: Answer) -> None:
        """A password was not looked at. fail2ban bans for `THROTTLED`, which must be the doing of who is banned."""
        self._record_guess(request, BUSY if answer.count is Count.SHARED else THROTTLED)

    def _record_guess(self, request: HTTPServerRequest, reason: str) -> None:
        """Record a wrong guess. One that a page of another origin may have made the owner's browser send bans no address."""
        self._audit.record(Action.GUESS, request, reason=CROSS_SITE if initiators.is_foreign(request) else reason)

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
        """Whether the form that was sent carries the token.

        A wrong one is a guess of an unauthenticated client; one too many is answered with 429. In a session it is a field of that name.
        """
        offered = offers.in_body(handler.request)
        if not offered:
            return False
        if self.is_ours(offered):
            self._note_token_client(handler.request, visit.peer)
            return True
        if visit.signed_in and self.is_current(visit):
            return False
        _refuse_unless_taken(handler, self.count_token(handler.request, visit, offered))
        return False

    async def judge(self, handler: JupyterHandler) -> Told:
        """What the `password` field of a sign-in form leads to: it is the password or the token.

        Whoever is signed in already is asked no patience of. One guess too many is answered here, with 429.
        """
        visit = visit_of(handler.request)
        given = handler.get_argument("password", default="", strip=False)
        # People paste a token with a blank at its end; a password is taken as it was typed.
        if visit is None or self._provider.is_token(given.strip()):
            return Told(way="token" if visit else "")
        if not given:
            return Told()
        source, device = _counted(handler.request, visit)
        if not visit.signed_in and self._take_guess(handler, source, device) is not Count.DEVICE:
            device = ""
        known = visit.signed_in or bool(visit.device)
        hashed = self._provider.hashed_password
        # Until it is found wrong: what nobody has looked at, whatever kept them from it, is not held against anybody.
        right = True
        try:
            # The password may have been changed while it was looked at.
            right = await self._is_password(hashed, given, known=known) and hashed == self._provider.hashed_password
        except Busy as busy:
            return Told(wait_s=busy.retry_after)
        else:
            if not right:
                self._record_guess(handler.request, "password")
            return Told(way="password" if right else "")
        finally:
            if right and not visit.signed_in:
                self.throttle.forgive(source, device=device)

    def _take_guess(self, handler: JupyterHandler, source: str, device: str) -> Count:
        """Count a password before it is looked at; in which count. Others may have been tried since its header came."""
        answer = self.throttle.guess(source, time.monotonic(), device=device)
        if answer.wait:
            self._record_unheard(handler.request, answer)
        _refuse_unless_taken(handler, answer)
        return answer.count

    async def _is_password(self, hashed: str, given: str, *, known: bool) -> bool:
        """Whether `given` is the password. Only argon2id is looked at; jupyter_server's own check takes any hash of hashlib."""
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
        if visit is not None and visit.session is not None:
            # The browser is about to forget its cookie.
            self.sessions.end(visit.session.id, Why.REPLACED)
        handler.clear_header("Set-Cookie")
        self._set_session_cookie(handler, user, self.sessions.open(way=way, address=address, client=user_agent(request)))
        options = self._cookie_options(handler) | {"expires_days": LIFETIME_S / DAY_S}
        # The same browser is the same device: a new one each time would have guesses of its own.
        device = self._devices.issue(time.time(), self._device(request))
        handler.set_cookie(cookies.device_name(request), device, **options)
        if self.connections is not None:
            self.connections.signed_in(request)
        self._audit.record(Action.SIGN_IN, request, way=way)
        handler.log.info("%s signed in by %s", address, way)

    def remember_token_client(self, handler: RequestHandler, user: User, visit: Visit) -> None:
        """Give a client that came with the token the cookie of its one session: its next request is the same user's, token or not."""
        secret, _ = self.sessions.open_for_token(address=str(visit.peer), client=user_agent(handler.request))
        self._set_session_cookie(handler, user, secret)

    def renew_cookie(self, handler: RequestHandler, user: User) -> None:
        """Tell the cookie of this request's session what `user` is called now."""
        for text in self._payloads(handler.request):
            secret = json.loads(text).get("session", "")
            if self.sessions.find(secret) is not None:
                self._set_session_cookie(handler, user, secret)
                return

    def cookie_name(self, request: HTTPServerRequest) -> str:
        """The name of the session's cookie."""
        return cookies.session_name(request, self._provider.cookie_name)

    def cookie_names(self, request: HTTPServerRequest) -> frozenset[str]:
        """The names of our cookies: the session's, and the one by which a browser is known again."""
        return frozenset({self.cookie_name(request), cookies.device_name(request)})

    def _set_session_cookie(self, handler: RequestHandler, user: User, secret: str) -> None:
        value = json.dumps(json.loads(self._provider.user_to_cookie(user)) | {"session": secret})
        options = self._cookie_options(handler) | {"expires_days": self.sessions.lifetime_s / DAY_S}
        handler.set_signed_cookie(self.cookie_name(handler.request), value, **options)

    def _cookie_options(self, handler: RequestHandler) -> dict[str, Any]:
        provider = self._provider
        secure = bool(provider.secure_cookie)
        return cookies.options(handler, given=provider.cookie_options, base_url=provider.server.base_url, secure=secure)


def _counted(request: HTTPServerRequest, visit: Visit) -> tuple[str, str]:
    """By which source and which device a guess is counted.

    Any page can make the owner's browser guess, and the device cookie comes along where the page is of the same site, or leads to a page of
    ours (`SameSite=Lax`). That must use up neither the guesses of the address nor those of the browser.
    """
    source = visit.peer.source
    return (f"{source} {CROSS_SITE}", "") if initiators.is_foreign(request) else (source, visit.device)


def _refuse_unless_taken(handler: RequestHandler, answer: Answer) -> None:
    if answer.wait:
        responses.write(handler, refusals.throttled(answer))
        raise Finish


def user_agent(request: HTTPServerRequest) -> str:
    """What the client calls itself."""
    return str(request.headers.get("User-Agent", ""))


def _verify(hashed: str, password: str) -> bool:
    from jupyter_remote_kit.host import passwords  # argon2: only who asks for a password pays for it

    return passwords.verify_password(Secret(hashed), Secret(password))
