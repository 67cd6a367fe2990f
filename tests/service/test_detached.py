"""`up --detach`, and what a real logind makes of it when its user logs out."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from jupyter_remote_kit.plan.inherited import ROWS
from tests.e2e.stage.waiting import until
from tests.service.served import PASSWORD, Place, Served, kit
from tests.service.stage import Machine

Boot = Callable[..., Machine]
ALICE = Place("alice", "user")


@pytest.mark.parametrize(
    ("kills", "lingers", "survives"),
    [(False, False, True), (False, True, True), (True, False, False), (True, True, True)],
    ids=["usual", "lingering", "killed", "killed but lingering"],
)
def test_a_detached_server_and_a_log_out(machine_with: Boot, kills: bool, lingers: bool, survives: bool) -> None:
    machine = machine_with(kill_user_processes=kills)
    served = Served(machine, ALICE)
    if lingers:
        machine.run("loginctl", "enable-linger", "alice")
    with machine.login("alice") as login:
        shell = {line.partition("=")[0] for line in login.run("printenv").stdout.splitlines()}
        words = ("up", "--detach", "--access", "lan", "--password-stdin", "--json")
        done = kit(login, *words, user="alice", input=f"{PASSWORD}\n")
        assert done.returncode == 0, done.stderr
        told = json.loads(done.stdout)
        pid = str(told["data"]["pid"])
        assert served.answers()
    # It is told beforehand, and then it is so.
    assert ("ends-at-logout" in [row["code"] for row in told["problems"]]) is not survives
    if survives:
        until(lambda: "session" not in machine.run("loginctl", "list-sessions", "--no-legend").stdout, "the log-out")
        assert served.answers()
        with served.kernel() as kernel:
            assert kernel.run("print(6 * 7)") == "42"
            seen = kernel.value("dict(__import__('os').environ)")
        # Nothing of the scope that it may be in.
        assert {row.name for row in ROWS if row.name in seen} <= shell
    else:
        until(lambda: machine.run("kill", "-0", pid, check=False).returncode != 0, "its end", 30)
