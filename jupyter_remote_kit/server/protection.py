"""Sets up what a managed server is protected by, between a loaded server and an open gate."""

from __future__ import annotations

import logging
import os
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from tornado.ioloop import PeriodicCallback

from jupyter_remote_kit.errors import Failed
from jupyter_remote_kit.host import paths
from jupyter_remote_kit.server import (
    headers,
    journal,
    keys,
    languageservers,
    logs,
    notify,
    overlay,
    owners,
    pages,
    proxied,
    report,
    tuning,
    unixsocket,
)
from jupyter_remote_kit.server.audit import Audit
from jupyter_remote_kit.server.authenticator import DAY_S, Authenticator
from jupyter_remote_kit.server.checkpoint import Checkpoint, Site
from jupyter_remote_kit.server.connections import GuardedServer
from jupyter_remote_kit.server.devices import Devices
from jupyter_remote_kit.server.kitstate import Kit
from jupyter_remote_kit.server.peers import Declared, Peers
from jupyter_remote_kit.server.service import Service
from jupyter_remote_kit.server.sessions import Sessions
from jupyter_remote_kit.server.tls import Certificate
from jupyter_remote_kit.server.upkeep import Upkeep
from jupyter_remote_kit.settings import Access

if TYPE_CHECKING:
    from collections.abc import Callable

    from jupyter_server.serverapp import ServerApp

    from jupyter_remote_kit.server.identity import RemoteKitIdentityProvider

# How soon a log tells of a flood that is over.
TELL_EVERY_S = 60.0


class Protected(Kit, Protocol):
    """The extension of a managed server, as what protects it has it."""

    @property
    def provider(self) -> RemoteKitIdentityProvider: ...

    def secrets(self) -> tuple[str, ...]:
        """What no log may hold."""

    def reload_certificate(self) -> None:
        """Serve the certificate that the instance file names now. Raises `Failed` and `Refused`; what is served stays."""

    def observe(self, handler: Callable[..., object], names: str) -> None:
        """Call `handler` when the trait of that name changes."""


