"""`password` and `token`: a new one is in force, the rest stays, and it is shown once to whoever asked."""

from __future__ import annotations

import pytest
from jupyter_server.auth.security import passwd_check

from jupyter_remote_kit.host import facts
from tests.commands.host import PASSWORD, Host

NEW = "another good password"


def test_a_password_from_standard_input_is_in_force(lan_host: Host) -> None:
    token = lan_host.token
    outcome = lan_host.run("password", "--password-stdin", "--json", stdin=NEW)
    assert outcome.code == 0
    assert outcome.data == {"instance": "default", "changed": True, "sessions_ended": False}
    assert NEW not in outcome.everything
    assert passwd_check(lan_host.hashed, NEW)
    assert not passwd_check(lan_host.hashed, PASSWORD)
    assert lan_host.token == token


def test_a_generated_password_is_new_each_time(lan_host: Host) -> None:
    found = {lan_host.run("password", "--generate-password", "--json").data["password"] for _ in range(2)}
    assert len(found) == 2
    assert sum(passwd_check(lan_host.hashed, password) for password in found) == 1


def test_a_generated_password_is_shown_once_to_people(lan_host: Host) -> None:
    outcome = lan_host.must("password", "--generate-password")
    shown = outcome.out.splitlines()[-1].rpartition(": ")[2]
    assert passwd_check(lan_host.hashed, shown)
    assert outcome.everything.count(shown) == 1


def test_an_instance_without_a_password_gets_one(ssh_host: Host) -> None:
    assert ssh_host.hashed == ""
    ssh_host.must("password", "--password-stdin", stdin=NEW)
    assert passwd_check(ssh_host.hashed, NEW)
    assert ssh_host.instance()["RemoteKitIdentityProvider"]["password_required"] is True


@pytest.mark.parametrize("command", ["password", "init"])
def test_the_name_of_the_host_is_no_password(lan_host: Host, command: str) -> None:
    name = next((name for name in facts.host_names() if len(name) >= 8), None)
    if name is None:
        pytest.skip("no name of this host has 8 characters")
    before = lan_host.tree()
    outcome = lan_host.run(command, "--password-stdin", "--json", stdin=name.upper())
    assert outcome.code == 78
    assert outcome.codes == ["password-is-a-name"]
    assert lan_host.tree() == before


@pytest.mark.parametrize("command", ["password", "init"])
def test_seven_characters_are_too_few_and_eight_are_not(lan_host: Host, command: str) -> None:
    before = lan_host.tree()
    outcome = lan_host.run(command, "--password-stdin", "--json", stdin="1234567")
    assert (outcome.code, outcome.codes) == (78, ["password-short"])
    assert "1234567" not in outcome.everything
    assert lan_host.tree() == before
    lan_host.must(command, "--password-stdin", stdin="12345678")
    assert passwd_check(lan_host.hashed, "12345678")


def test_the_token_is_shown_and_stays(lan_host: Host) -> None:
    before = lan_host.tree()
    assert lan_host.run("token", "--show", "--json").data == {"instance": "default", "token": lan_host.token, "changed": False}
    assert lan_host.must("token", "--show").out == f"Token: {lan_host.token}\n"
    assert lan_host.tree() == before


def test_a_rotated_token_is_another_and_the_password_stays(lan_host: Host) -> None:
    token, hashed = lan_host.token, lan_host.hashed
    outcome = lan_host.run("token", "--yes", "--json")
    assert outcome.data["token"] == lan_host.token != token
    assert outcome.data["changed"] is True
    assert len(lan_host.token) == len(token)
    assert lan_host.hashed == hashed
    assert token not in outcome.everything


def test_each_instance_has_its_own(lan_host: Host) -> None:
    lan_host.must("init", "--access", "ssh", "--allow-root", "--instance", "gpu1")
    token = lan_host.token
    lan_host.must("token", "--yes", "--instance", "gpu1")
    lan_host.must("password", "--instance", "gpu1", "--password-stdin", stdin=NEW)
    assert lan_host.token == token
    assert passwd_check(lan_host.hashed, PASSWORD)
