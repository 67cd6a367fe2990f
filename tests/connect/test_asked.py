"""What ssh asks on the way, a jump host's password above all: there is time to answer, and a survey of many hosts asks nothing."""

from __future__ import annotations

import json
import time

import pytest

from tests.connect.stage import KIT, Host, Lab, User, faults
from tests.connect.stage.connection import FINDS_KIT

PASSWORD = "Vorzimmer 3"
# Somebody has to find their telephone first. A host that gives no sign for so long is given up otherwise.
LOOKS_FOR_IT_S = 14.0
BEHIND = "  User alice\n  ProxyJump hop@gate\n"


@pytest.fixture(scope="module")
def gate(lab: Lab) -> Host:
    """A jump host that asks for a password."""
    made = lab.jump("gate", User("hop", password=PASSWORD))
    lab.host("inner", User("alice"), inner=True)
    lab.laptop.configure(f"Host inner\n{BEHIND}Host other\n  HostName inner\n  HostKeyAlias inner\n{BEHIND}")
    return made


@pytest.mark.usefixtures("gate")
def test_a_jump_hosts_question_may_be_answered_late(lab: Lab) -> None:
    with lab.laptop.terminal(KIT, "connect", "inner", "--no-browser", *FINDS_KIT) as terminal:
        terminal.until("hop@gate's password: ")
        time.sleep(LOOKS_FOR_IT_S)
        terminal.type(PASSWORD)
        terminal.until(r"http://127\.0\.0\.1:\d+/\S*token=\w+")
        terminal.until("● ")
        # A line that is made anew is made without questions first, and then with them.
        kit = next(process for process in lab.laptop.processes() if "inner" in process.argv and "connect" in process.argv)
        faults.kill_ssh(lab.laptop, kit.pid)
        terminal.until("hop@gate's password: ")
        time.sleep(LOOKS_FOR_IT_S)
        terminal.type(PASSWORD)
        terminal.until("Connected to inner")
        terminal.press("c")
        terminal.until("goes on")
        assert terminal.finish() == 0
    assert terminal.seen.count("hop@gate's password: ") == 2


@pytest.mark.usefixtures("gate")
def test_whoever_lists_one_host_has_time_as_well(lab: Lab) -> None:
    with lab.laptop.terminal(KIT, "list", "inner") as terminal:
        terminal.until("hop@gate's password: ")
        time.sleep(LOOKS_FOR_IT_S)
        terminal.type(PASSWORD)
        assert terminal.finish() == 0


@pytest.mark.usefixtures("gate")
def test_a_survey_of_many_hosts_asks_nothing(lab: Lab) -> None:
    with lab.laptop.terminal(KIT, "list", "inner", "other", "--json") as terminal:
        assert terminal.finish(20) == 1
    assert "password:" not in terminal.seen
    told = json.loads(terminal.seen)
    assert [problem["code"] for problem in told["problems"]] == ["ssh-refused"] * 2
