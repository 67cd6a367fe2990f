"""`service` where no systemd runs, and what its command lines are refused for. What it does where one runs: tests/service."""

from __future__ import annotations

import pytest

from jupyter_remote_kit.host import systemd
from tests.commands.host import Host

VERBS = ("install", "uninstall", "start", "stop", "restart", "status", "logs", "run")
NEEDS_SYSTEMD = tuple(verb for verb in VERBS if verb != "run")
without_systemd = pytest.mark.skipif(systemd.booted(), reason="systemd runs on this machine; tests/service boots one of its own")


def test_the_verbs_are_listed(host: Host) -> None:
    outcome = host.run("service", "--help")
    listed = [line.split()[0] for line in outcome.out.partition("Commands:\n")[2].splitlines() if line[2:3].strip()]
    assert listed == list(VERBS)


@without_systemd
@pytest.mark.parametrize("verb", NEEDS_SYSTEMD)
def test_without_systemd_it_says_so_and_what_works_there(host: Host, verb: str) -> None:
    words = ("--access", "ssh", "--allow-root") if verb == "install" else ()
    outcome = host.run("service", verb, *words, "--json")
    assert outcome.code == 1
    assert outcome.envelope["command"] == f"service {verb}"
    (problem,) = outcome.envelope["problems"]
    assert problem["code"] == "no-systemd"
    assert problem["hint"].endswith("jupyter remotekit up --detach")
    assert not host.layout.config_dir.exists()


@pytest.mark.parametrize(
    ("argv", "code"),
    [
        *((("service", verb, "--no-such-option"), "usage") for verb in VERBS),
        *((("service", verb, "--instance", "a/b"), "instance-name") for verb in VERBS),
        (("service", "nonsense"), "usage"),
        (("service", "install", "--profile", "none"), "usage"),
        (("service", "install", "--watchdog", "9"), "watchdog"),
        (("service", "install", "--watchdog", "1441"), "watchdog"),
        (("service", "install", "--watchdog", "10min"), "watchdog"),
        (("service", "install", "--env", "A=B"), "variable-name"),
        (("service", "install", "--env", "none", "--env", "A"), "contradiction"),
        (("service", "install", "--run-as", "alice"), "contradiction"),
        (("service", "install", "--system", "--run-as", "a/b"), "user-name"),
        (("service", "install", "--now", "--dry-run"), "contradiction"),
        (("service", "logs", "--lines", "-1"), "usage"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else value,
)
def test_what_argv_alone_suffices_to_reject(host: Host, argv: tuple[str, ...], code: str) -> None:
    outcome = host.run(*argv, "--json")
    assert (outcome.code, outcome.codes) == (2, [code])


def test_what_a_unit_starts_ends_with_78_where_there_is_no_instance(host: Host) -> None:
    outcome = host.run("service", "run")
    assert outcome.code == 78
    assert outcome.out.startswith("refused [no-instance]: ")
    assert "jupyter remotekit init" in outcome.out
