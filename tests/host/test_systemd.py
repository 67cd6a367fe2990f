"""What systemd says of a unit, and what its journal holds, where a stand-in of systemctl and journalctl says it: the edge of the machine.

A real systemd is in `tests/service`.
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from jupyter_remote_kit.errors import Failed
from jupyter_remote_kit.host import programs, systemd
from jupyter_remote_kit.plan.model import Run
from jupyter_remote_kit.plan.units import Scope

Put = Callable[[str, str], Path]
Listen = Callable[[], socket.socket]

UNIT = "jupyter-remotekit@default.service"


class TestManager:
    def test_whether_systemd_runs_this_machine(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(systemd, "BOOTED", tmp_path / "system")
        assert not systemd.booted()
        (tmp_path / "system").mkdir()
        assert systemd.booted()

    def test_the_users_own_is_there_while_it_listens(self, listen: Listen) -> None:
        assert not systemd.user_manager_runs()
        with listen():
            assert systemd.user_manager_runs()
        private = programs.runtime_folder() / "systemd/private"
        private.unlink()
        private.write_text("no socket")
        assert not systemd.user_manager_runs()

    def test_one_that_does_not_come_is_named_with_what_mends_it(self, listen: Listen, monkeypatch: pytest.MonkeyPatch) -> None:
        assert not systemd.user_manager_runs()
        monkeypatch.setattr(systemd, "_MANAGER_COMES_S", 0.2)
        with pytest.raises(Failed) as error:
            systemd.await_user_manager()
        (problem,) = error.value.problems
        unit = f"user@{os.geteuid()}.service"
        assert (problem.code, str(problem.message)) == ("no-user-manager", f"Your own systemd manager ({unit}) is not running.")
        assert str(problem.hint) == f"sudo systemctl start {unit}; or install a system service: --system"

    def test_a_step_for_it_waits_and_one_for_the_machines_does_not(
        self, listen: Listen, monkeypatch: pytest.MonkeyPatch, program: Put
    ) -> None:
        log = program("systemctl", "")
        monkeypatch.setattr(systemd, "_MANAGER_COMES_S", 0.2)
        with pytest.raises(Failed, match="is not running"):
            systemd.run(Run(("systemctl", "--user", "daemon-reload")))
        assert not log.exists()
        systemd.run(Run(("systemctl", "daemon-reload")))
        with listen():
            systemd.run(Run(("systemctl", "--user", "daemon-reload")))
        assert log.read_text().splitlines() == ["daemon-reload", "--user daemon-reload"]


class TestProperties:
    def test_of_a_unit_of_the_machine(self, program: Put) -> None:
        log = program("systemctl", "printf 'ActiveState=active\\nStatusText=a=b \\nResult=\\n'")
        said = systemd.properties(Scope.SYSTEM, UNIT, "ActiveState", "StatusText", "Result")
        assert said == {"ActiveState": "active", "StatusText": "a=b ", "Result": ""}
        assert log.read_text() == f"show --property=ActiveState,StatusText,Result -- {UNIT}\n"

    def test_of_a_users_own(self, program: Put, listen: Listen) -> None:
        log = program("systemctl", "echo ActiveState=active")
        assert systemd.properties(Scope.USER, UNIT, "ActiveState") == {}
        assert not log.exists()
        with listen():
            assert systemd.properties(Scope.USER, UNIT, "ActiveState") == {"ActiveState": "active"}
        assert log.read_text() == f"--user show --property=ActiveState -- {UNIT}\n"

    def test_where_no_systemd_answers_there_are_none(self, program: Put) -> None:
        program("systemctl", "echo 'System has not been booted with systemd as init system (PID 1).' >&2; exit 1")
        assert systemd.properties(Scope.SYSTEM, UNIT, "ActiveState") == {}


class TestUnitOf:
    def test_a_process_outside_of_our_units_has_none(self) -> None:
        assert systemd.unit_of(os.getpid()) is None
        assert systemd.unit_of(2**22 + 1) is None

    @pytest.mark.parametrize(
        ("cgroup", "unit"),
        [
            ("0::/user.slice/user-1000.slice/user@1000.service/app.slice/jupyter-remotekit@default.service", UNIT),
            (
                "0::/system.slice/system-jupyter\\x2dremotekit.slice/jupyter-remotekit@ann.gpu1.service",
                "jupyter-remotekit@ann.gpu1.service",
            ),
            (r"0::/system.slice/jupyter-remotekit@a\x40b.default.service/kernel", r"jupyter-remotekit@a\x40b.default.service"),
            ("1:name=systemd:/system.slice/jupyter-remotekit@default.service\n0::/x", UNIT),
            ("0::/user.slice/user-1000.slice/session-3.scope", None),
            ("0::/system.slice/jupyter.service", None),
            ("0::/system.slice/x-jupyter-remotekit@default.service", None),
            ("0::/system.slice/jupyter-remotekit@default.service.d", None),
            ("", None),
        ],
    )
    def test_the_unit_in_a_control_group(self, cgroup: str, unit: str | None) -> None:
        found = systemd._UNIT_IN_CGROUP.search(f"{cgroup}\n")
        assert (found[1] if found else None) == unit


class TestJournal:
    def test_the_command(self) -> None:
        tail = ("--output=json", "--all", "--no-pager")
        assert systemd.journal_command(Scope.SYSTEM, UNIT) == ("journalctl", "--unit", UNIT, *tail)
        assert systemd.journal_command(Scope.USER, UNIT, "--lines=5") == ("journalctl", "--user-unit", UNIT, *tail, "--lines=5")

    @pytest.mark.parametrize(
        ("line", "entry"),
        [
            ('{"MESSAGE": "a", "PRIORITY": "6"}', {"MESSAGE": "a", "PRIORITY": "6"}),
            ('{"MESSAGE": [97, 255, 98]}', {"MESSAGE": "a\ufffdb"}),
            ('{"MESSAGE": []}', {"MESSAGE": ""}),
            ('{"MESSAGE": null}', {"MESSAGE": None}),
            # A field that was sent twice.
            ('{"CODE": ["a", "b"]}', {"CODE": ["a", "b"]}),
        ],
    )
    def test_an_entry(self, line: str, entry: dict[str, Any]) -> None:
        assert list(systemd.entries([line])) == [entry]

    def test_what_is_no_entry_is_passed_over(self) -> None:
        assert list(systemd.entries(["-- No entries --", "", "{", '{"MESSAGE": "a"}'])) == [{"MESSAGE": "a"}]

    def test_the_entries_in_their_order(self, program: Put, tmp_path: Path) -> None:
        (tmp_path / "entries").write_text("".join(json.dumps({"MESSAGE": text}) + "\n" for text in ("one", "two\nlines")))
        log = program("journalctl", f"cat '{tmp_path}/entries'")
        assert systemd.journal(Scope.SYSTEM, UNIT, "--lines=2") == [{"MESSAGE": "one"}, {"MESSAGE": "two\nlines"}]
        assert log.read_text() == f"--unit {UNIT} --output=json --all --no-pager --lines=2\n"

    def test_one_without_entries(self, program: Put) -> None:
        program("journalctl", "")
        assert systemd.journal(Scope.SYSTEM, UNIT) == []

    @pytest.mark.parametrize(
        ("script", "reason"),
        [
            ("echo 'Failed to open journal: x' >&2; exit 1", "Failed to open journal: x"),
            (
                "printf 'Hint: you are not in the group\\nNo journal files were opened due to insufficient permissions.\\n' >&2",
                "No journal files were opened due to insufficient permissions.",
            ),
            ("exit 3", "exit code 3"),
        ],
    )
    def test_one_that_is_closed_is_told_with_what_opens_it(self, program: Put, script: str, reason: str) -> None:
        program("journalctl", script)
        with pytest.raises(Failed) as error:
            systemd.journal(Scope.SYSTEM, UNIT)
        (problem,) = error.value.problems
        assert (problem.code, str(problem.message)) == ("journal-closed", f"The journal cannot be read: {reason}")
        assert str(problem.hint).startswith("sudo usermod -aG systemd-journal ")

    def test_following_it(self, program: Put, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "more")
        follows = 'case "$*" in *--follow*) ;; *) exit ;; esac'
        log = program("journalctl", f"""{follows}; echo '{{"MESSAGE": "one"}}'; echo noise; cat '{tmp_path}/more'""")
        seen: list[dict[str, Any] | None] = []
        for entry in systemd.follow(Scope.SYSTEM, UNIT, "--lines=9"):
            seen.append(entry)
            # Nothing comes any more: the reader is asked whether it is still there.
            if entry is None and seen.count(None) == 1:
                (tmp_path / "more").write_text('{"MESSAGE": "two"}\n')
        assert [entry for entry in seen if entry is not None] == [{"MESSAGE": "one"}, {"MESSAGE": "two"}]
        assert None in seen
        # First whether it may be read: following what is closed says nothing.
        asked = f"--unit {UNIT} --output=json --all --no-pager"
        assert log.read_text() == f"{asked} --lines=1\n{asked} --lines=9 --follow\n"
