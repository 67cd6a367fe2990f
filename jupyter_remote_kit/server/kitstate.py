"""What the parts of a server know of the extension that composes them: protocols, so that none of them imports it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, cast

if TYPE_CHECKING:
    from jupyter_server.auth.identity import IdentityProvider
    from jupyter_server.serverapp import ServerApp

    from jupyter_remote_kit.errors import Problem
    from jupyter_remote_kit.plan.instance import Instance
    from jupyter_remote_kit.plan.policy import Mode, ServedCertificate

PACKAGE = "jupyter_remote_kit"
# Of the extension within the package.
NAME = "remotekit"


class KitState(Protocol):
    """The settings in force, and what was found on the way there.

    `instance` is empty where the server was started for none; `problems` say why its file cannot be used.
    """

    mode: Mode
    problems: list[Problem]

    @property
    def instance(self) -> str: ...
    @property
    def access(self) -> str: ...
    @property
    def plain_http(self) -> bool: ...
    @property
    def allow_hosts(self) -> list[str]: ...
    @property
    def allow_networks(self) -> list[str]: ...
    @property
    def trusted_proxies(self) -> list[str]: ...
    @property
    def session_days(self) -> int: ...
    @property
    def hsts(self) -> bool: ...
    @property
    def language(self) -> str: ...
    @property
    def own_certificate(self) -> bool: ...
    @property
    def audit_events(self) -> bool: ...
    @property
    def served_certificate(self) -> ServedCertificate | None:
        """How the certificate of the instance stands, once that was looked at."""


class Kit(KitState, Protocol):
    """What the extension does when another part asks for it."""

    @property
    def known_as(self) -> str | None:
        """What the laptop that connected last calls this host."""

    def read_instance(self) -> Instance:
        """The instance file as it stands on the disk now. Raises `Refused`, and `Failed` where it cannot be read."""

    def assert_traits(self, serverapp: ServerApp, provider: IdentityProvider) -> None:
        """Set the instance's traits on the objects themselves."""

    def check_again(self) -> None:
        """End a managed server whose settings the policy refuses by now."""


def find_kit(serverapp: ServerApp) -> Kit | None:
    """The kit of `serverapp`, if it is enabled and linked.

    It is looked up in our own package: another package may have an extension of the same name.
    """
    manager = getattr(serverapp, "extension_manager", None)
    package = manager.extensions.get(PACKAGE) if manager is not None else None
    point = package.extension_points.get(NAME) if package is not None else None
    app = point.app if point is not None else None
    return cast("Kit", app) if app is not None and app._linked else None  # jupyter_server has no public word for it
