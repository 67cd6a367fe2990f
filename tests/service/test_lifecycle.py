"""Installed, started, rebooted, logged out: the service of a user and that of the machine are still there, and a notebook runs."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable, Iterator

import pytest

from jupyter_remote_kit.plan.inherited import ROWS
from tests.e2e.stage.waiting import until
from tests.service.served import SYSTEM, USER, Place, Served, kit
from tests.service.stage import Machine

# What the installing shell has, and what becomes of it.
SHELL = {
    "CUDA_HOME": "/opt/cuda 12",
    "LD_LIBRARY_PATH": "/opt/cuda 12/lib64:/usr/local/lib",
    "CONDA_DEFAULT_ENV": "lernen",
    "CONDA_PREFIX": "/opt/conda/envs/lernen",
    "HF_HOME": "/data/$HOME/`id`/hf",
    "http_proxy": "http://proxy.example.org:3128",
    "PATH": "/opt/cuda 12/bin:/usr/local/bin:/usr/bin:/bin",
}
# The words that tell processes apart, what a login has too, and what jupyter_server, terminado and jupyter_lsp add.
KINDS = ("ipykernel", "jediserver", "sh")
OF_A_LOGIN = ("HOME", "LANG", "LANGUAGE", "LOGNAME", "SHELL", "USER", "XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS", "TZ")
OF_JUPYTER = (
    *("JPY_PARENT_PID", "JPY_SESSION_NAME", "JUPYTER_SERVER_ROOT", "JUPYTER_SERVER_URL"),
    *("TERM", "COLUMNS", "LINES", "PYXTERM_DIMENSIONS", "PYTHONUNBUFFERED"),
)
SECRETS = {"HF_TOKEN": "hf_canarycanarycanary", "https_proxy": "http://alice:canary-password@proxy.example.org:3128"}


@pytest.fixture(scope="module", params=[USER, SYSTEM], ids=lambda place: place.scope)
def place(request: pytest.FixtureRequest) -> Place:
    """Both kinds of service, each on a machine of its own."""
    found: Place = request.param
    return found


@pytest.fixture(scope="module")
def served(place: Place) -> Iterator[Served]:
    """Installed by its user, in a session that has ended since, and started."""
    with Machine() as machine:
        served = Served(machine, place)
        with machine.login(place.user) as login:
            served.install(login, env={**SHELL, **SECRETS})
            served.service(login, "start")
        yield served


def test_http_answers_and_a_cell_runs(served: Served) -> None:
    served.wait_until_answers()
    with served.kernel() as kernel:
        assert kernel.run("print(6 * 7)") == "42"
        assert kernel.value("__import__('getpass').getuser()") == served.place.user


def test_a_log_out_takes_nothing_away(served: Served) -> None:
    with served.machine.login(served.place.user) as login:
        assert served.service(login, "status")["data"]["active"] == "active"
    before = served.pid
    # Somebody for whom nobody lingers logs out after that. Once logind has stopped that one's manager, it has had its time for this one's.
    with served.machine.login("bob"):
        assert _manager_runs(served.machine, "bob")
    until(lambda: not _manager_runs(served.machine, "bob"), "the manager of a user who has logged out to end")
    assert not _sessions(served.machine, served.place.user)
    # That of a system service's user as well: podman asks it for the control groups of its containers.
    assert _manager_runs(served.machine, served.place.user)
    assert served.pid == before > 0
    assert served.answers()


def _manager_runs(machine: Machine, user: str) -> bool:
    uid, _ = machine.ids(user)
    return machine.run("systemctl", "is-active", f"user@{uid}.service", check=False).stdout.strip() != "inactive"


def _sessions(machine: Machine, user: str) -> list[str]:
    rows = [line.split() for line in machine.run("loginctl", "list-sessions", "--no-legend").stdout.splitlines()]
    return [row[0] for row in rows if row[2] == user]


def test_after_a_reboot_it_is_back(served: Served) -> None:
    before = served.machine.boot_id
    served.machine.reboot()
    assert served.machine.boot_id != before
    served.wait_until_answers()
    with served.kernel() as kernel:
        assert kernel.run("print('still there')") == "still there"


def test_a_kernel_sees_what_the_shell_saw(served: Served) -> None:
    served.wait_until_answers()
    python = served.machine.python
    with served.kernel() as kernel:
        seen = kernel.value("dict(__import__('os').environ)")
        prefix = kernel.value("__import__('sys').prefix")
    assert prefix == python.removesuffix("/bin/python")
    assert seen["PATH"].split(":")[0] == f"{prefix}/bin"
    assert set(seen["PATH"].split(":")[1:]) == set(SHELL["PATH"].split(":"))
    assert {name: seen.get(name) for name in SHELL if name != "PATH"} == {name: value for name, value in SHELL.items() if name != "PATH"}
    assert not set(SECRETS) & set(seen)


def test_nothing_that_it_starts_sees_what_systemd_has_given_the_server(served: Served) -> None:
    served.wait_until_answers()
    with served.client() as client:
        assert client.post("/api/terminals").is_success
    with served.kernel(), served.language_server("jedi-language-server", "jediserver"):
        seen = served.environments()
    assert {kind for kind in KINDS if any(kind in words for words in seen)} == set(KINDS), list(seen)
    # The user's own manager has XDG_RUNTIME_DIR as a login has it.
    of_the_shell = {"PATH", "XDG_RUNTIME_DIR"} if served.place.scope == "user" else {"PATH"}
    for environ in seen.values():
        assert {row.name for row in ROWS if row.name in environ} <= of_the_shell
        assert environ.keys() <= {*SHELL, *OF_A_LOGIN, *OF_JUPYTER}, environ.keys() - {*SHELL, *OF_A_LOGIN, *OF_JUPYTER}


def test_the_check_finds_no_difference_in_the_same_shell_and_names_it_in_another(served: Served) -> None:
    with served.machine.login(served.place.user) as login:
        same = served.service(login, "status", env={**SHELL, **SECRETS})
        other = served.service(login, "status", env={**SHELL, "CUDA_HOME": "/opt/cuda-13"})
    assert [row["code"] for row in same["problems"]] == []
    assert [row["code"] for row in other["problems"]] == ["environment-differs"]
    assert "CUDA_HOME" in other["problems"][0]["message"]


def test_no_secret_is_in_the_unit_or_told_by_systemd(served: Served) -> None:
    environment = served.says("EnvironmentFiles").partition(" ")[0]
    shown = served.unit_file.read_text() + served.systemctl("show", served.place.unit) + served.machine.inside(environment).read_text()
    for secret in (*SECRETS.values(), served.token, "canary"):
        assert secret not in shown
    assert stat.S_IMODE(served.machine.inside(environment).stat().st_mode) == 0o600
    assert served.machine.inside(environment).stat().st_uid == served.machine.ids(served.place.user)[0]


def test_systemd_tells_how_it_is(served: Served) -> None:
    served.wait_until_answers()
    assert served.says("Type") == "notify"
    assert f":{served.place.port}" in served.says("StatusText")
    assert served.says("NRestarts") == "0"


def test_the_journal_has_fields(served: Served) -> None:
    entries = [entry for entry in served.journal("--boot") if entry.get("LOGGER")]
    assert entries
    for entry in entries:
        assert entry["SYSLOG_IDENTIFIER"] == "jupyter-remotekit"
        assert entry["REMOTEKIT_INSTANCE"] == served.place.instance
        assert entry["PRIORITY"] in set("01234567")
    assert served.token not in served.machine.journal("--boot", "--output=verbose", "--all")


def test_the_logs_are_read_by_their_user(served: Served) -> None:
    server, systemd = f":{served.place.port}/", f"Started {served.place.unit}"
    said = _logs(served)
    assert server in said
    # journald keeps what a user's processes say where that user may read it, and what systemd says of the machine's units is not among it.
    assert (systemd in said) is (served.place.scope == "user")
    served.machine.run("usermod", "-aG", "systemd-journal", served.place.user)
    said = _logs(served)
    assert server in said
    assert systemd in said


def _logs(served: Served) -> str:
    with served.machine.login(served.place.user) as login:
        done = kit(login, "service", "logs", "--lines", "10000", "--json", user=served.place.user)
    assert done.returncode == 0, done.stdout + done.stderr
    return "\n".join(json.loads(line)["message"] for line in done.stdout.splitlines())


def test_where_the_journal_is_closed_the_error_says_who_may_read_it(machine_with: Callable[..., Machine]) -> None:
    """As on Debian without /var/log/journal: nobody has a part of his own, and who may use sudo is not thereby in the journal's group."""
    served = Served(machine_with(journal="volatile"), SYSTEM)
    with served.machine.login("carol") as login:
        served.install(login, "--now")
        closed = kit(login, "service", "logs", "--json", user="carol")
    (problem,) = json.loads(closed.stdout)["problems"]
    assert (closed.returncode, problem["code"]) == (1, "journal-closed")
    assert "sudo usermod -aG systemd-journal carol" in problem["hint"]
    served.machine.run("usermod", "-aG", "systemd-journal", "carol")
    assert f"Started {served.place.unit}" in _logs(served)


