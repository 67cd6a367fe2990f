"""The server extension: reads the instance, decides the mode, and sets up what a managed server is protected by.

A bare `jupyter lab` imports this module too. What only a managed server needs is imported where it is used.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, cast

from jupyter_server.extension.application import ExtensionApp
from traitlets import Bool, Int, List, TraitError, Unicode
from traitlets.config import Config

from jupyter_remote_kit import invocation
from jupyter_remote_kit.errors import Failed, Problem, Refused, RemoteKitError
from jupyter_remote_kit.host import ownprogram
from jupyter_remote_kit.messages import Message, msg
from jupyter_remote_kit.plan.commandline import own_command
from jupyter_remote_kit.plan.launch import IDENTITY_PROVIDER
from jupyter_remote_kit.plan.policy import Mode
from jupyter_remote_kit.server import mode
from jupyter_remote_kit.server.kitstate import NAME, PACKAGE
from jupyter_remote_kit.settings import DEFAULT_SESSION_DAYS, MAX_SESSION_DAYS, Access

if TYPE_CHECKING:
    from jupyter_server.auth.identity import IdentityProvider
    from jupyter_server.serverapp import ServerApp

    from jupyter_remote_kit.plan.instance import Instance
    from jupyter_remote_kit.plan.policy import ServedCertificate
    from jupyter_remote_kit.server import report
    from jupyter_remote_kit.server.control import Control
    from jupyter_remote_kit.server.identity import RemoteKitIdentityProvider
    from jupyter_remote_kit.server.protection import Protection
    from jupyter_remote_kit.server.status import Status
    from jupyter_remote_kit.server.tickets import Tickets


class RemoteKit(ExtensionApp):
    """jupyter-remote-kit in a Jupyter server: managed, unmanaged, or a JupyterHub's."""

    name = NAME
    app_name = "jupyter-remote-kit"
    description = "Use a distant JupyterLab as if it were on the desk."

    # The word of the command line; it hides traitlets' `SingletonConfigurable.instance()`, which nothing asks of an extension.
    instance: Unicode[str, str | bytes] = Unicode(  # type: ignore[assignment]
        "", config=True, help="The instance that this server was started for; its file is read then, and only then."
    )
    enforce = Bool(False, config=True, help="Refuse to start what the policy refuses, without an instance too.")
    access = Unicode(Access.LAN.value, config=True, help="How laptops reach this server: lan, ssh or relay.")
    plain_http = Bool(False, config=True, help="Plain HTTP was chosen for this server.")
    allow_hosts = List(Unicode(), config=True, help="Further names and addresses of this host, in its certificate and in `Host` headers.")
    allow_networks = List(Unicode(), config=True, help="The networks that are served; empty: as the access has it.")
    trusted_proxies = List(Unicode(), config=True, help="Networks of proxies whose X-Forwarded-For and X-Forwarded-Proto are believed.")
    session_days = Int(DEFAULT_SESSION_DAYS, min=1, max=MAX_SESSION_DAYS, config=True, help="How long a sign-in lasts, in days.")
    hsts = Bool(False, config=True, help="Tell browsers to use nothing but HTTPS for this name, on every port.")
    language = Unicode("", config=True, help="The language of JupyterLab's interface, such as zh_CN.")
    own_certificate = Bool(False, config=True, help="The certificate is the user's own, not of the private authority.")

    audit_events = Bool(False, config=True, help="Emit each line of the audit as an event too; every subscriber of events sees it then.")

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.mode = Mode.UNMANAGED
        self.problems: list[Problem] = []
        self._own_file: Instance | None = None
        self._status: Status | None = None
        self._tickets: Tickets | None = None
        self._protection: Protection | None = None
        self._control: Control | None = None

    @property
    def server(self) -> ServerApp:
        """The server that this extension is linked to."""
        if self.serverapp is None:
            message = "jupyter-remote-kit is not linked to a server"
            raise RuntimeError(message)
        return self.serverapp

    # -- linked: before the identity provider exists -------------------------------------------------------------------------------

    def _link_jupyter_server_extension(self, serverapp: ServerApp) -> None:
        super()._link_jupyter_server_extension(serverapp)
        invocation.settle(ownprogram.of_server)
        self.mode = self._decide(serverapp.identity_provider_class)
        if self.mode is Mode.MANAGED:
            self._take_over(serverapp)

    def _decide(self, provider_class: type) -> Mode:
        return mode.decide(instance=self.instance, enforce=self.enforce, provider_class=provider_class, environ=os.environ)

    def _take_over(self, serverapp: ServerApp) -> None:
        """Put the instance's settings above every file's. What goes wrong is kept for the identity provider, which refuses with 78."""
        from jupyter_remote_kit.server import journal, redaction

        serverapp.update_config(Config({"ServerApp": {"identity_provider_class": self._provider_class(serverapp)}}))
        self._read_own_file()
        self._check_runtime_folder()
        redaction.install(self.secrets)
        journal.divert(self.instance)
        # Before the others are linked: notebook_shim looks at every trait of ServerApp, and what it meets there (`preferred_dir`, the
        # working directory) stays. After they are: their files, `jupyter_lab_config.py` with its `c.NotebookApp` among them, would else
        # have the last word on ServerApp.
        self._push(serverapp)
        manager = serverapp.extension_manager
        for name in list(manager.sorted_extensions):
            if name != PACKAGE:
                manager.link_extension(name)  # type: ignore[no-untyped-call]
        # Once more: each of them has a logger of its own.
        journal.divert(self.instance)
        self._push(serverapp)

    def _read_own_file(self) -> None:
        if not self.instance:
            return
        try:
            self._own_file = self.read_instance()
        except RemoteKitError as error:
            self.problems += error.problems

    def _check_runtime_folder(self) -> None:
        from jupyter_remote_kit.host import paths, runtimefolder

        try:
            runtimefolder.check(paths.layout().runtime_dir)
        except RemoteKitError as error:
            self.problems += error.problems

    def secrets(self) -> tuple[str, ...]:
        """What no log may hold: the credentials of the file and those in force, which differ once they were changed."""
        provider = getattr(self.serverapp, "identity_provider", None)
        in_force = (getattr(provider, "token", ""), getattr(provider, "hashed_password", ""))
        credentials = self._own_file.credentials if self._own_file else None
        if credentials is None:
            return in_force
        return (*in_force, credentials.token.reveal(), credentials.hashed_password.reveal() if credentials.hashed_password else "")

    def _push(self, serverapp: ServerApp) -> None:
        if self._own_file is None:
            return
        traits = self._own_file.traits
        known = serverapp.traits(config=True)
        try:
            serverapp.update_config(
                Config(
                    {
                        # `no_browser_open_file` is a trait, but not a setting; `assert_traits` sees to it.
                        "ServerApp": {key: value for key, value in traits["ServerApp"].items() if key in known},
                        "RemoteKitIdentityProvider": dict(traits["RemoteKitIdentityProvider"]),
                        "RemoteKit": dict(traits["RemoteKit"]),
                    }
                )
            )
            self.update_config(Config({"RemoteKit": dict(traits["RemoteKit"])}))
        except TraitError as error:
            self._own_file = None
            self.problems.append(
                Problem(
                    "instance-setting",
                    msg("A setting of the instance {instance} cannot be used: {reason}", instance=self.instance, reason=error),
                    self._begin_again(),
                )
            )

    def _provider_class(self, serverapp: ServerApp) -> str:
        """Our provider, where it is named already or jupyter_server's own would be used; another one is not ours to replace."""
        from jupyter_server.auth.identity import PasswordIdentityProvider

        named = serverapp.identity_provider_class
        if not mode.is_ours(named) and named is not PasswordIdentityProvider:
            self._refuse_provider(named)
        return f"{named.__module__}.{named.__qualname__}" if mode.is_ours(named) else IDENTITY_PROVIDER

    def read_instance(self) -> Instance:
        """The instance file, as it stands on the disk now.

        Raises `Refused` where it is absent, exposed, broken or another instance's, `Failed` where it cannot be read.
        """
        from jupyter_remote_kit.host import instances, paths

        layout = paths.layout()
        instance = instances.require(layout, self.instance)
        if instance.settings.instance != self.instance:
            raise Refused.of(
                "instance-file-broken",
                msg(
                    "{path} is the file of the instance {other}.",
                    path=layout.instance_file(self.instance),
                    other=instance.settings.instance,
                ),
                self._begin_again(),
            )
        return instance

    def _begin_again(self) -> Message:
        from jupyter_remote_kit.host import instances, paths

        return instances.begin_again(paths.layout().instance_file(self.instance), self.instance)

    def assert_traits(self, serverapp: ServerApp, provider: IdentityProvider) -> None:
        """Set the instance's traits once more, on the objects themselves: while the identity provider is made, and when all is loaded.

        The starter extension's own configuration (`LabApp.open_browser`) is applied after every link hook.
        """
        if self._own_file is None:
            return
        for section, target in (("ServerApp", serverapp), ("RemoteKitIdentityProvider", provider), ("RemoteKit", self)):
            for key, value in self._own_file.traits[section].items():
                if target.has_trait(key) and getattr(target, key) != value:
                    setattr(target, key, value)

    # -- loaded: before the bind ---------------------------------------------------------------------------------------------------

    def initialize_handlers(self) -> None:
        """Register the routes: health and status in every mode, tickets where we are the ones who sign in."""
        from jupyter_remote_kit.server.handlers import HealthHandler, StatusHandler

        self.handlers.append((r"/remotekit/api/health", HealthHandler))
        self.handlers.append((r"/remotekit/api/status", StatusHandler, {"status": lambda: self.status}))
        if self.mode is Mode.MANAGED:
            from jupyter_remote_kit.server.login import TicketHandler

            self.handlers.append((r"/remotekit/open", TicketHandler, {"tickets": self.tickets}))

    def initialize(self) -> None:  # type: ignore[override]  # as ExtensionApp has it
        """Load: settle the mode with the provider that is in force, register the routes, and have the gate opened when all is loaded."""
        in_force = type(self.server.identity_provider)
        if self.mode is not Mode.MANAGED:
            self.mode = self._decide(in_force)
        if self.mode is Mode.MANAGED and not mode.is_ours(in_force):
            self._refuse_provider(in_force)
        super().initialize()  # type: ignore[no-untyped-call]
        if self.mode is Mode.MANAGED:
            # After every extension is loaded, and before the bind: jupyter_server adds its `_bind_http_server` to this queue later.
            self.server.io_loop.add_callback(self._arm)
        elif self.mode is Mode.UNMANAGED:
            self._warn()

    def _refuse_provider(self, provider_class: type) -> None:
        from jupyter_remote_kit.server import report

        report.refuse([mode.foreign_provider(provider_class)])

    def _arm(self) -> None:
        self._end_where_refused(lambda: self.assert_traits(self.server, self.provider), self._protect)

    def check_again(self) -> None:
        """End the server where an extension that runs beside it has made of it what is refused. The instance's credentials are in force."""
        if self.mode is Mode.MANAGED:
            # Those of the file as it stands now: they may have been changed since it was read.
            self._end_where_refused(_nothing, self.provider.reload_credentials if self.instance else _nothing)

    def _end_where_refused(self, first: Callable[[], None], then: Callable[[], None]) -> None:
        """Do `first`, ask the policy, and do `then` where it refuses nothing.

        Extensions change traits, `web_app.settings` and the router, also those that then fail.
        """
        from jupyter_remote_kit.server import report

        rows: Sequence[report.Row] = ()
        try:
            rows = self._other_provider()
            if not rows:
                first()
                self.provider.gate.install(self.server.web_app)
                rows = self.provider.rows(self.server, self)
            if not rows:
                then()
        except RemoteKitError as error:
            rows = error.problems
        except Exception as error:
            # tornado would log it and serve on; behind a closed gate, but for ever.
            self.log.debug("jupyter-remote-kit could not set up its protection", exc_info=True)
            rows = [_not_protected(error)]
        if rows:
            self.server.remove_server_info_file()
            report.refuse(rows)

    def _other_provider(self) -> list[report.Row]:
        """Where some extension has put another identity provider in the place of ours: that, and which extensions have failed."""
        from jupyter_remote_kit.server import posture

        in_force = type(self.server.identity_provider)
        return [] if mode.is_ours(in_force) else [mode.foreign_provider(in_force), *posture.failed_extensions(self.server)]

    def _protect(self) -> None:
        """Everything between a loaded server and an open gate; the gate comes last."""
        from jupyter_remote_kit.server.protection import Protection

        self._protection = Protection(self.server, self)
        self._protection.set_up()

    def _warn(self) -> None:
        """The one warning of an unmanaged server that is reachable from elsewhere."""
        from jupyter_remote_kit.plan import policy
        from jupyter_remote_kit.server import posture, report

        findings = [row for row in policy.check(posture.collect(self.server, self)) if row.severity is policy.Severity.WARN]
        if findings:
            self.log.warning("jupyter-remote-kit:\n  %s", "\n  ".join(report.lines(findings)))

    # -- running -------------------------------------------------------------------------------------------------------------------

    @property
    def status(self) -> Status:
        """What this server tells about itself; made at the first question."""
        if self._status is None:
            from jupyter_remote_kit.server.status import Status

            self._status = Status(self.server, self)
        return self._status

    @property
    def provider(self) -> RemoteKitIdentityProvider:
        """The identity provider of a managed server, which is ours."""
        return cast("RemoteKitIdentityProvider", self.server.identity_provider)

    @property
    def protection(self) -> Protection:
        """What protects this server; there is such a thing once the gate is open."""
        if self._protection is None:
            message = "the gate is closed"
            raise RuntimeError(message)
        return self._protection

    def in_force(self) -> dict[str, Any]:
        """What this server has of its instance, which may be another on the disk by now; no secrets."""
        from jupyter_remote_kit.plan import changes
        from jupyter_remote_kit.secret import Secret
        from jupyter_remote_kit.settings import Credentials

        hashed = self.provider.hashed_password
        credentials = Credentials(Secret(self.provider.token), Secret(hashed) if hashed else None)
        settings = changes.held(self._own_file.settings) if self._own_file else {}
        return {"settings": settings, "credentials": changes.digest(credentials)}

    @property
    def served_certificate(self) -> ServedCertificate | None:
        """How the certificate of the instance stands, once that was looked at."""
        upkeep = self._protection.upkeep if self._protection else None
        return upkeep.standing if upkeep else None

    @property
    def tickets(self) -> Tickets:
        """The one-time tickets of this server."""
        if self._tickets is None:
            from jupyter_remote_kit.server.tickets import Tickets

            self._tickets = Tickets()
        return self._tickets

    @property
    def known_as(self) -> str | None:
        """What the laptop that asked for a ticket last calls this host."""
        return self.tickets.known_as

    def reload_certificate(self) -> None:
        """Serve the certificate that the instance file names now.

        Raises `Failed` where it is unusable, or where this server speaks no TLS, and `Refused` where others can reach its key; what is
        served stays.
        """
        from jupyter_remote_kit.server import posture

        certificate = self._protection.certificate if self._protection else None
        if certificate is None:
            raise Failed.of("no-tls", msg("This server uses plain HTTP: it has no certificate."))
        app = self.server
        if self.instance:
            traits = self.read_instance().traits
            certfile, keyfile = traits["ServerApp"]["certfile"], traits["ServerApp"]["keyfile"]
            if not certfile:
                raise Failed.of(
                    "no-certificate",
                    msg("The instance {instance} names no certificate any more.", instance=self.instance),
                    msg(
                        "Stop the server and start it again: {command}",
                        command=f"{own_command(self.instance, 'down')} && {own_command(self.instance, 'up --detach')}",
                    ),
                )
            posture.check_keys(certfile, keyfile)
            certificate.use(certfile, keyfile)
            # What the posture looks at from now on.
            app.certfile, app.keyfile = certfile, keyfile
            self.own_certificate = traits["RemoteKit"]["own_certificate"]
            if self._protection and self._protection.upkeep:
                self._protection.upkeep.changed()
        else:
            certificate.reload()

    async def _start_jupyter_server_extension(self, serverapp: ServerApp) -> None:
        if self.mode is not Mode.MANAGED:
            return
        if self.instance:
            self._listen_to_orders(serverapp)
        # The last of what jupyter_server has queued: the gate is open, and the sockets listen.
        self.protection.serving()

    def _listen_to_orders(self, serverapp: ServerApp) -> None:
        from jupyter_remote_kit.server import report
        from jupyter_remote_kit.server.control import Control

        try:
            self._control = Control(serverapp, self)
            self._control.start()
            # They may have been changed since they were read, before there was a socket to say so.
            self.provider.reload_credentials()
        except RemoteKitError as error:
            # Without its control plane it could be neither stopped nor signed out; jupyter_server would only log this.
            serverapp.remove_server_info_file()
            report.refuse(error.problems, error.exit_code)

    async def stop_extension(self) -> None:
        """Take the control socket and the runtime file away, and write what is pending."""
        if self._control is not None:
            self._control.stop()
            self._control = None
        if self._protection is not None:
            self._protection.close()
            self._protection = None


def _nothing() -> None:
    """Where there is nothing to do."""


def _not_protected(error: Exception) -> Problem:
    return Problem(
        "not-protected",
        msg("The protection of this server could not be set up: {reason}", reason=f"{type(error).__name__}: {error}"),
        msg("{command}", command=invocation.reinstall()),
    )
