"""A server with the kit merely installed: as before, but for one warning when others can reach it."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from jupyter_server.auth.identity import PasswordIdentityProvider
from traitlets.config import Config


@pytest.fixture(params=["127.0.0.1", "0.0.0.0"])
def jp_server_config(unmanaged_config: dict[str, Any], request: pytest.FixtureRequest) -> Config:
    unmanaged_config["ServerApp"]["ip"] = request.param
    return Config(unmanaged_config)


def test_one_warning_beyond_loopback_and_none_on_it(jp_configurable_serverapp: Any, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        app = jp_configurable_serverapp()
    ours = [record.getMessage() for record in caplog.records if "jupyter-remote-kit" in record.getMessage()]
    assert type(app.identity_provider) is PasswordIdentityProvider
    if app.ip == "127.0.0.1":
        assert ours == []
    else:
        assert len(ours) == 1
        assert "plain-http: " in ours[0]
