"""Units that somebody has written by hand, on a machine whose folders are empty but for them, and where a stand-in of systemctl answers."""

from __future__ import annotations

import os
import pwd
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from jupyter_remote_kit.host import handwritten
from jupyter_remote_kit.plan.handwritten import HandWritten
from jupyter_remote_kit.plan.units import Scope

Put = Callable[[str, str], Path]
Listen = Callable[[], socket.socket]

BY_HAND = """\
[Service]
{user}
WorkingDirectory=/srv
ExecStart=/opt/conda/bin/jupyter-lab {options} --no-browser
[Install]
WantedBy=multi-user.target
"""
ENABLED = "printf 'UnitFileState=enabled\\nActiveState=inactive\\n'"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The home of whoever asks, on a machine with a user bob, and with a root."""
    for name in ("home", "bob", "root"):
        (tmp_path / name / ".config/systemd/user").mkdir(parents=True)
        (tmp_path / name / ".jupyter").mkdir()

    def account(name: object) -> pwd.struct_passwd:
        if name not in {"bob", 0}:
            raise KeyError(name)
        return pwd.struct_passwd(("x", "x", 0, 0, "", str(tmp_path / ("root" if name == 0 else "bob")), "/bin/sh"))

    monkeypatch.setattr(pwd, "getpwnam", account)
    monkeypatch.setattr(pwd, "getpwuid", account)
    return tmp_path / "home"


@pytest.fixture
def units(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the machine's own units."""
    folder = tmp_path / "system"
    folder.mkdir()
    monkeypatch.setattr(handwritten, "_SYSTEM_FOLDERS", (folder, tmp_path / "absent"))
    return folder


def by_hand(folder: Path, options: str, name: str = "jupyter.service", user: str = "User=bob") -> HandWritten:
    (folder / name).write_text(BY_HAND.format(options=options, user=user))
    return HandWritten(name, folder / name, Scope.SYSTEM, 8800)


def test_one_that_holds_the_port_is_found(home: Path, units: Path, program: Put) -> None:
    log = program("systemctl", ENABLED)
    unit = by_hand(units, "--port=8800")
    assert handwritten.holding(8800, home) == (unit,)
    assert log.read_text() == "show --property=UnitFileState,ActiveState -- jupyter.service\n"
    assert handwritten.holding(8801, home) == ()


@pytest.mark.parametrize(
    ("state", "active", "held"),
    [
        ("enabled", "inactive", True),
        ("enabled", "failed", True),
        ("disabled", "active", True),
        ("disabled", "activating", True),
        ("disabled", "reloading", True),
        ("disabled", "inactive", False),
        ("disabled", "failed", False),
        ("masked", "inactive", False),
        ("", "", False),
    ],
)
def test_one_that_neither_runs_nor_starts_at_boot_holds_nothing(  # noqa: PLR0913
    home: Path, units: Path, program: Put, state: str, active: str, held: bool
) -> None:
    program("systemctl", f"printf 'UnitFileState={state}\\nActiveState={active}\\n'")
    by_hand(units, "--port=8800")
    assert bool(handwritten.holding(8800, home)) is held


def test_where_no_systemd_answers_none_is_held(home: Path, units: Path, program: Put) -> None:
    program("systemctl", "exit 1")
    by_hand(units, "--port=8800")
    assert handwritten.holding(8800, home) == ()


def test_the_port_of_the_files_that_its_server_reads_the_last_one_winning(home: Path, units: Path, program: Put) -> None:
    program("systemctl", ENABLED)
    unit = by_hand(units, "--ip=0.0.0.0")
    config = home.parent / "bob/.jupyter"

    def held() -> set[int]:
        return {port for port in (8800, 8801, 8802, 8803, 8888) if handwritten.holding(port, home)}

    assert held() == {8888}
    (config / "jupyter_notebook_config.py").write_text("c.NotebookApp.port = 8801\n")
    assert held() == {8801}
    (config / "jupyter_server_config.json").write_text('{"ServerApp": {"port": 8802}}')
    assert held() == {8802}
    (config / "jupyter_lab_config.py").write_text("c.ServerApp.port = 8800\n")
    assert held() == {8800}
    by_hand(units, f"--config={home}/own.py")
    assert held() == {8800}
    (home / "own.py").write_text("c.ServerApp.port = 8803\n")
    assert held() == {8803}
    assert unit.path.is_file()


@pytest.mark.parametrize(("user", "whose"), [("User=bob", "bob"), ("", "root"), ("User=no-such-user-of-ours", "root")])
def test_the_files_are_those_of_its_user(home: Path, units: Path, program: Put, user: str, whose: str) -> None:
    program("systemctl", ENABLED)
    for name, port in (("home", 8801), ("bob", 8802), ("root", 8803)):
        (home.parent / name / ".jupyter/jupyter_lab_config.py").write_text(f"c.ServerApp.port = {8800 if name == whose else port}\n")
    unit = by_hand(units, "", user=user)
    assert handwritten.holding(8800, home) == (unit,)


def test_a_users_own_unit_reads_that_users_files(home: Path, units: Path, program: Put, listen: Listen) -> None:
    program("systemctl", ENABLED)
    (home / ".jupyter/jupyter_lab_config.py").write_text("c.ServerApp.port = 8800\n")
    by_hand(home / ".config/systemd/user", "", "lab.service", user="")
    with listen():
        found = handwritten.holding(8800, home)
    assert [unit.scope for unit in found] == [Scope.USER]
    assert list(units.iterdir()) == []


def test_a_home_in_a_unit_is_that_of_the_managers_user(home: Path, units: Path, program: Put, listen: Listen) -> None:
    program("systemctl", ENABLED)
    (home / "own.py").write_text("c.ServerApp.port = 8800\n")
    by_hand(units, "--config=%h/own.py")
    by_hand(home / ".config/systemd/user", "--config=%h/own.py", "lab.service")
    with listen():
        found = handwritten.holding(8800, home)
    assert found == (HandWritten("lab.service", home / ".config/systemd/user/lab.service", Scope.USER, 8800),)


def test_both_managers_are_asked_for_their_own(home: Path, units: Path, program: Put, listen: Listen) -> None:
    log = program("systemctl", ENABLED)
    by_hand(units, "--port=8800")
    by_hand(home / ".config/systemd/user", "--port 8800", "lab.service")
    with listen():
        found = handwritten.holding(8800, home)
    assert [(unit.scope, unit.name) for unit in found] == [(Scope.SYSTEM, "jupyter.service"), (Scope.USER, "lab.service")]
    assert [line.split()[0] for line in log.read_text().splitlines()] == ["show", "--user"]


def test_what_is_ours_or_no_server_or_no_file_is_passed_over(home: Path, units: Path, program: Put) -> None:
    log = program("systemctl", ENABLED)
    by_hand(units, "--port=8800", "jupyter-remotekit@ann.default.service")
    by_hand(units, "--port=8800", "jupyter.service.bak")
    (units / "nginx.service").write_text("[Service]\nExecStart=/usr/sbin/nginx --port=8800\n")
    (units / "binary.service").write_bytes(b"\xff\x00[Service]")
    (units / "folder.service").mkdir()
    (units / "masked.service").symlink_to("/dev/null")
    os.mkfifo(units / "pipe.service")
    assert handwritten.holding(8800, home) == ()
    assert not log.exists()


def test_a_home_without_units_and_a_machine_without_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handwritten, "_SYSTEM_FOLDERS", (tmp_path / "absent",))
    assert handwritten.holding(8888, tmp_path / "nowhere") == ()
