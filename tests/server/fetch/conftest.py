"""Fixtures of pytest-jupyter, for this folder alone: some of them are `autouse`, and slow for tests that need no server."""

from __future__ import annotations

from typing import Any

import pytest
from pytest_jupyter.jupyter_server import *  # noqa: F403  fixtures are found by name

from jupyter_remote_kit.host import paths

PROVIDER = "jupyter_remote_kit.server.identity.RemoteKitIdentityProvider"
TOKEN = "canary-token-0123456789abcdef0123456789"


@pytest.fixture
def jp_base_url() -> str:
    return "/base/"


def server_config(**server: Any) -> dict[str, Any]:
    return {
        "ServerApp": {
            "allow_unauthenticated_access": False,
            "jpserver_extensions": {"jupyter_remote_kit": True, "jupyter_server_terminals": False},
            **server,
        },
        "IdentityProvider": {"token": TOKEN},
    }


@pytest.fixture
def unmanaged_config() -> dict[str, Any]:
    return server_config()


@pytest.fixture
def enforced_config(jp_environ: None) -> dict[str, Any]:
    paths.layout().tls_dir.mkdir(parents=True, mode=0o700)
    config = server_config(identity_provider_class=PROVIDER, reraise_server_extension_failures=True)
    config["RemoteKit"] = {"enforce": True, "access": "ssh"}
    config["PasswordIdentityProvider"] = {"allow_password_change": False}
    return config