def test_a_second_installation_has_nothing_to_do(served: Served) -> None:
    with served.machine.login(served.place.user) as login:
        again = served.install(login, env={**SHELL, **SECRETS})
        dry = served.service(
            login, "install", "--dry-run", *(("--system",) if served.place.scope == "system" else ()), env={**SHELL, **SECRETS}
        )
    assert (again["data"]["changed"], again["data"]["steps"]) == (False, [])
    assert (dry["data"]["changed"], dry["data"]["steps"]) == (False, [])
    assert again["data"]["left_out"] == sorted(SECRETS)


def test_stop_gives_kernels_the_time_that_they_need(served: Served) -> None:
    served.wait_until_answers()
    with served.kernel() as kernel:
        kernel.run(
            "import atexit, os, time, pathlib\n"
            "def slowly():\n"
            "    time.sleep(20)\n"
            "    pathlib.Path.home().joinpath('saved').write_text('in time')\n"
            "atexit.register(slowly)"
        )
    with served.machine.login(served.place.user) as login:
        assert served.service(login, "stop")["data"]["changed"] is True
        assert (served.home / "saved").read_text() == "in time"
        assert served.service(login, "stop")["data"]["changed"] is False
        (served.home / "saved").unlink()
        assert served.service(login, "start")["data"]["changed"] is True
        assert served.service(login, "start")["data"]["changed"] is False
    served.wait_until_answers()
