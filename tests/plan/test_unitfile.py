"""The text of a unit: what systemd reads in it, and what it says of itself."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from jupyter_remote_kit.host.services import templates
from jupyter_remote_kit.plan.profiles import Profile
from jupyter_remote_kit.plan.seal import is_whole, sealed
from jupyter_remote_kit.plan.service import Place, Service
from jupyter_remote_kit.plan.unitfile import Notes, changed_lines, notes_of, render_unit
from jupyter_remote_kit.plan.units import Scope
from tests.plan import systemd_syntax as systemd
from tests.plan.build import HOME, LAYOUT, ROOT_DIR

PYTHON, SCRIPT = HOME / "venv/bin/python", HOME / "venv/bin/jupyter-remotekit"
COMMAND = (str(PYTHON), str(SCRIPT), "service", "run", "--instance", "default")


def service(scope: Scope = Scope.USER, **changes: Any) -> Service:
    place = Place(scope, "default", changes.pop("user", "ann"), 1000, changes.pop("home", HOME), LAYOUT)
    return replace(Service(place, ROOT_DIR, (PYTHON, SCRIPT), Profile.SUDO, "1.2.3"), **changes)


def rendered(wanted: Service) -> str:
    return render_unit(wanted, *templates(wanted.place.scope, wanted.profile))


def settings(wanted: Service) -> dict[str, dict[str, str]]:
    """Every setting that is said once."""
    read = systemd.unit_file(rendered(wanted))
    return {section: dict(entries) for section, entries in read.items()}


@pytest.mark.parametrize("scope", list(Scope))
@pytest.mark.parametrize("profile", list(Profile))
@pytest.mark.parametrize("watchdog_s", [None, 600])
def test_every_template_is_filled_in_and_sealed(scope: Scope, profile: Profile, watchdog_s: int | None) -> None:
    text = rendered(service(scope, profile=profile, watchdog_s=watchdog_s))
    assert not re.search(r"@[A-Z_]+@", text)
    assert is_whole(text.encode())
    assert notes_of(text.encode()) == Notes("1.2.3", profile.value, watchdog_s)
    assert list(systemd.unit_file(text)) == ["Unit", "Service", "Install", "X-JupyterRemoteKit"]


def test_the_service_of_a_user() -> None:
    read = settings(service())
    assert read["Unit"]["Description"] == "JupyterLab of ann (jupyter-remote-kit, instance default)"
    assert read["Unit"]["StartLimitIntervalSec"] == "60"
    assert read["Unit"]["StartLimitBurst"] == "5"
    assert read["Install"] == {"WantedBy": "default.target"}
    main = read["Service"]
    assert systemd.exec_start(main["ExecStart"]) == systemd.Program(str(PYTHON), COMMAND)
    assert main["WorkingDirectory"] == "-/home/ann/notebooks"
    assert main["EnvironmentFile"] == "/home/ann/.jupyter/remotekit/default.env"
    assert "User" not in main
    assert (main["Type"], main["NotifyAccess"]) == ("notify", "main")
    assert (main["Restart"], main["RestartSec"], main["RestartPreventExitStatus"]) == ("on-failure", "5", "78")
    assert (main["KillMode"], main["OOMPolicy"]) == ("mixed", "continue")
    assert int(main["TimeoutStopSec"]) > 30
    assert not {name for name in main if name.startswith("Watchdog")}


def test_the_service_of_the_machine() -> None:
    read = settings(service(Scope.SYSTEM))
    assert read["Install"] == {"WantedBy": "multi-user.target"}
    assert read["Service"]["User"] == "ann"
    assert read["Service"]["EnvironmentFile"] == "/etc/jupyter-remotekit/ann.default.env"
    assert systemd.path_list(read["Unit"]["RequiresMountsFor"]) == ["/home/ann/notebooks", "/home/ann", "/home/ann/venv/bin/python"]
    assert (read["Service"]["Restart"], read["Service"]["RestartPreventExitStatus"]) == ("on-failure", "78")


@pytest.mark.parametrize("profile", list(Profile))
def test_a_service_of_the_machine_brings_the_users_manager_up_unless_its_profile_shuts_it_out(profile: Profile) -> None:
    unit = settings(service(Scope.SYSTEM, profile=profile))["Unit"]
    if profile is Profile.STRICT:
        assert "user@" not in " ".join(unit.values())
    else:
        assert unit["Wants"] == "user@1000.service"
        assert unit["After"] == "user@1000.service"


@pytest.mark.parametrize("scope", list(Scope))
def test_a_watchdog_only_on_request(scope: Scope) -> None:
    assert "WatchdogSec" not in settings(service(scope))["Service"]
    main = settings(service(scope, watchdog_s=600))["Service"]
    assert (main["WatchdogSec"], main["WatchdogSignal"]) == ("600", "SIGKILL")


@pytest.mark.parametrize("scope", list(Scope))
@pytest.mark.parametrize(
    ("root_dir", "line"),
    [
        ("/srv/my notebooks", "/srv/my notebooks"),
        ("/srv/'a' \"b\"", "/srv/'a' \"b\""),
        ("/srv/50% of %h", "/srv/50%% of %%h"),
        ("/srv/$HOME/${x}", "/srv/$HOME/${x}"),
        ("/srv/a\\b", "/srv/a\\b"),
        ("/srv/笔记", "/srv/笔记"),
        ("/srv/-notes", "/srv/-notes"),
        ("/srv/@USER@", "/srv/@USER@"),
        # The server goes there by itself: `~` is the home.
        ("/srv/trailing ", "~"),
        ("/srv/trailing\\", "~"),
        ("/srv/new\nExecStart=/bin/evil", "~"),
        ("/srv/gbk\udcbc\udcc6", "~"),
    ],
)
def test_a_root_directory_of_any_name(scope: Scope, root_dir: str, line: str) -> None:
    wanted = service(scope, root_dir=Path(root_dir))
    read = settings(wanted)
    # The dash: where it is not there, the server says so itself.
    assert read["Service"]["WorkingDirectory"] == f"-{line}"
    assert systemd.exec_start(read["Service"]["ExecStart"]).argv == COMMAND
    if scope is Scope.SYSTEM:
        sayable = "\n" not in root_dir and root_dir.isprintable()
        assert (root_dir in systemd.path_list(read["Unit"]["RequiresMountsFor"])) is sayable


@pytest.mark.parametrize(
    ("user", "unit"),
    [("ann@corp.example", r"ann\x40corp.example.default"), ("CORP\\ann", r"CORP\x5cann.default"), ("ann.lee-2", "ann.lee-2.default")],
)
def test_a_user_of_any_name(user: str, unit: str) -> None:
    wanted = service(Scope.SYSTEM, user=user)
    read = settings(wanted)
    assert systemd.specifiers(read["Service"]["User"]) == user
    assert read["Unit"]["Description"] == f"JupyterLab of {user} (jupyter-remote-kit, instance default)"
    assert systemd.pattern(read["Service"]["EnvironmentFile"]) == f"/etc/jupyter-remotekit/{unit}.env"
    assert f"systemctl edit jupyter-remotekit@{unit}.service" in rendered(wanted).partition("[Unit]")[0]


HOSTILE = st.text(st.sampled_from(" \t\n\r\"'\\%$`*?[]@;#:=é计\udcff") | st.sampled_from("ab[]Service=ExecStart@USER@"), min_size=1).map(
    lambda text: Path("/" + text.replace("\0", "_"))
)


@given(HOSTILE, HOSTILE, HOSTILE, st.sampled_from(Scope))
@example(Path("/a\n[Install]\nAlias=x"), Path("/b\nExecStart=/bin/evil"), Path('/c" "--allow-root'), Scope.SYSTEM)
def test_no_path_adds_or_changes_a_setting(root_dir: Path, home: Path, prefix: Path, scope: Scope) -> None:
    python, script = prefix / "bin/python", prefix / "bin/jupyter-remotekit"
    wanted = service(scope, root_dir=root_dir, home=home, program=(python, script))
    plain, hostile = systemd.unit_file(rendered(service(scope))), systemd.unit_file(rendered(wanted))
    names = {section: [name for name, _ in entries] for section, entries in plain.items()}
    assert {section: [name for name, _ in entries] for section, entries in hostile.items()} == names
    main = dict(hostile["Service"])
    assert systemd.exec_start(main["ExecStart"]).argv[-6:] == (str(python), str(script), *COMMAND[2:])
    folder = main["WorkingDirectory"].removeprefix("-")
    assert folder == "~" or systemd.whole(folder) == str(root_dir)
    assert notes_of(rendered(wanted).encode()) == Notes("1.2.3", "sudo", None)


def test_an_environment_file_that_cannot_be_said_is_none() -> None:
    layout = replace(LAYOUT, config_dir=Path("/home/a\nb"))
    wanted = replace(service(), place=replace(service().place, layout=layout))
    assert settings(wanted)["Service"]["EnvironmentFile"] == ""


@pytest.mark.parametrize(
    ("content", "notes"),
    [
        (None, None),
        (b"", None),
        (b"[Unit]\nDescription=Jupyter\n\n[Service]\nExecStart=/usr/bin/jupyter lab\n", None),
        (b"# [X-JupyterRemoteKit]\nVersion=1\n", None),
        (b"[X-JupyterRemoteKit]\n", Notes("", "", None)),
        (b"[X-JupyterRemoteKit]\nVersion=0.3.1\nProfile=strict\nWatchdogSec=900\n", Notes("0.3.1", "strict", 900)),
        (b"[X-JupyterRemoteKit]\nVersion=0.3.1\nProfile=strict\nWatchdogSec=0\n", Notes("0.3.1", "strict", None)),
        (b"[X-JupyterRemoteKit]\nVersion=0.3.1\nProfile=strict\nWatchdogSec=soon\n# seal\n", Notes("0.3.1", "strict", None)),
        (b"[X-JupyterRemoteKit]\nWatchdogSec=" + b"9" * 5000 + b"\n", Notes("", "", None)),
        (b"[X-JupyterRemoteKit]\nVersion=9.0\nProfile=of-tomorrow\nMore=x=y\n", Notes("9.0", "of-tomorrow", None)),
        (b"\xff\n[X-JupyterRemoteKit]\nVersion=1\xff\n", Notes("1\ufffd", "", None)),
    ],
)
def test_what_a_unit_says_of_itself(content: bytes | None, notes: Notes | None) -> None:
    assert notes_of(content) == notes


class TestChanges:
    BEFORE = sealed("[Service]\nNice=1\nUMask=0077\n")
    AFTER = sealed("[Service]\nNice=2\nUMask=0077\n")

    @pytest.mark.parametrize(
        ("before", "lines"),
        [
            (AFTER, []),
            (BEFORE, ["--- installed", "+++ new", "@@ -2 +2 @@", "-Nice=1", "+Nice=2"]),
            # What somebody has written behind the seal counts as well, and the seal does not.
            (AFTER + "Restart=no\n", ["--- installed", "+++ new", "@@ -4 +3,0 @@", "-Restart=no"]),
            (AFTER.rpartition("# sha256:")[0], []),
        ],
    )
    def test_only_what_differs_is_shown(self, before: str, lines: list[str]) -> None:
        assert list(changed_lines(before.encode(), self.AFTER)) == lines

    def test_without_a_unit_all_of_it_is_new(self) -> None:
        assert list(changed_lines(None, self.AFTER))[3:] == ["+[Service]", "+Nice=2", "+UMask=0077"]

    def test_one_that_is_not_utf8_is_shown_all_the_same(self) -> None:
        assert "-\ufffd" in list(changed_lines(b"\xff\n", self.AFTER))
