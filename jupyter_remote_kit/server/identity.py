"""Who gets in: the identity provider of a managed server. It refuses to start what the policy refuses, and knows nobody before."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

from jupyter_server.auth.identity import PasswordIdentityProvider, User
from jupyter_server.auth.login import LoginFormHandler
from tornado.websocket import WebSocketHandler
from traitlets import default

from jupyter_remote_kit import invocation
from jupyter_remote_kit.errors import Failed, Problem, Refused
from jupyter_remote_kit.messages import msg
from jupyter_remote_kit.plan import policy
from jupyter_remote_kit.plan.commandline import own_command
from jupyter_remote_kit.plan.hashes import hash_kind
from jupyter_remote_kit.plan.policy import Mode, Posture
from jupyter_remote_kit.plan.posture import problem
from jupyter_remote_kit.server import cookies, initiators, keys, offers, parts, report, upstream
from jupyter_remote_kit.server.audit import current_request
from jupyter_remote_kit.server.gate import Gate
from jupyter_remote_kit.server.kitstate import find_kit
from jupyter_remote_kit.server.mode import foreign_provider
from jupyter_remote_kit.server.session import Why
from jupyter_remote_kit.server.visits import Visit, Way, visit_of
from jupyter_remote_kit.settings import DEFAULT_INSTANCE

if TYPE_CHECKING:
    from jupyter_server.base.handlers import JupyterHandler
    from jupyter_server.serverapp import ServerApp
    from tornado.web import Application, RequestHandler

    from jupyter_remote_kit.server.authenticator import Authenticator
    from jupyter_remote_kit.server.gate import Inspects
    from jupyter_remote_kit.server.kitstate import KitState
    from jupyter_remote_kit.settings import Credentials


class RemoteKitIdentityProvider(PasswordIdentityProvider):
    """A token for IDEs, an argon2id password for people, a cookie for browsers; nobody before `arm`."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.gate = Gate()
        self._authenticator: Authenticator | None = None
        kit = find_kit(self.server)
        if kit is not None:
            # A `c.ServerApp.RemoteKitIdentityProvider` of the user's would be more specific than the instance's own section.
            kit.assert_traits(self.server, self)
            if self.server.sock:
                # Now: jupyter_server ends with 1 and a sentence of its own before it asks `validate_security`.
                report.refuse(policy.check(Posture(replaced_by_socket=True)))

    @default("login_handler_class")
    def _default_login_handler_class(self) -> Any:  # noqa: ANN401
        return _handler("LoginHandler")

    @default("logout_handler_class")
    def _default_logout_handler_class(self) -> Any:  # noqa: ANN401
        return _handler("LogoutHandler")

    @property
    def server(self) -> ServerApp:
        """The server whose users these are."""
        return cast("ServerApp", self.parent)

    @property
    def armed(self) -> bool:
        """Whether requests are let through at all."""
        return self.gate.is_open

    @property
    def auth_enabled(self) -> bool:
        """Always: without credentials nobody gets in, instead of everybody."""
        return True

    # -- before the bind ------------------------------------------------------------------------------------------------------------

    def validate_security(self, app: ServerApp, ssl_options: dict[str, Any] | None = None) -> None:
        """Close the gate, and end the process with 78 where the policy refuses; jupyter_server calls this before it binds."""
        self.gate.install(app.web_app)
        missing = parts.missing()
        kit = find_kit(app)
        if missing:
            report.refuse(finding for finding in policy.check(Posture(missing_parts=missing)) if finding.code == "part-missing")
        if kit is None:
            report.refuse([_extension_disabled()])
        rows = self.rows(app, kit) or _certificate_problems(ssl_options, kit.instance)
        if rows:
            report.refuse(rows)

    def rows(self, app: ServerApp, kit: KitState) -> list[report.Row]:
        """Why this server must not start; empty when it may."""
        from jupyter_remote_kit.server import posture  # may be the part that is missing

        # Some file named this provider after the extension was linked.
        kit.mode = Mode.MANAGED
        findings = [finding for finding in policy.check(posture.collect(app, kit)) if finding.severity is policy.Severity.REFUSE]
        if kit.problems:
            # The instance file was not read: what its settings would lead to is unknown, and not worth a line.
            exposed = [finding for finding in findings if finding.code == "exposed-path"]
            problems = [problem for problem in kit.problems if problem.code != "file-exposed" or not exposed]
            return [*problems, *exposed]
        rows: list[report.Row] = list(findings)
        in_force = app.web_app.settings.get("identity_provider")
        if in_force is not self:  # `ServerApp.tornado_settings` goes past the trait
            rows.append(foreign_provider(type(in_force)))
        if self.password_required and not self.hashed_password:
            rows.append(_password_missing(kit.instance or DEFAULT_INSTANCE))
        # One of them may have set what is refused: no file of the user's tells of it.
        return [*rows, *posture.failed_extensions(app)] if rows else []

    def arm(self, web_app: Application, authenticator: Authenticator, checkpoint: Inspects) -> None:
        """Open the gate. The extension calls this last, when everything that protects the server is in place."""
        if self.secure_cookie is None:
            self.secure_cookie = bool(self.server.ssl_options)
        self._authenticator = authenticator
        self.end_sessions(web_app)
        self.gate.open(checkpoint)

    @property
    def authenticator(self) -> Authenticator:
        """Who recognises requests; there is one from `arm` on."""
        if self._authenticator is None:
            message = "the gate is closed"
            raise RuntimeError(message)
        return self._authenticator

    # -- who it is ------------------------------------------------------------------------------------------------------------------

    async def get_user(self, handler: RequestHandler) -> User | None:
        """The user of a request, as the gate has recognised it, or by a token in its body. Nobody while not armed."""
        visit = visit_of(handler.request)
        if not self.armed or visit is None:
            return None
        current_request.set(handler.request)
        signed_in = visit.signed_in and self.authenticator.is_current(visit)
        by_token = (signed_in and visit.way is Way.TOKEN) or self.authenticator.check_body_token(handler, visit)
        if not signed_in and not by_token:
            # A page of another origin may have it come without the browser's own, beside one that the page has set.
            if cookies.values(handler.request, self.get_cookie_name(handler)) and not initiators.is_foreign(handler.request):
                self.clear_login_cookie(handler)
            return None
        # Some handlers ask a second time (`IdentityProvider._get_user`).
        user = getattr(handler, "_jupyter_current_user", None) or visit.user or self.generate_anonymous_user(handler)
        if by_token:
            handler._token_authenticated = True  # type: ignore[attr-defined]  # what `is_token_authenticated` looks at
        if isinstance(handler, WebSocketHandler) and offers.is_upgrade(handler.request):
            self.authenticator.sessions.attach(None if by_token else visit.session, handler)
        elif by_token and visit.session is None:
            self._remember(handler, user, visit)
        if upstream.is_proxy(type(handler)):
            upstream.withhold(handler.request, self.authenticator.cookie_names(handler.request), self.is_token)
        return user

    def _remember(self, handler: RequestHandler, user: User, visit: Visit) -> None:
        """A token becomes a cookie, as at a bare server: a client that keeps cookies stays one user.

        A page that a browser opens is a sign-in. A program has one session, however often it sends no cookie.
        """
        request = handler.request
        if offers.is_navigation(request) and self.is_token(offers.of(request).in_query):
            self.authenticator.sign_in(cast("JupyterHandler", handler), user, "token")
        else:
            self.authenticator.remember_token_client(handler, user, visit)

    def is_token(self, text: str | None) -> bool:
        """Whether `text` is the token; takes as long for any text, whatever its beginning and its length."""
        if not self.token or not text:
            return False
        return hmac.compare_digest(hashlib.sha256(_bytes(text)).digest(), hashlib.sha256(_bytes(self.token)).digest())

    def passwd_check(self, password: str) -> bool:
        """The synchronous check of the base class: no. The password is verified off the event loop, by `Authenticator.judge` alone."""
        return False

    def process_login_form(self, handler: RequestHandler) -> User | None:
        """Nobody: the form is answered by `login.LoginHandler`, off the event loop."""
        return None

    def set_login_cookie(self, handler: RequestHandler, user: User) -> None:
        """Write `user` into the session's cookie; this signs in no one.

        A client that sent the token without a cookie is given the one of its session (`_remember`), with the changed `user`.
        """
        visit = visit_of(handler.request)
        if visit is not None and visit.session is None and self.is_token_authenticated(cast("JupyterHandler", handler)):
            self.authenticator.remember_token_client(handler, user, visit)
        else:
            self.authenticator.renew_cookie(handler, user)

    def clear_login_cookie(self, handler: RequestHandler) -> None:
        """As the base class, and the session ends: a copy of its cookie is worth nothing any more."""
        visit = visit_of(handler.request)
        if visit is not None and visit.session is not None:
            self.authenticator.sessions.end(visit.session.id, Why.SIGNED_OUT)
        super().clear_login_cookie(handler)

    # -- sessions -------------------------------------------------------------------------------------------------------------------

    def cookie_secret_hook(self, h: hmac.HMAC) -> hmac.HMAC:
        """Mix hash, token and instance into the key that signs cookies: changing either credential ends every session."""
        kit = find_kit(self.server)
        return keys.mix(h, self.hashed_password, self.token, kit.instance if kit else "")

    def end_sessions(self, web_app: Application) -> None:
        """Derive the cookie key from the credentials in force; sessions that came in with others end, and their websockets.

        Replaces `ServerApp._default_cookie_secret`, which a configured `cookie_secret` bypasses together with the hook.
        """
        app = self.server
        key = self.cookie_secret_hook(hmac.new(keys.root_key(app), digestmod=hashlib.sha256)).digest()
        app.cookie_secret = web_app.settings["cookie_secret"] = key
        self.authenticator.use_key(keys.name_of(key))

    def reload_credentials(self) -> None:
        """Take hash and token from the instance file again; every session ends at once.

        Raises `Refused` or `Failed` and keeps what is in force when the file cannot be used or the policy refuses it.
        """
        app, kit = self.server, find_kit(self.server)
        if kit is None or not kit.instance:
            raise Refused(_extension_disabled())
        credentials = kit.read_instance().credentials
        self._check(app, kit, credentials)
        self.token = credentials.token.reveal()
        self.hashed_password = credentials.hashed_password.reveal() if credentials.hashed_password else ""
        self.password_required = credentials.hashed_password is not None
        app.web_app.settings["token"] = self.token
        self.end_sessions(app.web_app)
        app.write_server_info_file()

    def _check(self, app: ServerApp, kit: KitState, credentials: Credentials) -> None:
        from jupyter_remote_kit.server import posture  # see rows()

        hashed = credentials.hashed_password.reveal() if credentials.hashed_password else ""
        then = replace(posture.collect(app, kit), token_length=len(credentials.token), hash_kind=hash_kind(hashed))
        findings = policy.check(then)
        if policy.refused(findings):
            raise Refused(*(problem(row) for row in findings if row.severity is policy.Severity.REFUSE))


