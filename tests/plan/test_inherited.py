"""The table of what a start adds to an environment."""

from __future__ import annotations

import pytest

from jupyter_remote_kit.plan import inherited
from jupyter_remote_kit.plan.inherited import ROWS, Source
from jupyter_remote_kit.plan.remoteserver import KNOWN_AS
from jupyter_remote_kit.plan.shell import TIMER
from jupyter_remote_kit.words import LANGUAGE_VARIABLE

PID = 4711
UNIT = {"NOTIFY_SOCKET": "/run/systemd/notify", "INVOCATION_ID": "x", "MEMORY_PRESSURE_WATCH": "/sys", "HOME": "/home/ann", "PATH": "/bin"}


def test_a_name_stands_once_and_what_is_kept_has_a_reason() -> None:
    names = [row.name for row in ROWS]
    assert len(names) == len(set(names))
    assert {row.name for row in ROWS if row.kept} == {"PATH", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR"}
    assert inherited.added_by(Source.LAUNCHER) == ()
    assert inherited.added_by(Source.CONNECT) == (LANGUAGE_VARIABLE, KNOWN_AS, TIMER)


@pytest.mark.parametrize(
    "environ", [UNIT, {**UNIT, "NOTIFY_SOCKET": "vsock:2:1"}, {"SYSTEMD_EXEC_PID": str(PID), "INVOCATION_ID": "x", "HOME": "/home/ann"}]
)
def test_the_variables_of_a_manager_are_those_of_its_main_process(environ: dict[str, str]) -> None:
    assert set(inherited.of_a_manager(environ, PID)) == environ.keys() - {"HOME", "PATH"}


def test_those_of_a_shell_that_a_service_has_started_are_the_users() -> None:
    assert inherited.of_a_manager({"INVOCATION_ID": "x", "SYSTEMD_EXEC_PID": str(PID + 1), "JOURNAL_STREAM": "8:9"}, PID) == ()
