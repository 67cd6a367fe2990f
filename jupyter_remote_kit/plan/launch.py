"""How the server of an instance is started: one argv and a few variables, without a secret in either."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from jupyter_remote_kit.plan.layout import Layout

IDENTITY_PROVIDER = "jupyter_remote_kit.server.identity.RemoteKitIdentityProvider"

# Hosts are POSIX; `plan` knows no `os`.
PATH_SEPARATOR = ":"
# Of a shell without a PATH: what execvp(3) searches then.
DEFAULT_PATH = "/bin:/usr/bin"


@dataclass(frozen=True)
class LaunchPlan:
    """`environment` is laid over the launching process's own; `cwd` is a folder of ours, so that no module of the user's shadows ours."""

    argv: tuple[str, ...]
    cwd: Path
    environment: Mapping[str, str] = field(default_factory=dict)


def plan_launch(instance: str, layout: Layout, python: Path, path_variable: str) -> LaunchPlan:
    """Start JupyterLab (`server/__main__.py`) for `instance` with the interpreter `python`; `path_variable` is the launching process's
    PATH.

    The provider is named in argv because a class that cannot be imported stops the server, whereas an extension that fails to import is
    only a warning by default (facts measured on jupyter_server 2.21). Failures are raised so that `server/extensions.py` decides on each.
    """
    argv = (
        str(python),
        "-m",
        "jupyter_remote_kit.server",
        f"--RemoteKit.instance={instance}",
        f"--ServerApp.identity_provider_class={IDENTITY_PROVIDER}",
        "--ServerApp.reraise_server_extension_failures=True",
        "--ServerApp.port_retries=0",
    )
    return LaunchPlan(argv, layout.instance_data_dir(instance), {"PATH": path_with_first(str(python.parent), path_variable)})


def path_with_first(scripts: str, path_variable: str) -> str:
    """PATH with the folder `scripts` first, as where the environment is activated; what follows is the user's, as it stands.

    Language servers and `!pip` in a cell are looked up there.
    """
    path = path_variable or DEFAULT_PATH
    return path if path.split(PATH_SEPARATOR)[0] == scripts else f"{scripts}{PATH_SEPARATOR}{path}"