def _handler(name: str) -> Any:  # noqa: ANN401
    try:
        from jupyter_remote_kit.server import login  # may be the part that is damaged

        return getattr(login, name)
    # Whatever a damaged module raises: `validate_security` names it and refuses, where this would be a traceback.
    except Exception:
        return LoginFormHandler


def _bytes(text: str) -> bytes:
    # A header or form field may hold what is no Unicode text; it must be compared, not raise.
    return text.encode("utf-8", "surrogatepass")


def _certificate_problems(ssl_options: dict[str, Any] | None, instance: str) -> list[report.Row]:
    """Why TLS would not come up: tornado finds it out after the bind, or at the first handshake."""
    if not ssl_options:
        return []
    from jupyter_remote_kit.server.tls import server_context

    try:
        server_context(ssl_options, instance)
    except Failed as error:
        return list(error.problems)
    return []


def _extension_disabled() -> Problem:
    return Problem(
        "extension-disabled",
        msg("The server extension jupyter_remote_kit is switched off, so nothing would protect this server."),
        msg("{command}", command=invocation.of_jupyter("server extension enable jupyter_remote_kit")),
    )


def _password_missing(instance: str) -> Problem:
    return Problem(
        "password-missing",
        msg("A password is required, but none is set."),
        msg("{command}", command=own_command(instance, "password")),
    )
