"""Names, folders and values that systemd would read as something else; and machines that lack what a service needs."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.service.served import Place, Served, kit
from tests.service.stage import Login, Machine

Boot = Callable[..., Machine]
LONG = bool(os.environ.get("REMOTEKIT_LONG"))
FOLDERS = {
    "all of it": 'it\'s "a" 100%h %% `id` $HOME ${HOME} $$ back\\slash \\x41 笔记本 é [a-z]* ? ; touch canary ; #A=B',
    "space at its end": "ends ",
    "backslash at its end": "ends\\",
}
if LONG:
    FOLDERS |= {
        "spaces": "my note books",
        "quotes": 'it\'s "quoted" `twice`',
        "percent": "100 %h %% %n",
        "dollar": "$HOME ${HOME} $$",
        "backslash": r"back\slash \x41 \n",
        "non-ASCII": "笔记本 é ü",
        "glob": "[a-z]* ?",
        "semicolon": "; touch /home/alice/canary ;".replace("/", "∕"),
        "comment": "#hash",
        "dash": "-rf",
        "equals": "A=B",
    }
NAMES = ["a/b", "a\nb", "a%b", "../a", "a b", "", "a" * 33, "-a", "a.service", "a@b", "a:b", "ä"]


@pytest.fixture(scope="module")
def alice(machine: Machine) -> Iterator[Login]:
    """Somebody who may not use sudo."""
    with machine.login("alice") as login:
        yield login


@pytest.mark.parametrize("folder", FOLDERS.values(), ids=FOLDERS)
@pytest.mark.parametrize("scope", ["user", "system"])
def test_a_root_directory_is_taken_as_it_is_written(machine: Machine, folder: str, scope: str) -> None:
    place = Place("alice", "user") if scope == "user" else Place("carol", "system", port=8801)
    served = Served(machine, place)
    path = served.home / folder
    path.mkdir(parents=True)
    os.chown(path, *machine.ids(place.user))
    inside = f"{machine.person(place.user).home}/{folder}"
    with machine.login(place.user) as login:
        served.install(login, "--root-dir", inside, "--now")
        try:
            served.wait_until_answers()
            with served.kernel() as kernel:
                assert kernel.value("__import__('os').getcwd()") == inside
            system = ("--system",) if scope == "system" else ()
            assert served.service(login, "install", *system)["data"]["changed"] is False
            assert served.verified() == ""
        finally:
            served.service(login, "uninstall")
    assert [path for path in machine.listing() if path.endswith("/canary")] == []


def test_a_configuration_folder_with_a_strange_name_is_found(machine: Machine, alice: Login) -> None:
    """The environment file lies in it, whose path systemd reads as a pattern."""
    folder = "/home/alice/con [fig]* %h"
    served = Served(machine, Place("alice", "user", "strange", 8802))
    env = {"JUPYTER_CONFIG_DIR": folder}
    served.service(alice, "install", "--access", "ssh", "--port", "8802", "--now", env=env)
    try:
        assert served.says("ActiveState") == "active"
        assert f"JUPYTER_CONFIG_DIR={folder}\0" in machine.inside(f"/proc/{served.pid}/environ").read_text()
    finally:
        served.service(alice, "uninstall", env=env)


def test_a_restart_that_would_be_refused_leaves_the_server_as_it_is(machine: Machine, alice: Login) -> None:
    served = Served(machine, Place("alice", "user", "kept", 8804))
    served.service(alice, "install", "--access", "ssh", "--port", "8804", "--now")
    config = machine.inside("/home/alice/.jupyter/jupyter_server_config.json")
    try:
        before = served.pid
        config.write_text('{"ServerApp": {"allow_origin": "*"}}')
        done = kit(alice, "service", "restart", "--instance", "kept", "--json", user="alice")
        assert done.returncode == 78
        assert [row["code"] for row in json.loads(done.stdout)["problems"]] == ["any-origin"]
        assert served.pid == before > 0
    finally:
        config.unlink(missing_ok=True)
        served.service(alice, "uninstall")


@pytest.mark.parametrize("name", NAMES, ids=ascii)
@pytest.mark.parametrize("verb", ["install", "uninstall", "start", "stop", "restart", "status", "logs", "run"])
def test_a_name_that_is_none_is_refused_before_anything_is_done(machine: Machine, alice: Login, verb: str, name: str) -> None:
    done = kit(alice, "service", verb, "--instance", name, "--json", user="alice")
    assert done.returncode == 2
    assert [row["code"] for row in json.loads(done.stdout)["problems"]] == ["instance-name"]


VALUES = {
    "PYTHON_A": "two words",
    "PYTHON_B": "quotes ' \" ` and $HOME ${HOME} $(id)",
    "PYTHON_C": r"back\slash \n \x41 \\",
    "PYTHON_D": "line one\nline two",
    "PYTHON_E": "%h %n 100%",
    "PYTHON_F": "汉字 é",
    "PYTHON_G": "# no comment",
    "PYTHON_H": "ends with a backslash\\",
    "PYTHON_I": "",
    "PYTHON_J": " spaces around ",
    "PYTHON_K": "a=b;c=d",
}


def test_values_of_the_environment_arrive_as_they_are(machine: Machine, alice: Login) -> None:
    served = Served(machine, Place("alice", "user", "values", 8803))
    served.service(alice, "install", "--access", "ssh", "--port", "8803", "--now", "--env", "MY_DATA", env={**VALUES, "MY_DATA": "/data"})
    try:
        started = machine.inside(f"/proc/{served.pid}/environ").read_bytes().decode().split("\0")
        seen = dict(entry.partition("=")[::2] for entry in started if entry)
        assert {name: seen.get(name) for name in VALUES} == VALUES
        assert seen["MY_DATA"] == "/data"
    finally:
        served.service(alice, "uninstall")


def test_a_taken_port_is_told_and_nothing_is_written(machine: Machine, alice: Login) -> None:
    with machine.popen(machine.python, "-m", "http.server", "8804", user="bob") as other:
        machine.wait_for(lambda: ":8804" in machine.run("ss", "-ltn").stdout)
        done = kit(alice, "service", "install", "--instance", "taken", "--access", "ssh", "--port", "8804", "--json", user="alice")
        other.kill()
    assert (done.returncode, [row["code"] for row in json.loads(done.stdout)["problems"]]) == (1, ["port-taken"])
    assert not machine.inside("/home/alice/.config/systemd/user/jupyter-remotekit@taken.service").exists()


def test_without_sudo_rights_the_error_says_what_root_would_run(machine: Machine, alice: Login) -> None:
    done = kit(alice, "service", "install", "--system", "--instance", "nosudo", "--access", "ssh", "--port", "8805", user="alice")
    assert done.returncode == 1
    assert "Root did not run it through sudo" in done.stderr
    assert "service install --system --run-as alice --instance nosudo" in done.stderr
    assert "leave out --system" in done.stderr


def test_without_sudo_the_error_says_so(machine_with: Boot) -> None:
    machine = machine_with()
    machine.inside("/usr/bin/sudo").unlink()
    with machine.login("alice") as login:
        done = kit(login, "service", "install", "--system", "--access", "ssh", "--json", user="alice")
    (problem,) = json.loads(done.stdout)["problems"]
    assert problem["code"] == "no-sudo"
    assert "service install --system --run-as alice --instance default" in problem["hint"]


@pytest.mark.parametrize(
    ("words", "code", "problem"),
    [
        (("--run-as", "nobody-here"), 1, "unknown-user"),
        (("--run-as", "a/b"), 2, "user-name"),
        (("--run-as", "a\nb"), 2, "user-name"),
        (("--run-as", "a%b"), 2, "user-name"),
        (("--run-as", "bob"), 78, "no-instance"),
        (("--run-as", "bob", "--port", "8806"), 2, "others-instance"),
        ((), 78, "as-root"),
    ],
)
def test_root_names_a_user(machine: Machine, words: tuple[str, ...], code: int, problem: str) -> None:
    done = kit(machine, "service", "install", "--system", *words, "--json", user="root")
    assert (done.returncode, [row["code"] for row in json.loads(done.stdout)["problems"]]) == (code, [problem])


def test_a_user_who_cannot_reach_the_interpreter_is_told(machine_with: Boot) -> None:
    """As with an environment below /root."""
    machine = machine_with()
    closed = machine.inside("/srv/closed")
    closed.joinpath("env").mkdir(parents=True)
    before = machine.listing()
    machine.run("mount", "--bind", sys.prefix, "/srv/closed/env")
    python, script = "/srv/closed/env/bin/python", "/srv/closed/env/bin/jupyter-remotekit"

    def told() -> dict[str, Any]:
        done = machine.run(python, script, "service", "install", "--system", "--run-as", "bob", "--json", check=False)
        (problem,) = json.loads(done.stdout)["problems"]
        return {**problem, "exit": done.returncode}

    # Open, it is bob's instance that is missing.
    assert told()["code"] == "no-instance"
    closed.chmod(0o700)
    problem = told()
    closed.chmod(0o755)
    assert (problem["exit"], problem["code"], problem["hint"]) == (1, "not-for-user", f"namei -l {python}")
    assert problem["message"].startswith(f"bob cannot run {python}: ")
    assert "Permission denied" in problem["message"]
    machine.run("umount", "/srv/closed/env")
    assert machine.listing() == before


def test_without_lingering_the_error_says_what_mends_it(machine_with: Boot) -> None:
    """Without polkit nobody but root may switch it on."""
    machine = machine_with(polkit=False)
    served = Served(machine, Place("alice", "user"))
    with machine.login("alice") as login:
        done = kit(login, "service", "install", "--access", "ssh", "--json", user="alice")
        assert [row["code"] for row in json.loads(done.stdout)["problems"]] == ["lingering"]
        hint = json.loads(done.stdout)["problems"][0]["hint"]
        assert "sudo loginctl enable-linger alice" in hint
        assert "service install --system" in hint
        assert not served.unit_file.exists()
        machine.run("loginctl", "enable-linger", "alice")
        served.service(login, "install", "--now")
    assert served.says("ActiveState") == "active"
    with machine.login("alice") as login:
        served.service(login, "uninstall")
    # It was not the kit that had switched it on.
    assert machine.inside("/var/lib/systemd/linger/alice").exists()


def test_without_a_user_manager_the_error_says_what_mends_it(machine_with: Boot) -> None:
    machine = machine_with()
    machine.run("loginctl", "enable-linger", "bob")
    machine.run("systemctl", "stop", f"user@{machine.ids('bob')[0]}.service")
    machine.run("systemctl", "mask", f"user@{machine.ids('bob')[0]}.service")
    done = kit(machine, "service", "install", "--access", "ssh", "--json", user="bob")
    assert [row["code"] for row in json.loads(done.stdout)["problems"]] == ["no-user-manager"]
    assert "sudo systemctl start user@" in json.loads(done.stdout)["problems"][0]["hint"]


def test_from_cron_or_sudo_a_user_service_is_installed_as_well(machine: Machine) -> None:
    """Where no variable leads to the user's manager."""
    served = Served(machine, Place("bob", "user", "cron", 8807))
    served.service(machine, "install", "--access", "ssh", "--port", "8807", "--now")
    assert served.says("ActiveState") == "active"
    served.service(machine, "uninstall")
