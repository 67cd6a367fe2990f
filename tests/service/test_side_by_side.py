"""Two users on two ports, and one user with two instances: they run side by side, and what is uninstalled leaves nothing behind."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.service.served import Place, Served, kit
from tests.service.stage import Machine

PLACES = (
    Place("alice", "user"),
    Place("alice", "user", "second", 8801),
    Place("bob", "user", port=8802),
    Place("carol", "system", port=8803),
    Place("carol", "system", "second", 8804),
)


@pytest.fixture(scope="module")
def all_of_them(machine: Machine) -> Iterator[list[Served]]:
    """Five services of three users, running, each with its instance made beforehand. Uninstalled, the disk is as it was."""
    services = [Served(machine, place) for place in PLACES]
    for served in services:
        with machine.login(served.place.user) as login:
            port = str(served.place.port)
            done = kit(login, "init", *served.place.options, "--generate-password", "--port", port, "--yes", user=served.place.user)
            assert done.returncode == 0, done.stderr
    before = _settled(machine)
    for served in services:
        with machine.login(served.place.user) as login:
            system = ("--system",) if served.place.scope == "system" else ()
            served.service(login, "install", "--now", *system)
    yield services
    for served in services:
        with machine.login(served.place.user) as login:
            served.service(login, "uninstall")
            again = served.service(login, "uninstall")
            assert again["data"]["changed"] is False
    assert _difference(before, _settled(machine)) == {}


def _settled(machine: Machine) -> dict[str, Any]:
    """What lies on the disk, but for what a server writes of its own accord while it runs, and what a log-in leaves."""
    kept = ["/.local/share/jupyter/", "/.jupyter/migrated", "/.cache/", "/.ipython", "/.local/state", "/.jupyter/lab", "/.local/share"]
    # podman's own, which the profile of system services asks for its user namespace.
    kept += ["/carol/.config"]
    found = machine.listing()
    return {path: entry for path, entry in found.items() if not (path.startswith("/home/") and any(part in path for part in kept))}


def _difference(before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    return {path: (before.get(path), after.get(path)) for path in before.keys() | after.keys() if before.get(path) != after.get(path)}


def test_each_answers_on_its_own_port(all_of_them: list[Served]) -> None:
    for served in all_of_them:
        served.wait_until_answers()
        with served.kernel() as kernel:
            assert kernel.value("__import__('getpass').getuser()") == served.place.user
    assert len({served.pid for served in all_of_them}) == len(all_of_them)


def test_stopping_one_leaves_the_others(all_of_them: list[Served]) -> None:
    first, *others = all_of_them
    before = [served.pid for served in others]
    with first.machine.login(first.place.user) as login:
        first.service(login, "stop")
        assert not first.answers()
        assert [served.pid for served in others] == before
        assert all(served.answers() for served in others)
        first.service(login, "start")
    first.wait_until_answers()


def test_one_installation_less_keeps_lingering_for_the_other(all_of_them: list[Served]) -> None:
    first, second, *_ = all_of_them
    with first.machine.login("alice") as login:
        first.service(login, "uninstall")
    assert first.machine.inside("/var/lib/systemd/linger/alice").exists()
    assert second.answers()
    with first.machine.login("alice") as login:
        first.service(login, "install", "--now")
    first.wait_until_answers()


def test_an_instance_that_is_a_service_is_not_removed(all_of_them: list[Served]) -> None:
    served = all_of_them[0]
    with served.machine.login("alice") as login:
        done = kit(login, "down", user="alice")
        assert "starts again at the next boot" in done.stdout
        refused = kit(login, "remove", "--yes", user="alice")
        served.service(login, "start")
    assert (refused.returncode, "service uninstall" in refused.stderr) == (1, True)
    served.wait_until_answers()


def test_purging_takes_the_instance_as_well(machine: Machine) -> None:
    served = Served(machine, Place("bob", "user", "third", 8810))
    before = machine.listing()
    with machine.login("bob") as login:
        served.install(login, "--now")
        unasked = kit(login, "service", "uninstall", "--purge", *served.place.options, user="bob")
        assert unasked.returncode == 2
        served.service(login, "uninstall", "--purge", "--yes")
    left = {path for path in machine.listing().keys() - before.keys() if "third" in path}
    assert left == set()
