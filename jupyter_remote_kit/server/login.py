"""The login form and the one-time ticket, by which a browser gets its cookie, and the page that takes it back."""

from __future__ import annotations

import math
import re
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol, cast
from urllib.parse import urlencode

from jupyter_server.auth.decorator import allow_unauthenticated
from jupyter_server.auth.login import LoginFormHandler
from jupyter_server.base.handlers import JupyterHandler
from jupyter_server.utils import url_path_join
from markupsafe import Markup

from jupyter_remote_kit.errors import RemoteKitError
from jupyter_remote_kit.messages import BLANK, Message, msg
from jupyter_remote_kit.plan.commandline import documented_command
from jupyter_remote_kit.plan.remoteserver import laptop_command
from jupyter_remote_kit.server import initiators, offers, refusals
from jupyter_remote_kit.server.kitstate import find_kit
from jupyter_remote_kit.server.methods import OnlyGets
from jupyter_remote_kit.server.templates import Page, asked_locale

if TYPE_CHECKING:
    from jupyter_server.serverapp import ServerApp

    from jupyter_remote_kit.server.authenticator import Authenticator
    from jupyter_remote_kit.server.tickets import Tickets

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
PAGE = Page("login.html")
SIGN_OUT = Page("sign_out.html")
SIGNED_OUT = Page("signed_out.html")


class LoginProvider(Protocol):
    """The identity provider, which names these handlers, as far as they ask it."""

    @property
    def server(self) -> ServerApp:
        """The server whose users these are."""

    @property
    def hashed_password(self) -> str:
        """Empty where there is none."""

    @property
    def authenticator(self) -> Authenticator:
        """Who judges what the forms bring."""


class _OfOwnPages(JupyterHandler):
    """Takes forms of this server's pages whatever the cookie `_xsrf` holds: another host of the domain may have set it.

    tornado cannot read all that it may hold (`2|x`), and then compares the form's token with nothing.
    """

    def check_xsrf_cookie(self) -> None:
        """As the base class where the browser does not say where the form is from."""
        if not initiators.is_same_origin(self.request):
            super().check_xsrf_cookie()


class LoginHandler(_OfOwnPages, LoginFormHandler):
    """The kit's own sign-in page, in the browser's language, with the password verified off the event loop.

    jupyter_server's page explains tokens to the user who started the server; here an unauthenticated client may be reading.
    """

    @allow_unauthenticated
    async def post(self) -> None:
        """302 with the session as the first `Set-Cookie`; 401, or 429 with `Retry-After`, with the form again.

        VS Code takes the first cookie of a 302 and reads any other status as a wrong password (vscode-jupyter, `jupyterPasswordConnect`).
        """
        authenticator = _authenticator(self)
        told = await authenticator.judge(self)
        if told.wait_s:
            self.set_status(429)
            self.set_header("Retry-After", str(math.ceil(told.wait_s)))
            self._render(refusals.busy(told.wait_s))
        elif not told.way:
            self.set_status(401)
            self._render(msg("Wrong password or token."))
        else:
            user = self.current_user = self.identity_provider.generate_anonymous_user(self)
            authenticator.sign_in(self, user, told.way)
            self._redirect_safe(self.get_argument("next", default=self.base_url))

    def _redirect_safe(self, url: str, default: str | None = None) -> None:
        """As the base class; tornado refuses a header with control characters in it, with a 500."""
        super()._redirect_safe(offers.leads_back(_CONTROL.sub("", url), _authenticator(self).is_ours), default)  # type: ignore[no-untyped-call]

    def _render(self, message: Message = BLANK) -> None:
        """Write the page, with `message` as what went wrong."""
        provider = cast("LoginProvider", self.identity_provider)
        hint, command = _way_back(provider)
        if message is BLANK and self.get_argument("link", default="") == "expired":
            message = msg("This link has expired.")
        after = offers.leads_back(self.get_argument("next", default=self.base_url), _authenticator(self).is_ours)
        query = urlencode({"next": after})
        page = PAGE.render(
            asked_locale(self),
            title=msg("Sign in to JupyterLab"),
            label=msg("Password or token") if provider.hashed_password else msg("Token"),
            button=msg("Sign in"),
            hint=hint,
            command=command,
            error=message,
            action=f"{url_path_join(self.base_url, 'login')}?{query}",
            xsrf=Markup(self.xsrf_form_html()),  # noqa: S704  # tornado's own markup
        )
        self.write(page)


class LogoutHandler(_OfOwnPages):
    """`/logout`: the session ends, and with it every copy of its cookie and every websocket that it opened."""

    @allow_unauthenticated
    async def get(self) -> None:
        """Sign out where the user opens this page from one of the server's, or by its address.

        Else a page that asks first: a link, an image or a frame of any other page brings the cookie along, and so does an image in a
        notebook.
        """
        if initiators.is_own_navigation(self.request):
            await self._sign_out()
        else:
            self._ask()

    @allow_unauthenticated
    async def post(self) -> None:
        """Sign out: the form of that page, whose origin or XSRF token has been checked."""
        await self._sign_out()

    async def _sign_out(self) -> None:
        """The page that says so, once the session's end is on the disk: a crash must not bring it back."""
        self.identity_provider.clear_login_cookie(self)
        # It is over here in any case. What keeps the file from being written is in the log.
        with suppress(RemoteKitError):
            await _authenticator(self).sessions.saved()
        page = SIGNED_OUT.render(
            asked_locale(self),
            title=msg("You are signed out"),
            link=msg("Sign in"),
            sign_in=url_path_join(self.base_url, "login"),
        )
        self.write(page)

    def _ask(self) -> None:
        """The button sends a form."""
        page = SIGN_OUT.render(
            asked_locale(self),
            title=msg("Sign out of JupyterLab?"),
            button=msg("Sign out"),
            action=url_path_join(self.base_url, "logout"),
            xsrf=Markup(self.xsrf_form_html()),  # noqa: S704  # tornado's own markup
        )
        self.write(page)


class TicketHandler(OnlyGets, JupyterHandler):
    """`GET /remotekit/open?ticket=…`: a one-time ticket becomes a session."""

    def initialize(self, tickets: Tickets) -> None:
        """`tickets` are those that the control socket hands out."""
        self._tickets = tickets

    @allow_unauthenticated
    async def get(self) -> None:
        """302 to the start page with the cookie, or 302 to the login form, which says that the link has expired, and nothing more."""
        self.set_header("Cache-Control", "no-store")
        self.set_header("Referrer-Policy", "same-origin")
        if self._tickets.redeem(self.get_argument("ticket", default="")):
            _authenticator(self).sign_in(self, self.identity_provider.generate_anonymous_user(self), "ticket")
            self.redirect(self.settings["default_url"])
        else:
            self.redirect(f"{url_path_join(self.base_url, 'login')}?link=expired")


def _way_back(provider: LoginProvider) -> tuple[Message, str]:
    """How to come in without what the form asks for, and the command that does it."""
    kit = find_kit(provider.server)
    if provider.hashed_password:
        instance = kit.instance if kit is not None else ""
        command = documented_command(instance, "password") if instance else "jupyter server password"
        return msg("Forgotten it? Set a new one on the host:"), command
    # Clients of `connect` have no password.
    known_as = kit.known_as if kit else None
    command = laptop_command("connect", known_as, kit.instance) if kit and known_as else "jupyter remotekit connect [USER@]HOST"
    return msg("Connect again, on your own machine:"), command


def _authenticator(handler: JupyterHandler) -> Authenticator:
    return cast("LoginProvider", handler.identity_provider).authenticator
