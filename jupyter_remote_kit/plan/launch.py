"""How the server of an instance is started: one argv and a few variables, without a secret in either."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from jupyter_remote_kit.plan.layout import Layout

IDENTITY_PROVIDER = "jupyter_remote_kit.server.identity.RemoteKitIdentityProvider"

# Hosts are POSIX; `plan` knows no `os`.
PATH_SEPARATOR = ":"


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
    only a warning by default (facts measured on jupyter_server 2.21).
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
    scripts = str(python.parent)
    entries = [entry for entry in path_variable.split(PATH_SEPARATOR) if entry and entry != scripts]
    environment = {
        # A malformed configuration file is skipped by default; it may be the one that held the safe setting.
        "TRAITLETS_APPLICATION_RAISE_CONFIG_FILE_ERROR": "1",
        # Language servers and `!pip` in a cell are looked up on PATH; the environment may not be activated in the launching shell.
        "PATH": PATH_SEPARATOR.join([scripts, *entries]),
    }
    return LaunchPlan(argv, layout.instance_data_dir(instance), environment)
