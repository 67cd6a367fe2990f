"""What a running server takes at once, what waits, and how a hint words our own commands."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from jupyter_remote_kit.errors import Failed
from jupyter_remote_kit.messages import msg
from jupyter_remote_kit.plan.changes import credentials_waiting, digest, held, not_in_force, restart_needed, waiting_for_restart
from jupyter_remote_kit.plan.commandline import own_command
from jupyter_remote_kit.secret import Secret
from jupyter_remote_kit.settings import Access, Credentials, Settings

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
    assert waiting_for_restart(held(BEFORE), Settings(**{"root_dir": BEFORE.root_dir, **after})) == waiting


def test_what_a_server_tells_of_its_settings_comes_back_from_json_as_it_was() -> None:
    settings = replace(BEFORE, allow_hosts=("gpu.example.org",), trusted_proxies=("127.0.0.1/32",), access=Access.RELAY)
    assert waiting_for_restart(json.loads(json.dumps(held(settings))), settings) == ()
    # One of another version may have told less.
    assert waiting_for_restart({"port": 1}, settings) == ("port",)


def test_other_credentials_have_another_digest() -> None:
    first = Credentials(Secret("0" * 32), Secret("argon2:x"))
    assert len({digest(first), digest(replace(first, token=Secret("1" * 32))), digest(replace(first, hashed_password=None))}) == 3
    assert digest(first) == digest(replace(first))


def test_what_a_server_could_not_be_told_is_said_beside_why() -> None:
    error = not_in_force("gpu2", Failed.of("control-timeout", msg("It hangs.")))
    assert type(error) is Failed
    assert [problem.code for problem in error.problems] == ["control-timeout", "not-in-force"]
    hints = [str(problem.hint) for problem in (error.problems[1], credentials_waiting("gpu2"))]
    assert hints == [f"{lead}jupyter remotekit init --instance gpu2" for lead in ("Once it answers, let it take that up: ", "")]


def test_the_warning_names_the_settings_and_the_instance() -> None:
    problem = restart_needed("gpu2", ("port", "language"))
    assert str(problem.message) == "The running server takes up port, language at its next start."
    assert str(problem.hint) == "jupyter remotekit down --instance gpu2 && jupyter remotekit up --detach --instance gpu2"


def test_the_default_instance_goes_without_saying() -> None:
    assert own_command("default", "down") == "jupyter remotekit down"
    assert own_command("gpu2", "down") == "jupyter remotekit down --instance gpu2"
