"""How the server of an instance is started."""

from __future__ import annotations

import ast
import importlib.util
from pathlib import Path

import pytest

from jupyter_remote_kit.plan.launch import IDENTITY_PROVIDER, LaunchPlan, plan_launch
from tests.plan.build import HOME, LAYOUT

PYTHON = HOME / "venv/bin/python"


def test_the_server_is_told_its_instance_and_its_provider_and_nothing_else() -> None:
    assert plan_launch("gpu1", LAYOUT, PYTHON, "/usr/bin:/bin") == LaunchPlan(
        argv=(
            "/home/ann/venv/bin/python",
            "-m",
            "jupyter_remote_kit.server",
            "--RemoteKit.instance=gpu1",
            "--ServerApp.identity_provider_class=jupyter_remote_kit.server.identity.RemoteKitIdentityProvider",
            "--ServerApp.reraise_server_extension_failures=True",
            "--ServerApp.port_retries=0",
        ),
        cwd=HOME / ".local/share/jupyter/remotekit/instances/gpu1",
        environment={"PATH": "/home/ann/venv/bin:/usr/bin:/bin"},
    )


@pytest.mark.parametrize(
    ("variable", "expected"),
    [
        # A shell without a PATH: as execvp(3) looks there.
        ("", "/home/ann/venv/bin:/bin:/usr/bin"),
        # Activated: as it is.
        ("/home/ann/venv/bin:/usr/bin:/bin", "/home/ann/venv/bin:/usr/bin:/bin"),
        # The rest stays the user's, whatever it is.
        ("/usr/bin:/home/ann/venv/bin:/bin", "/home/ann/venv/bin:/usr/bin:/home/ann/venv/bin:/bin"),
        ("/usr/bin::bin:/bin:", "/home/ann/venv/bin:/usr/bin::bin:/bin:"),
    ],
)
def test_the_environments_programs_come_first_and_the_rest_is_the_users(variable: str, expected: str) -> None:
    assert plan_launch("default", LAYOUT, PYTHON, variable).environment["PATH"] == expected


def test_the_provider_is_a_class_of_ours() -> None:
    # Looked up without importing jupyter_server, which takes longer than all of these tests.
    module, _, name = IDENTITY_PROVIDER.rpartition(".")
    spec = importlib.util.find_spec(module)
    assert spec is not None
    assert spec.origin is not None
    classes = [node.name for node in ast.parse(Path(spec.origin).read_text()).body if isinstance(node, ast.ClassDef)]
    assert name in classes
