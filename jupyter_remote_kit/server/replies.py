"""What the control plane answers: of the server as a whole, and of who is signed in."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Protocol

import psutil
from jupyter_server.utils import url_path_join
from tornado.httputil import url_concat
from tornado.web import HTTPError

from jupyter_remote_kit import __version__, words
from jupyter_remote_kit.errors import RemoteKitError, WrongUsage
from jupyter_remote_kit.host import whoami
from jupyter_remote_kit.plan import hostnames
from jupyter_remote_kit.server.kitstate import KitState
from jupyter_remote_kit.server.tickets import LIFETIME_SECONDS

if TYPE_CHECKING:
    from jupyter_server.serverapp import ServerApp

    from jupyter_remote_kit.server.identity import RemoteKitIdentityProvider
    from jupyter_remote_kit.server.session import Session
    from jupyter_remote_kit.server.status import Status
    from jupyter_remote_kit.server.tickets import Tickets


class Controlled(KitState, Protocol):
    """The extension of a managed server, as the control plane has it."""

    @property
    def provider(self) -> RemoteKitIdentityProvider: ...
    @property
    def status(self) -> Status: ...
    @property
    def tickets(self) -> Tickets: ...

    def in_force(self) -> dict[str, Any]:
        """What this server has of its instance; no secrets."""

    def reload_certificate(self) -> None:
        """Serve the certificate that the instance file names now. Raises `Failed` and `Refused`; what is served stays."""


class Replies:
    """One method a route; each gives the JSON object of its answer."""

    def __init__(self, app: ServerApp, kit: Controlled) -> None:
        self._app = app
        self._kit = kit
        # In psutil's meaning, since psutil is what compares it: seconds since the epoch.
        self._create_time = psutil.Process().create_time()

    def runtime(self) -> dict[str, Any]:
        """What others may know without asking; no secrets. `create_time` and `host` tell this process from others with its pid."""
        return {
            "pid": os.getpid(),
            "host": whoami.host_name(),
            "create_time": self._create_time,
            "instance": self._kit.instance,
            "version": __version__,
            **self._where(),
        }

    def _where(self) -> dict[str, Any]:
        app = self._app
        return {
            "url": app.connection_url,
            "scheme": "https" if app.ssl_options else "http",
            "ip": app.ip,
            "port": app.port,
            "base_url": app.base_url,
        }

    async def status(self) -> dict[str, Any]:
        """What is, and what the policy finds."""
        protocol = "https" if self._app.ssl_options else "http"
        translate = words.catalogue(words.terminal_locale())
        return {
            **self.runtime(),
            "ready": self._kit.provider.armed,
            "started": self._kit.status.started(),
            "kernels": len(self._app.kernel_manager.list_kernel_ids()),
            "root_dir": self._app.root_dir,
            "posture": await self._kit.status.posture(translate, protocol),
            "language": self._kit.language or None,
            "in_force": self._kit.in_force(),
        }

    async def shutdown(self) -> dict[str, Any]:
        """How many kernels go with the server."""
        return {"kernels": len(self._app.kernel_manager.list_kernel_ids())}

    async def credentials(self) -> dict[str, Any]:
        """Take up other credentials; those who came in with the old ones are out when this answers, and stay out after a crash."""
        self._kit.provider.reload_credentials()
        self._kit.tickets.revoke_all()
        # A file that cannot be written names the old key: what it holds is worth nothing after a crash either.
        with suppress(RemoteKitError):
            await self._kit.provider.authenticator.sessions.saved()
        return {"reloaded": True}

    async def certificate(self) -> dict[str, Any]:
        """Serve the certificate that is on the disk now."""
        self._kit.reload_certificate()
        return {"reloaded": True}

    async def ticket(self, wish: dict[str, Any]) -> dict[str, Any]:
        """A one-time ticket, as the path that takes it. `known_as` is the name that a laptop has for this host."""
        if "known_as" in wish:
            # It goes into a command that is shown; a laptop of another version may have other names.
            with suppress(WrongUsage):
                self._kit.tickets.known_as = hostnames.parse(str(wish["known_as"]))
        path = url_path_join(self._app.base_url, "remotekit/open")
        return {"path": url_concat(path, {"ticket": self._kit.tickets.issue()}), "expires_in": LIFETIME_SECONDS}

    async def sessions(self) -> dict[str, Any]:
        """Who is signed in."""
        return {"sessions": self._kit.provider.authenticator.sessions.rows()}

    async def end_sessions(self, wish: dict[str, Any]) -> dict[str, Any]:
        """End the session `id`, or `all`; those that ended, none for an id that is not there."""
        table = self._kit.provider.authenticator.sessions
        ended: tuple[Session | None, ...]
        if wish == {"all": True}:
            # A ticket that was handed out and not used would be the next session.
            self._kit.tickets.revoke_all()
            ended = table.end_all()
        elif set(wish) == {"id"} and isinstance(wish["id"], str):
            ended = (table.end(wish["id"]),)
        else:
            raise HTTPError(400)
        await table.saved()
        return {"ended": [session.row() for session in ended if session is not None]}
