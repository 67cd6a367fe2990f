"""Who gets in: the identity provider of a managed server. It refuses to start what the policy refuses, and knows nobody before."""

from __future__ import annotations

import hashlib
import hmac
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from weakref import WeakSet

from jupyter_server.auth.identity import PasswordIdentityProvider, User
from jupyter_server.auth.login import LoginFormHandler
from tornado.ioloop import IOLoop
from tornado.websocket import WebSocketHandler
from traitlets import default

from jupyter_remote_kit.errors import Failed, Problem, Refused
from jupyter_remote_kit.messages import msg
from jupyter_remote_kit.plan import policy
from jupyter_remote_kit.plan.hashes import hash_kind
from jupyter_remote_kit.plan.policy import HashKind, Mode, Posture
from jupyter_remote_kit.plan.posture import problem
from jupyter_remote_kit.secret import Secret
from jupyter_remote_kit.server import parts, report
from jupyter_remote_kit.server.extension import find_kit, foreign_provider
from jupyter_remote_kit.server.gate import Gate

if TYPE_CHECKING:
    from jupyter_server.serverapp import ServerApp
    from tornado.web import Application, RequestHandler

    from jupyter_remote_kit.server.extension import RemoteKit
    from jupyter_remote_kit.settings import Credentials

# With jupyter_server's parameters one verification holds 10 MiB and, measured, a core for 50 to 118 ms; two of them leave the event loop
# and the kernels alone.
VERIFIERS = 2
MAX_PASSWORD = 4096
POLICY_VIOLATION = 1008  # RFC 6455, 7.4.1


class RemoteKitIdentityProvider(PasswordIdentityProvider):
    """A token for IDEs, an argon2id password for people, a cookie for browsers; nobody before `arm`."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.gate = Gate()
        self._sockets: WeakSet[WebSocketHandler] = WeakSet()
        self._verifiers: ThreadPoolExecutor | None = None
        kit = find_kit(self.server)
        if kit is not None:
            # A `c.ServerApp.RemoteKitIdentityProvider` of the user's would be more specific than the instance's own section.
            kit.assert_traits(self.server, self)
            if self.server.sock:
                # Now: jupyter_server ends with 1 and a sentence of its own before it asks `validate_security`.
                report.refuse(policy.check(Posture(replaced_by_socket=True)))

    @default("login_handler_class")
    def _default_login_handler_class(self) -> Any:  # noqa: ANN401
        try:
            from jupyter_remote_kit.server.login import LoginHandler  # it needs this module
        # Whatever a damaged module raises: `validate_security` names it and refuses, where this would be a traceback.
        except Exception:
            return LoginFormHandler
        return LoginHandler

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
        rows = self.rows(app, kit) or _certificate_problems(ssl_options)
        if rows:
            report.refuse(rows)

    def rows(self, app: ServerApp, kit: RemoteKit) -> list[report.Row]:
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
            rows.append(_password_missing())
        return rows

    def arm(self, web_app: Application) -> None:
        """Open the gate. The extension calls this last, when everything that protects the server is in place."""
        if self.secure_cookie is None:
            self.secure_cookie = bool(self.server.ssl_options)
        self.end_sessions(web_app)
        self.gate.open()

    # -- who it is ------------------------------------------------------------------------------------------------------------------

    async def get_user(self, handler: RequestHandler) -> User | None:
        """The user of a request: by token, then by cookie. Nobody while not armed."""
        if not self.armed:
            return None
        user = await self._get_user(handler)
        if user is not None and isinstance(handler, WebSocketHandler):
            self._sockets.add(handler)
        return user

    def is_token(self, text: str | None) -> bool:
        """Whether `text` is the token; takes as long for any text of one length."""
        if not self.token or not text:
            return False
        return hmac.compare_digest(_bytes(text), _bytes(self.token))

    async def get_user_token(self, handler: RequestHandler) -> User | None:
        """Identify by `?token=`, or `Authorization: token …` or `Bearer …`."""
        if not self.armed or not self.is_token(self.get_token(handler)):
            return None
        known = self.get_user_cookie(handler)
        return known if isinstance(known, User) else self.generate_anonymous_user(handler)

    async def authenticate(self, handler: RequestHandler) -> User | None:
        """The user of a login form: `password` is the password or the token. Hashing happens off the event loop."""
        given = handler.get_argument("password", default="", strip=False)
        if not self.armed:
            return None
        # People paste a token with a blank at its end; a password is taken as it was typed.
        if self.is_token(given.strip()) or await self.is_password(given):
            return self.generate_anonymous_user(handler)
        return None

    async def is_password(self, given: str) -> bool:
        """Whether `given` is the password. Only argon2id is looked at; jupyter_server's own check takes any hash of hashlib."""
        kind = hash_kind(self.hashed_password)
        if kind not in {HashKind.ARGON2ID, HashKind.WEAK_ARGON2ID} or not given or len(given) > MAX_PASSWORD:
            return False
        if self._verifiers is None:
            self._verifiers = ThreadPoolExecutor(VERIFIERS, thread_name_prefix="remotekit-password")
        return await IOLoop.current().run_in_executor(self._verifiers, _verify, self.hashed_password, given)

    def passwd_check(self, password: str) -> bool:
        """The synchronous check of the base class, for those who call it; it blocks the event loop."""
        return hash_kind(self.hashed_password) in {HashKind.ARGON2ID, HashKind.WEAK_ARGON2ID} and _verify(self.hashed_password, password)

    def process_login_form(self, handler: RequestHandler) -> User | None:
        """Nobody: the form is answered by `login.LoginHandler`, off the event loop."""
        return None

    def set_login_cookie(self, handler: RequestHandler, user: User) -> None:
        """As the base class, and `SameSite=Lax` at least: another site's form must not carry the session; `Secure` wherever TLS is used."""
        if str(self.cookie_options.get("samesite")).lower() != "strict":
            self.cookie_options["samesite"] = "Lax"
        if self.secure_cookie:
            self.cookie_options["secure"] = True
        super().set_login_cookie(handler, user)

    # -- sessions -------------------------------------------------------------------------------------------------------------------

    def cookie_secret_hook(self, h: hmac.HMAC) -> hmac.HMAC:
        """Mix hash, token and instance into the key that signs cookies: changing either credential ends every session."""
        kit = find_kit(self.server)
        for part in (self.hashed_password, self.token, kit.instance if kit else ""):
            # The digest has a fixed length, so no two triples read the same.
            h.update(hashlib.sha256(_bytes(part)).digest())
        return h

    def end_sessions(self, web_app: Application) -> None:
        """Derive the cookie key from the credentials in force, and hang up on websockets that came in with others.

        Replaces `ServerApp._default_cookie_secret`, which a configured `cookie_secret` bypasses together with the hook.
        """
        app = self.server
        key = self.cookie_secret_hook(hmac.new(_root_key(app), digestmod=hashlib.sha256)).digest()
        if key != web_app.settings.get("cookie_secret"):
            app.cookie_secret = key
            web_app.settings["cookie_secret"] = key
            for socket in list(self._sockets):
                socket.close(POLICY_VIOLATION, "signed out")

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

    def _check(self, app: ServerApp, kit: RemoteKit, credentials: Credentials) -> None:
        from jupyter_remote_kit.server import posture  # see rows()

        hashed = credentials.hashed_password.reveal() if credentials.hashed_password else ""
        then = replace(posture.collect(app, kit), token_length=len(credentials.token), hash_kind=hash_kind(hashed))
        findings = policy.check(then)
        if policy.refused(findings):
            raise Refused(*(problem(row) for row in findings if row.severity is policy.Severity.REFUSE))


