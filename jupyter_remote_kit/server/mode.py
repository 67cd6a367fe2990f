"""Which of its three states a server is in: managed, unmanaged, or a JupyterHub's."""

from __future__ import annotations

from collections.abc import Mapping

from jupyter_remote_kit.errors import Problem
from jupyter_remote_kit.messages import msg
from jupyter_remote_kit.plan.launch import IDENTITY_PROVIDER
from jupyter_remote_kit.plan.policy import Mode

# Set by every spawner of JupyterHub (`Spawner.get_env`), and inherited by the terminals of such a server.
HUB_VARIABLES = ("JUPYTERHUB_API_TOKEN", "JUPYTERHUB_SERVICE_PREFIX")


def comes_from_hub(cls: type) -> bool:
    """Whether a class, or one that it is derived from, is JupyterHub's."""
    return any(base.__module__.split(".")[0] == "jupyterhub" for base in cls.__mro__)


def is_ours(cls: type) -> bool:
    """Whether a class is our identity provider or derived from it; asked by name, so that the answer imports nothing."""
    return any(f"{base.__module__}.{base.__qualname__}" == IDENTITY_PROVIDER for base in cls.__mro__)


def foreign_provider(cls: type) -> Problem:
    """Another identity provider than ours in a managed server."""
    return Problem(
        "identity-provider",
        msg(
            "{name} decides who gets in, not jupyter-remote-kit's own identity provider.",
            name=f"{cls.__module__}.{cls.__qualname__}",
        ),
        msg("Remove ServerApp.identity_provider_class from the configuration"),
    )


def decide(*, instance: str, enforce: bool, provider_class: type, environ: Mapping[str, str]) -> Mode:
    """The state of a server.

    The environment alone makes no hub of a server that was started for an instance, or that names our provider: `up` in a terminal of
    JupyterHub inherits the variables, and would go without its protection.
    """
    if comes_from_hub(provider_class):
        return Mode.HUB
    if instance or is_ours(provider_class):
        return Mode.MANAGED
    if all(environ.get(variable) for variable in HUB_VARIABLES):
        return Mode.HUB
    return Mode.MANAGED if enforce else Mode.UNMANAGED