class Protection:
    """The parts that run while the server does. `certificate` and `upkeep` are `None` where the server speaks plain HTTP."""

    def __init__(self, app: ServerApp, kit: Protected) -> None:
        layout = paths.layout()
        named = kit.instance
        self._app, self._kit = app, kit
        self.certificate: Certificate | None = None
        self._own_names: tuple[str, ...] = ()
        self._log_timer: PeriodicCallback | None = None
        self._back_door: tuple[Path, tuple[int, int]] | None = None
        self.peers = Peers(
            Declared(
                Access(kit.access),
                tuple(kit.allow_networks),
                tuple(kit.allow_hosts),
                tuple(kit.trusted_proxies),
                self._certificate_names,
            )
        )
        # On the bus every page that listens to `/api/events/subscribe` would be sent who signed in from where.
        self.audit = Audit(app.event_logger if kit.audit_events else None, layout.audit_file(named) if named else None, secrets=kit.secrets)
        sessions_file = layout.sessions_file(named) if named else None
        self.sessions = Sessions(sessions_file, kit.session_days * DAY_S, on_end=self.audit.session_ended)
        # Without password and token in it: a browser that was known stays known when they are changed.
        devices = Devices(keys.derive(keys.root_key(app), "device", named))
        self.authenticator = Authenticator(kit.provider, self.sessions, devices, self.audit)
        self.upkeep: Upkeep | None = None
        self._service = Service(notify.manager(), app, lambda: len(self.sessions.rows()))

    def set_up(self) -> None:
        """Put everything in its place; the gate opens last."""
        app, kit = self._app, self._kit
        pages.blank_tokens(app.web_app, kit.provider.is_token)
        # The page behaves as if the kit were not there unless it finds this (labextension/src/completion).
        app.web_app.settings["page_config_data"]["remotekitMode"] = kit.mode.value
        self._lay_defaults_under()
        owners.note_handlers(app.web_app)
        languageservers.share(app)
        app.web_app.add_transform(headers.protective(hsts=kit.hsts))
        self._limit_logs()
        self._work_among_notebooks()
        self.authenticator.connections = self._guard_connections()
        self.audit.watch(app)
        tuning.settle()
        site = Site(
            kit.instance,
            app.base_url,
            self.peers,
            tuple(kit.allow_networks),
            tuple(kit.allow_hosts),
            f"{'https' if app.ssl_options else 'http'}://127.0.0.1:{app.port}",
            app.web_app.settings,
            proxied.outside(app.web_app, app.base_url),
        )
        checkpoint = Checkpoint(site, self.authenticator, self.audit, partial(owners.find_owner, app.web_app))
        kit.provider.arm(app.web_app, self.authenticator, checkpoint)

    def serving(self) -> None:
        """Listen for the user alone, too, and have a service manager told that the server is there, once it answers."""
        self._open_back_door()
        if self.upkeep is not None:
            self.upkeep.start()
        self._service.begin()

    def close(self) -> None:
        """Have it told that the server stops, and write what is pending."""
        self._service.end()
        if self.upkeep is not None:
            self.upkeep.stop()
        if self._back_door is not None:
            unixsocket.take_away(*self._back_door)
        if self._log_timer is not None:
            self._log_timer.stop()
        self.authenticator.close()
        self.audit.close()

    def _open_back_door(self) -> None:
        """A UNIX socket of mode 0600 beside the port, where the server is reached over ssh.

        A port of the loopback is anybody's as soon as the server has ended, and whoever takes it is sent the next cookie; a socket in
        the user's own folder is nobody else's. Without it there is still the port.
        """
        server = self.authenticator.connections
        if self._kit.access != Access.SSH.value or not self._kit.instance or server is None:
            return
        layout = paths.layout()
        try:
            path, listener = unixsocket.listen_in(layout, layout.door_socket(self._kit.instance), unixsocket.LONGEST_FOR_SSH)
            server.add_sockets([listener])
        except Failed as error:
            for line in report.lines(error.problems):
                self._app.log.warning(line)
        else:
            self._back_door = path, unixsocket.identity(path)

    def _guard_connections(self) -> GuardedServer | None:
        """Ours in the place of the HTTP server that jupyter_server has made and not yet bound."""
        app = self._app
        if not hasattr(app, "http_server"):
            return None
        guarded = GuardedServer.instead_of(app.http_server, app.web_app, self.peers.is_trusted, self.peers.client_of)
        guarded.recognises = self.authenticator.recognises
        guarded.admits_host = self.peers.admits_host
        app._http_server = guarded  # what the read-only property gives; `_bind_http_server` has not run yet
        if app.ssl_options:
            layout, named = paths.layout(), self._kit.instance
            previous = {layout.leaf_file(named): layout.previous_leaf_file(named)} if named else {}
            certificate = self.certificate = Certificate(guarded, app.ssl_options, self._read_own_names, previous)
            if named:
                self.upkeep = Upkeep(self._kit.read_instance, certificate.is_current, self._kit.reload_certificate, app.log)
            # One of the user's own in the place of ours is served first, and said to be so afterwards (`RemoteKit.reload_certificate`).
            self._kit.observe(lambda _: self._read_own_names(certificate.file), "own_certificate")
        return guarded

    def _work_among_notebooks(self) -> None:
        """What names no folder (an IDE's kernel, a terminal) would start where the server does: beside the audit and the sessions.

        Only now, when all is imported: no module of the user's can take the place of one of ours any more.
        """
        if self._kit.instance:
            with suppress(OSError):
                os.chdir(self._app.root_dir)

    def _limit_logs(self) -> None:
        settings = self._app.web_app.settings
        settings["extra_log_scrub_param_keys"] = [*(settings.get("extra_log_scrub_param_keys") or []), "ticket"]
        # The extensions' own handlers; before the limit, which is put on handlers.
        journal.divert(self._kit.instance)
        limit = logs.LogLimit()
        limit.install(self._app.log, *map(logging.getLogger, logs.BELOW_HANDLERS))
        self._log_timer = PeriodicCallback(lambda: limit.tell(self._app.log), TELL_EVERY_S * 1000)
        self._log_timer.start()
        settings["log_function"] = logs.limited(settings["log_function"], limit)

    def _lay_defaults_under(self) -> None:
        """The instance's defaults of JupyterLab. They protect nothing, so a broken file costs a warning."""
        if not self._kit.instance:
            return
        try:
            overlay.merge(self._app.web_app, overlay.read(paths.layout().overlay_file(self._kit.instance), self._kit.instance))
        except Failed as error:
            for line in report.lines(error.problems):
                self._app.log.warning(line)

    def _certificate_names(self) -> tuple[str, ...]:
        """The names of a certificate of the user's own: whoever signed it has found that they are this host's."""
        return self._own_names if self._kit.own_certificate else ()

    def _read_own_names(self, certfile: Path) -> None:
        """Of the certificate that is served from now on. Those of the one before stay where it cannot be read."""
        if not self._kit.own_certificate:
            return
        from jupyter_remote_kit.host import certificates  # cryptography: only who has such a certificate pays for it

        try:
            self._own_names = certificates.read_names(certfile)
        except Failed as error:
            for line in report.lines(error.problems):
                self._app.log.warning(line)