def _root_key(app: ServerApp) -> bytes:
    """The random key below the cookie key: the configured one, else the file's, which outlives a restart."""
    configured = app.config.ServerApp.get("cookie_secret")
    if isinstance(configured, bytes) and configured:
        return configured
    in_force: bytes = app.cookie_secret  # writes the file where there is none
    try:
        return Path(app.cookie_secret_file).read_bytes() or in_force
    except OSError:
        return in_force


def _verify(hashed: str, password: str) -> bool:
    from jupyter_remote_kit.host import passwords  # argon2: only who asks for a password pays for it

    return passwords.verify_password(Secret(hashed), Secret(password))


def _bytes(text: str) -> bytes:
    # A header or form field may hold what is no Unicode text; it must be compared, not raise.
    return text.encode("utf-8", "surrogatepass")


def _certificate_problems(ssl_options: dict[str, Any] | None) -> list[report.Row]:
    """Why TLS would not come up: tornado finds it out after the bind, or at the first handshake."""
    if not ssl_options:
        return []
    from jupyter_remote_kit.server.tls import server_context

    try:
        server_context(ssl_options)
    except Failed as error:
        return list(error.problems)
    return []


def _extension_disabled() -> Problem:
    return Problem(
        "extension-disabled",
        msg("The server extension jupyter_remote_kit is switched off, so nothing would protect this server."),
        msg("{command}", command="jupyter server extension enable jupyter_remote_kit"),
    )


def _password_missing() -> Problem:
    return Problem(
        "password-missing",
        msg("A password is required, but none is set."),
        msg("{command}", command="jupyter remotekit password"),
    )
