"""Root's services for other people: installed, looked after and taken back by root, and what their users may do themselves."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.service.served import Place, Served, kit
from tests.service.stage import Machine

BOB = Place("bob", "system", port=8820)
ROOTS = ("--system", "--run-as", "bob")


@pytest.fixture(scope="module")
def served(machine: Machine) -> Served:
    """Bob's, whose instance bob has made, and whose service root has installed."""
    done = kit(machine, "init", "--access", "lan", "--generate-password", "--port", "8820", "--yes", user="bob")
    assert done.returncode == 0, done.stderr
    _root(machine, "install", "--now")
    served = Served(machine, BOB)
    served.wait_until_answers()
    return served


def _root(machine: Machine, verb: str, *words: str, code: int = 0) -> dict[str, Any]:
    done = kit(machine, "service", verb, *ROOTS, *words, "--json", user="root")
    assert done.returncode == code, done.stdout + done.stderr
    envelope: dict[str, Any] = json.loads(done.stdout)
    return envelope


def test_it_runs_as_its_user_and_nothing_of_roots_is_in_it(served: Served) -> None:
    with served.kernel() as kernel:
        assert kernel.value("__import__('getpass').getuser()") == "bob"
        assert "/root" not in kernel.value("__import__('os').environ.get('HOME')")
    written = served.machine.inside("/etc/jupyter-remotekit/bob.default.env")
    assert written.stat().st_uid == served.machine.ids("bob")[0]


def test_root_looks_after_it(served: Served) -> None:
    machine = served.machine
    assert _root(machine, "status")["data"]["active"] == "active"
    assert _root(machine, "install")["data"]["changed"] is False
    assert _root(machine, "stop", "--dry-run")["data"]["changed"] is False
    assert served.answers()
    assert _root(machine, "stop")["data"]["changed"] is True
    assert not served.answers()
    hint = kit(machine, "service", "install", *ROOTS, user="root").stdout
    assert "remotekit service start --system --run-as bob" in hint
    _root(machine, "start")
    served.wait_until_answers()
    before = served.pid
    _root(machine, "restart")
    assert served.pid != before
    logged = kit(machine, "service", "logs", *ROOTS, "--json", "--lines", "5", user="root")
    assert [set(json.loads(line)) >= {"time", "priority", "message"} for line in logged.stdout.splitlines()] == [True] * 5


@pytest.mark.parametrize("verb", ["start", "stop", "restart"])
def test_its_user_is_told_when_sudo_says_no(served: Served, verb: str) -> None:
    machine = served.machine
    if verb == "start":
        _root(machine, "stop")
    with machine.login("bob") as login:
        done = kit(login, "service", verb, "--json", user="bob")
    assert (done.returncode, [row["code"] for row in json.loads(done.stdout)["problems"]]) == (1, ["sudo-refused"])
    assert f"systemctl {verb} jupyter-remotekit@bob.default.service" in json.loads(done.stdout)["problems"][0]["hint"]
    if verb == "start":
        _root(machine, "start")
        served.wait_until_answers()


def test_its_user_sees_how_it_is(served: Served) -> None:
    with served.machine.login("bob") as login:
        told = served.service(login, "status")
    assert (told["data"]["active"], told["data"]["scope"]) == ("active", "system")


def test_a_failed_one_says_why(served: Served) -> None:
    machine = served.machine
    broken = served.home / ".jupyter/remotekit/default.json"
    content = broken.read_bytes()
    broken.write_text("{")
    try:
        done = _root(machine, "restart", code=78)
        assert "instance-file-broken" in [row["code"] for row in done["problems"]]
        told = _root(machine, "status")
        assert "instance-file-broken" in [row["code"] for row in told["problems"]]
        assert told["data"]["exit_status"] == 78
    finally:
        broken.write_bytes(content)
    _root(machine, "start")
    served.wait_until_answers()


def test_the_environment_of_its_users_shell_is_kept_when_root_installs_again(served: Served) -> None:
    machine = served.machine
    written = machine.inside("/etc/jupyter-remotekit/bob.default.env")
    before = written.read_text()
    done = machine.run(*_command("install"), env={"CUDA_HOME": "/opt/other"}, check=False)
    assert done.returncode == 0, done.stderr
    assert written.read_text() == before


def _command(verb: str) -> tuple[str, ...]:
    from tests.service.served import KIT

    return (KIT, "service", verb, *ROOTS, "--json")


def test_what_bob_says_does_not_drive_roots_terminal(served: Served) -> None:
    """Bob's own process is asked for his settings; it has no terminal, and what it says is shown without escapes."""
    machine = served.machine
    broken = served.home / ".jupyter/remotekit/default.json"
    content = broken.read_bytes()
    broken.write_bytes(b"{\n\x1b]0;owned\x07")
    try:
        done = kit(machine, "service", "install", *ROOTS, user="root")
    finally:
        broken.write_bytes(content)
    assert done.returncode == 78
    assert "\x1b" not in done.stdout + done.stderr


def test_taken_back(served: Served) -> None:
    machine = served.machine
    assert _root(machine, "uninstall")["data"]["changed"] is True
    assert _root(machine, "uninstall")["data"]["changed"] is False
    assert [path for path in machine.listing() if path.startswith(("/var/lib/jupyter", "/etc/jupyter-remotekit"))] == []
    assert not machine.inside("/var/lib/systemd/linger/bob").exists()


def test_a_hand_written_user_unit_is_replaced_by_a_system_service(machine: Machine) -> None:
    """Root follows nothing in the user's folders; the user's part is done by the user."""
    with machine.login("carol") as login:
        login.run("mkdir", "-p", "/home/carol/.config/systemd/user")
        unit = machine.inside("/home/carol/.config/systemd/user/jupyter.service")
        unit.write_text(
            f"[Service]\nExecStart={machine.python} -m jupyterlab --no-browser --port=8830\n[Install]\nWantedBy=default.target\n"
        )
        login.run("systemctl", "--user", "daemon-reload")
        login.run("systemctl", "--user", "enable", "jupyter.service")
        served = Served(machine, Place("carol", "system", port=8830))
        refused = kit(login, "service", "install", "--system", "--access", "ssh", "--port", "8830", "--json", user="carol")
        (problem,) = json.loads(refused.stdout)["problems"]
        assert problem["code"] == "hand-written-unit"
        assert problem["hint"].endswith("service install --port 8830 --replace --system")
        served.install(login, "--replace")
        assert login.run("systemctl", "--user", "is-enabled", "jupyter.service", check=False).stdout.strip() == "disabled"
        served.service(login, "uninstall")
