"""A server whose event loop hangs while the service manager watches it."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

from tests.server.systemd import Manager

if TYPE_CHECKING:
    from tests.server.conftest import Machine, Server

SECONDS = 3
# Of the test alone: SIGUSR2 holds the main thread, in Python code, while a file is there.
HANGING = """
import pathlib, signal, time
def save_over_a_slow_network(*_):
    while pathlib.Path({flag!r}).exists():
        time.sleep(0.01)
signal.signal(signal.SIGUSR2, save_over_a_slow_network)
"""
# `WATCHDOG_PID` is that of the process which becomes the server.
AS_MAIN_PROCESS = ("/bin/sh", "-c", 'WATCHDOG_PID=$$ exec "$@"', "sh")
STANDS = "The event loop has not turned for "
TURNS = "The event loop turns again, after "


def watched(machine: Machine, systemd: Manager, before: tuple[str, ...] = AS_MAIN_PROCESS) -> Server:
    """A server that is ready."""
    machine.environment |= {"NOTIFY_SOCKET": systemd.address, "WATCHDOG_USEC": str(SECONDS * 1_000_000), "WATCHDOG_PID": "1"}
    server = machine.start(machine.settings(), before=before)
    systemd.wait_for(lambda states: "READY" in states)
    return server


def test_signs_of_life_stop_with_the_loop_and_the_log_says_so_once_for_each_time(machine: Machine) -> None:
    flag = machine.home / "hang"
    machine.configure("jupyter_server_config.py", HANGING.format(flag=str(flag)))
    with Manager() as systemd:
        server = watched(machine, systemd)
        for times in (1, 2):
            for _ in range(3):
                # Each well before the time is over.
                systemd.wait_for(lambda states: states == {"WATCHDOG": "1"}, SECONDS * 0.9)
            flag.touch()
            server.process.send_signal(signal.SIGUSR2)
            server.wait_until(lambda times=times: server.output.count(STANDS) == times)
            # One that was on its way may be there; then there is none for longer than the manager would wait.
            systemd.hear(0)
            assert systemd.hear(SECONDS) is None
            assert server.output.count(STANDS) == times
            flag.unlink()
            server.wait_until(lambda times=times: server.output.count(TURNS) == times)
        warning = next(line for line in server.output.splitlines() if STANDS in line)
        assert warning.startswith("[W ")
        assert "s systemd restarts the server, which ends every kernel." in warning
        stack = server.output.partition(STANDS)[2].partition(TURNS)[0]
        assert "in save_over_a_slow_network" in stack
        assert "time.sleep(0.01)" in stack
        server.stop()
        assert server.process.returncode == 0


def test_a_hung_server_can_be_ended_by_its_manager(machine: Machine) -> None:
    flag = machine.home / "hang"
    machine.configure("jupyter_server_config.py", HANGING.format(flag=str(flag)))
    with Manager() as systemd:
        server = watched(machine, systemd)
        flag.touch()
        server.process.send_signal(signal.SIGUSR2)
        server.wait_until(lambda: STANDS in server.output)
        # On SIGTERM Python runs the handler as soon as the one that hangs is through; the thread that warns keeps nothing from ending.
        server.process.send_signal(signal.SIGTERM)
        flag.unlink()
        assert server.ended() == 0


def test_nobody_is_told_of_life_where_another_process_is_watched(machine: Machine) -> None:
    with Manager() as systemd:
        watched(machine, systemd, before=())
        assert systemd.hear(SECONDS) is None
