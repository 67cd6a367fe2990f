"""What reaches a service manager, over real sockets, and what nobody else may find of it in the environment."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from jupyter_remote_kit.server import notify
from tests.server.systemd import Manager

PID = 4711


@pytest.mark.parametrize("abstract", [True, False])
def test_states_arrive_in_one_datagram(abstract: bool, tmp_path: Path) -> None:
    with Manager(None if abstract else tmp_path / "notify") as systemd:
        taken = notify.taken_from({"NOTIFY_SOCKET": systemd.address}, PID)
        assert taken.listens
        assert taken.tell(READY="1", STATUS="is there")
        assert systemd.hear(5) == {"READY": "1", "STATUS": "is there"}


def test_a_line_break_in_a_value_makes_no_state(tmp_path: Path) -> None:
    with Manager() as systemd:
        notify.Manager(systemd.address).tell(STATUS="a\nREADY=1\r\nMAINPID=1")
        assert systemd.hear(5) == {"STATUS": "a READY=1 MAINPID=1"}


def test_the_variables_are_taken_away_and_others_stay() -> None:
    watchdog = {"WATCHDOG_USEC": "600000000", "WATCHDOG_PID": str(PID)}
    environ = {"NOTIFY_SOCKET": "@x", **watchdog, "JOURNAL_STREAM": "8:9", "INVOCATION_ID": "x", "PATH": "/bin"}
    assert notify.taken_from(environ, PID) == notify.Manager("@x", 600.0)
    assert environ == {"PATH": "/bin"}


WATCHED: dict[str, tuple[dict[str, str], float | None]] = {
    "it is this process": ({"WATCHDOG_USEC": "1500000", "WATCHDOG_PID": str(PID)}, 1.5),
    "no process is named": ({"WATCHDOG_USEC": "1500000"}, 1.5),
    "it is another process": ({"WATCHDOG_USEC": "1500000", "WATCHDOG_PID": str(PID + 1)}, None),
    "no time": ({"WATCHDOG_PID": str(PID)}, None),
    "no time at all": ({"WATCHDOG_USEC": "0", "WATCHDOG_PID": str(PID)}, None),
    "no number": ({"WATCHDOG_USEC": "soon", "WATCHDOG_PID": str(PID)}, None),
    "a number of another script": ({"WATCHDOG_USEC": "١٥", "WATCHDOG_PID": str(PID)}, None),
    "before time": ({"WATCHDOG_USEC": "-5", "WATCHDOG_PID": str(PID)}, None),
}


@pytest.mark.parametrize("case", WATCHED)
def test_the_process_is_watched_when(case: str) -> None:
    environ, seconds = WATCHED[case]
    assert notify.taken_from({"NOTIFY_SOCKET": "@x"} | environ, PID).watchdog_s == seconds


@pytest.mark.parametrize("address", ["", "vsock:2:1234", "relative", "tcp://127.0.0.1:1"])
def test_no_manager_is_told_nothing(address: str) -> None:
    environ = {"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "1000000"}
    taken = notify.taken_from(environ, PID)
    assert (taken.listens, taken.watchdog_s) == (False, None)
    assert taken.tell(READY="1")
    assert not environ


@pytest.mark.parametrize("address", ["/nowhere/at/all", "@nobody-listens-here", "/" + "x" * 200, "/zero\0byte"])
def test_a_manager_that_is_gone_hurts_nobody_and_is_not_tried_again(address: str) -> None:
    assert notify.Manager(address).tell(READY="1")


def test_a_manager_that_reads_nothing_stops_nobody_and_is_worth_another_try() -> None:
    with Manager() as systemd:
        taken = notify.Manager(systemd.address)
        began = time.monotonic()
        # The queue of a datagram socket is finite (net.unix.max_dgram_qlen, or the buffer).
        assert any(not taken.tell(STATUS="x" * 1000) for _ in range(10_000))
        assert time.monotonic() - began < 5
        while systemd.hear(0):
            pass
        assert taken.tell(READY="1")
        assert systemd.hear(5) == {"READY": "1"}
