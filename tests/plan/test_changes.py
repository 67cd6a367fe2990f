"""What a running server takes at once, what waits, and how a hint words our own commands."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from jupyter_remote_kit.plan.changes import restart_needed, waiting_for_restart
from jupyter_remote_kit.plan.commandline import own_command
from jupyter_remote_kit.settings import Access, Settings

BEFORE = Settings(root_dir=Path("/home/ann"))


@pytest.mark.parametrize(
    ("after", "waiting"),
    [
        ({}, ()),
        # The certificate of the new name is taken at once, the name in requests is not.
        ({"allow_hosts": ("gpu.example.org",)}, ("allow_hosts",)),
        ({"allow_networks": ("any",)}, ("allow_networks",)),
        ({"trusted_proxies": ("127.0.0.1/32",), "session_days": 30, "hsts": True}, ("trusted_proxies", "session_days", "hsts")),
        ({"certfile": Path("/c/cert.pem"), "keyfile": Path("/c/key.pem")}, ()),
        ({"port": 9000}, ("port",)),
        ({"plain_http": True}, ("plain_http",)),
        ({"language": "zh_CN", "root_dir": Path("/data")}, ("root_dir", "language")),
        # Over ssh the server speaks no TLS itself.
        ({"access": Access.SSH, "ip": "127.0.0.1"}, ("access", "ip", "plain_http")),
    ],
)
def test_what_waits_for_a_restart(after: dict[str, Any], waiting: tuple[str, ...]) -> None:
    assert waiting_for_restart(BEFORE, Settings(**{"root_dir": BEFORE.root_dir, **after})) == waiting


def test_the_warning_names_the_settings_and_the_instance() -> None:
    problem = restart_needed("gpu2", ("port", "language"))
    assert str(problem.message) == "The running server takes up port, language at its next start."
    assert str(problem.hint) == "jupyter remotekit down --instance gpu2 && jupyter remotekit up --detach --instance gpu2"


def test_the_default_instance_goes_without_saying() -> None:
    assert own_command("default", "down") == "jupyter remotekit down"
    assert own_command("gpu2", "down") == "jupyter remotekit down --instance gpu2"
