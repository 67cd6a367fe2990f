"""`hosts`: the laptop's address book, as its user keeps it."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from jupyter_remote_kit.plan.target import parse
from tests.commands.host import Host
from tests.commands.terminal import Terminal

DEFAULTS = {"project_dir": None, "python": None, "env": None, "instance": None, "allow_root": False, "browser": True, "login_profile": None}


def listed(host: Host) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = host.must("hosts", "list", "--json").data["hosts"]
    return found


def names(host: Host) -> list[str]:
    return [known["name"] for known in listed(host)]


def stamp(host: Host) -> tuple[int, int]:
    """Another one once the file was written."""
    status = host.layout.hosts_file.stat()
    return status.st_ino, status.st_mtime_ns


@pytest.fixture
def gpu_host(host: Host) -> Host:
    """A laptop that knows one host."""
    host.must("hosts", "add", "alice@gpu.lab.org:2222", "--env", "torch")
    return host


def test_a_laptop_that_knows_none_says_how_it_gets_to_know_one(host: Host) -> None:
    outcome = host.must("hosts")
    assert outcome.out.splitlines()[0] == "This machine knows no hosts yet."
    assert "jupyter remotekit connect user@host" in outcome.out
    assert host.must("hosts", "--json").data == {"hosts": [], "ssh_config": []}
    assert not host.layout.data_root.exists()


def test_a_host_is_added_with_what_connect_is_to_do_there(gpu_host: Host) -> None:
    (known,) = listed(gpu_host)
    assert known == {
        "name": "gpu.lab.org",
        "target": "alice@gpu.lab.org:2222",
        "url_name": "gpu-lab-org.localhost",
        "options": {**DEFAULTS, "env": "torch"},
        "ports": {},
        "kit": None,
    }
    assert gpu_host.layout.hosts_file.stat().st_mode & 0o777 == 0o600


ONE = "alice@gpu.lab.org:2222"


@pytest.mark.parametrize(
    "argv",
    [
        ("add", ONE),
        ("add", ONE, "--env", "torch"),
        ("add", "gpu.lab.org"),
        ("add", "ssh://alice@gpu.lab.org:2222", "--name", "GPU.lab.org"),
        ("set", "gpu.lab.org", "--env", "torch"),
        ("set", ONE, "--browser", "--default", "instance"),
        ("rename", ONE, "gpu.lab.org"),
        ("rename", "no-more", "gpu.lab.org"),
        ("remove", "other"),
    ],
    ids=" ".join,
)
def test_nothing_is_done_where_nothing_is_to_do(gpu_host: Host, argv: tuple[str, ...]) -> None:
    before = stamp(gpu_host)
    outcome = gpu_host.must("hosts", *argv)
    assert outcome.out.startswith("Nothing to do: ")
    assert gpu_host.must("hosts", *argv, "--json").data["changed"] is False
    assert stamp(gpu_host) == before


@pytest.mark.parametrize(
    "argv",
    [("add", "cpu"), ("set", "gpu.lab.org", "--no-browser"), ("rename", "gpu.lab.org", "gpu"), ("remove", "gpu.lab.org")],
    ids=" ".join,
)
def test_a_dry_run_says_what_would_be(gpu_host: Host, argv: tuple[str, ...]) -> None:
    before = gpu_host.tree()
    outcome = gpu_host.must("hosts", *argv, "--dry-run", "--json")
    assert outcome.envelope["command"] == f"hosts {argv[0]}"
    assert "would" in outcome.envelope["messages"][0]
    assert outcome.data["changed"] is False
    assert gpu_host.tree() == before


def test_two_users_of_one_host_have_two_names(gpu_host: Host) -> None:
    gpu_host.must("hosts", "add", "bob@gpu.lab.org")
    first, second = names(gpu_host)
    assert first == "gpu.lab.org"
    assert re.fullmatch(r"bob-gpu-[0-9a-f]{6}\.lab\.org", second)


def test_one_host_may_be_known_twice_for_two_projects(gpu_host: Host) -> None:
    gpu_host.must("hosts", "add", ONE, "--name", "thesis", "--project-dir", "~/My Thesis")
    first, second = listed(gpu_host)
    assert first["target"] == second["target"]
    assert second["url_name"].startswith("my-thesis-")
    assert second["url_name"].endswith("--thesis.localhost")


def test_options_are_set_and_taken_back(gpu_host: Host) -> None:
    gpu_host.must("hosts", "set", "gpu.lab.org", "--project-dir", "~/a b", "--allow-root", "--no-browser", "--instance", "run_1")
    said = gpu_host.must("hosts", "set", ONE, "--default", "browser", "--default", "instance").out
    assert said == "Options of gpu.lab.org from now on: --project-dir '~/a b' --env torch --allow-root\n"
    assert listed(gpu_host)[0]["options"] == {**DEFAULTS, "env": "torch", "project_dir": "~/a b", "allow_root": True}


def test_an_interpreter_takes_the_place_of_an_environment_and_the_other_way_round(gpu_host: Host) -> None:
    gpu_host.must("hosts", "set", "gpu.lab.org", "--python", "~/venv/bin/python")
    assert listed(gpu_host)[0]["options"] == {**DEFAULTS, "python": "~/venv/bin/python"}
    gpu_host.must("hosts", "add", ONE, "--env", "torch")
    assert listed(gpu_host)[0]["options"] == {**DEFAULTS, "env": "torch"}


def test_a_host_is_renamed_and_forgotten_and_its_ports_stay_until_then(gpu_host: Host) -> None:
    record = json.loads(gpu_host.layout.hosts_file.read_bytes())
    record["hosts"][0].update(ports={"connect": 21007}, kit="/opt/kit")
    gpu_host.layout.hosts_file.write_text(json.dumps(record))
    said = gpu_host.must("hosts", "rename", "gpu.lab.org", "gpu").out
    assert said == "alice@gpu.lab.org:2222 is called gpu from now on, and gpu.localhost in URLs.\n"
    (known,) = listed(gpu_host)
    assert (known["name"], known["ports"], known["kit"]) == ("gpu", {"connect": 21007}, "/opt/kit")
    assert gpu_host.must("hosts", "remove", "gpu").out == "gpu is forgotten (alice@gpu.lab.org:2222); what runs there goes on.\n"
    assert listed(gpu_host) == []


def test_those_of_ssh_stand_beside_them(gpu_host: Host) -> None:
    (gpu_host.home / ".ssh").mkdir()
    (gpu_host.home / ".ssh" / "config").write_text("Host box gpu.lab.org *.lab.org\nInclude more\n")
    (gpu_host.home / ".ssh" / "more").write_text("Host second\n")
    assert gpu_host.must("hosts", "--json").data["ssh_config"] == ["box", "second"]
    assert gpu_host.must("hosts").out.splitlines() == [
        "Name: gpu.lab.org",
        f"Host: {ONE}",
        "Name in the URL: gpu-lab-org.localhost",
        "Options: --env torch",
        *("Name: box", "Host: ~/.ssh/config", "Name in the URL: -", "Options: -"),
        *("Name: second", "Host: ~/.ssh/config", "Name in the URL: -", "Options: -"),
    ]


def test_a_terminal_shows_a_table(gpu_host: Host) -> None:
    with Terminal(gpu_host, "hosts") as terminal:
        assert terminal.finish() == 0
        assert [line.split() for line in terminal.seen.splitlines()][-1] == ["gpu.lab.org", ONE, "gpu-lab-org.localhost", "--env", "torch"]


@pytest.mark.parametrize(
    ("argv", "code", "exit_code"),
    [
        (("add", "--", "-oProxyCommand=touch canary"), "host", 2),
        (("add", "alice:secret@gpu"), "password-in-host", 2),
        (("add", "gpu", "--name", "a b"), "known-host-name", 2),
        (("add", "gpu", "--name", "gpu.lab.org"), "name-taken", 1),
        (("add", "gpu", "--name", "gpu-lab-org"), "name-taken", 1),
        (("add", "gpu", "--project-dir", "-x"), "project-dir", 2),
        (("add", "gpu", "--project-dir", "a\x1b[2J"), "project-dir", 2),
        (("add", "gpu", "--python", "./python"), "remote-python", 2),
        (("add", "gpu", "--env", "$(touch canary)"), "remote-env", 2),
        (("add", "gpu", "--instance", "../x"), "instance-name", 2),
        (("add", "gpu", "--env", "a", "--python", "python3"), "contradiction", 2),
        (("add",), "usage", 2),
        (("set", "gpu.lab.org"), "nothing-to-set", 2),
        (("set", "gpu.lab.org", "--env", "a", "--default", "env"), "contradiction", 2),
        (("set", "gpu.lab.org", "--default", "shell"), "usage", 2),
        (("set", "other", "--no-browser"), "unknown-host", 1),
        (("set", "\x1b[2J", "--no-browser"), "unknown-host", 1),
        (("rename", "other", "new"), "unknown-host", 1),
        (("rename", "gpu.lab.org", "NEW!"), "known-host-name", 2),
        (("remove",), "usage", 2),
        (("forget", "gpu.lab.org"), "usage", 2),
    ],
    ids=lambda value: ascii(" ".join(value)) if isinstance(value, tuple) else None,
)
def test_what_cannot_be_is_one_sentence_and_changes_nothing(gpu_host: Host, argv: tuple[str, ...], code: str, exit_code: int) -> None:
    before = stamp(gpu_host)
    outcome = gpu_host.run("hosts", argv[0], "--json", *argv[1:])
    assert (outcome.code, outcome.err, outcome.codes) == (exit_code, "", [code])
    assert outcome.envelope["command"].startswith("hosts")
    assert outcome.envelope["problems"][0]["hint"]
    assert "\x1b" not in outcome.out
    assert stamp(gpu_host) == before
    assert not (gpu_host.home / "canary").exists()


def test_a_file_that_was_broken_by_hand_is_named_and_left(gpu_host: Host) -> None:
    gpu_host.layout.hosts_file.write_text('{"version": 1, "hosts": [{"name": "gpu", "target": "gpu", "enviroment": "x"}]}')
    outcome = gpu_host.run("hosts", "add", "cpu")
    assert outcome.code == 78
    file = gpu_host.layout.hosts_file
    assert outcome.err.splitlines() == [
        f"error: {file}: host 1: nothing is called 'enviroment' there",
        f"  hint: Mend it, or move it away to begin anew: mv {file} {file}.broken",
    ]
    assert "enviroment" in file.read_text()


def test_without_a_verb_the_help_can_be_had_and_nonsense_is_none(host: Host) -> None:
    assert "rename" in host.must("hosts", "--help").out
    assert host.run("hosts", "nonsense").code == 2


def test_names_are_such_that_ssh_could_be_told_them(gpu_host: Host) -> None:
    gpu_host.must("hosts", "add", "fe80::1%eth0")
    for name in names(gpu_host):
        assert parse(name).words == ("--", name)
