"""What stands there already: a unit that somebody has written by hand, one of an older version, one that was edited."""

from __future__ import annotations

import json

import pytest

from tests.service.served import Place, Served, kit
from tests.service.stage import Machine

BY_HAND = """[Unit]
Description=Jupyter

[Service]
Type=simple
User=carol
WorkingDirectory=/home/carol
ExecStart={python} -m jupyterlab --config=/home/carol/.jupyter/jupyter_lab_config.py --no-browser
Restart=always
RestartSec=10

[Install]
WantedBy=multi-user.target
"""
CONFIG = "c.ServerApp.ip = '*'\nc.ServerApp.port = 8850\nc.ServerApp.open_browser = False\n"
UNIT = "/etc/systemd/system/jupyter.service"


@pytest.fixture(scope="module")
def by_hand(machine: Machine) -> Machine:
    """The unit of the blog posts, enabled and running."""
    folder = machine.inside("/home/carol/.jupyter")
    folder.mkdir(exist_ok=True)
    (folder / "jupyter_lab_config.py").write_text(CONFIG)
    machine.run("chown", "-R", "carol:carol", "/home/carol/.jupyter")
    machine.inside(UNIT).write_text(BY_HAND.format(python=machine.python))
    machine.run("systemctl", "daemon-reload")
    machine.run("systemctl", "enable", "--now", "jupyter.service")
    machine.wait_for(lambda: ":8850" in machine.run("ss", "-ltn").stdout, 60)
    return machine


@pytest.mark.parametrize("scope", ["user", "system"])
def test_a_unit_for_the_same_port_is_named_and_left_alone(by_hand: Machine, scope: str) -> None:
    system = ("--system",) if scope == "system" else ()
    with by_hand.login("carol") as login:
        done = kit(login, "service", "install", *system, "--access", "ssh", "--port", "8850", "--json", user="carol")
        assert [row["code"] for row in json.loads(done.stdout)["problems"]] == ["hand-written-unit"]
        assert UNIT in json.loads(done.stdout)["problems"][0]["message"]
        other = kit(login, "service", "install", *system, "--access", "ssh", "--port", "8851", "--dry-run", "--json", user="carol")
        assert other.returncode == 0, other.stdout
    assert by_hand.run("systemctl", "is-active", "jupyter.service").stdout.strip() == "active"


def test_it_is_replaced_where_that_is_asked_for(by_hand: Machine) -> None:
    served = Served(by_hand, Place("carol", "system", port=8850))
    content = by_hand.inside(UNIT).read_text()
    with by_hand.login("carol") as login:
        served.install(login, "--replace", "--now")
    served.wait_until_answers()
    assert by_hand.run("systemctl", "is-active", "jupyter.service", check=False).stdout.strip() == "inactive"
    assert by_hand.run("systemctl", "is-enabled", "jupyter.service", check=False).stdout.strip() == "disabled"
    # It is still there, and a copy is.
    assert by_hand.inside(UNIT).read_text() == content
    copies = [path for path in by_hand.listing() if "/remotekit/backups/jupyter.service." in path]
    assert len(copies) == 1
    with by_hand.login("carol") as login:
        served.service(login, "uninstall")


def test_a_unit_of_an_older_version_is_brought_up_to_date_and_the_difference_shown(machine: Machine) -> None:
    from jupyter_remote_kit.plan.seal import sealed

    served = Served(machine, Place("alice", "user"))
    with machine.login("alice") as login:
        served.install(login, "--now")
        now = served.unit_file.read_text()
        older = now.rpartition("# sha256:")[0].replace("RestartSec=5", "RestartSec=10").replace("Version=", "Version=0.0.")
        served.unit_file.write_text(sealed(older))
        served.systemctl("daemon-reload")
        told = served.service(login, "status")
        assert [row["code"] for row in told["problems"]] == ["unit-outdated", "restart-needed"]
        done = kit(login, "service", "install", user="alice")
        assert done.returncode == 0
        assert "-RestartSec=10" in done.stdout
        assert "+RestartSec=5" in done.stdout
        assert "edited" not in done.stdout
        assert served.unit_file.read_text() == now
        served.service(login, "restart")
        assert served.service(login, "status")["problems"] == []


def test_an_edited_unit_is_backed_up_and_named(machine: Machine) -> None:
    served = Served(machine, Place("alice", "user"))
    with machine.login("alice") as login:
        served.install(login)
        served.unit_file.write_text(served.unit_file.read_text().replace("RestartSec=5", "RestartSec=7"))
        done = kit(login, "service", "install", user="alice")
    assert "it was edited or not written by the kit, so a backup is kept" in done.stdout
    copies = sorted((served.home / ".local/share/jupyter/remotekit/backups").glob("jupyter-remotekit@default.service.*"))
    assert "RestartSec=7" in copies[-1].read_text()


def test_a_drop_in_of_the_users_own_holds_and_stays(machine: Machine) -> None:
    served = Served(machine, Place("alice", "user"))
    drop_in = served.unit_file.with_name(f"{served.unit_file.name}.d")
    with machine.login("alice") as login:
        served.install(login)
        login.run("mkdir", f"/home/alice/.config/systemd/user/{drop_in.name}")
        (drop_in / "override.conf").write_text("[Service]\nTimeoutStopSec=99\n")
        served.systemctl("daemon-reload")
        assert served.says("TimeoutStopUSec") == "1min 39s"
        assert served.service(login, "install")["data"]["changed"] is False
        told = served.service(login, "uninstall")
    assert [row["code"] for row in told["problems"]] == ["drop-ins-left"]
    assert (drop_in / "override.conf").exists()


def test_one_scope_at_a_time(machine: Machine) -> None:
    user, system = Served(machine, Place("carol", "user", "twice", 8860)), Served(machine, Place("carol", "system", "twice", 8860))
    with machine.login("carol") as login:
        user.install(login)
        done = kit(login, "service", "install", "--system", "--instance", "twice", "--json", user="carol")
        assert [row["code"] for row in json.loads(done.stdout)["problems"]] == ["other-scope"]
        user.service(login, "uninstall")
        system.service(login, "install", "--system")
        system.service(login, "uninstall")


def test_a_profile_that_was_chosen_stays_until_another_is(machine: Machine) -> None:
    served = Served(machine, Place("carol", "system", "profile", 8861))
    with machine.login("carol") as login:
        served.install(login, "--profile", "strict", "--watchdog", "30")
        again = served.install(login)
        assert (again["data"]["profile"], again["data"]["watchdog_s"], again["data"]["changed"]) == ("strict", 1800, False)
        other = served.install(login, "--profile", "bare", "--watchdog", "0")
        assert (other["data"]["profile"], other["data"]["watchdog_s"], other["data"]["changed"]) == ("bare", None, True)
        served.service(login, "uninstall")
