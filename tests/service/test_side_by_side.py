"""Three users on ports of their own, and more than one instance each: they run side by side, and uninstalled they leave nothing behind."""

from __future__ import annotations

import re
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
    Place("bob", "system", "lab", 8805),
)
# Below a home: what Jupyter, IPython and a log-in leave of their own accord; and podman, which system units are given their user
# namespace by.
NOT_OURS = re.compile(
    r"/home/\w+/(?:\.cache|\.ipython|\.local/state|\.jupyter/(?:migrated|lab)|\.local/share|\.config/cni)(?:/|\Z)"
    r"|/home/(?:bob|carol)/\.config\Z"
)
OURS = re.compile(r"/home/\w+/\.local/share/jupyter/remotekit(?:/|\Z)")
# Of that, what a server writes while it runs, and what belongs to the instance, which stays: copies of what was replaced, and the list
# of digests, in which a row for what is gone says nothing.
RUNNING = re.compile(r"/remotekit/instances/\w+/(?:sessions\.json|audit\.jsonl|server\.log|manifest\.json)|/home/\w+/.*/remotekit/backups/")
# Of root's: what was changed for services of all users, with copies of what was replaced.
ROOTS = "/var/lib/jupyter"


@pytest.fixture(scope="module")
def machine() -> Iterator[Machine]:
    """On which two of the users may use sudo."""
    with Machine(sudo_users=("carol", "bob")) as booted:
        yield booted


@pytest.fixture(scope="module")
def made(machine: Machine) -> list[Served]:
    """Six instances of three users, of which none is a service yet."""
    services = [Served(machine, place) for place in PLACES]
    for served in services:
        with machine.login(served.place.user) as login:
            port = str(served.place.port)
            done = kit(login, "init", *served.place.options, "--generate-password", "--port", port, "--yes", user=served.place.user)
            assert done.returncode == 0, done.stderr
    return services


@pytest.fixture(scope="module")
def before(machine: Machine, made: list[Served]) -> dict[str, Any]:
    """What lay on the disk before any of them was one."""
    assert made
    return _settled(machine)


@pytest.fixture(scope="module")
def all_of_them(made: list[Served], before: dict[str, Any]) -> list[Served]:
    """All of them, installed and running."""
    assert ROOTS not in before
    for served in made:
        _install(served, "--now", cuda="/opt/cuda-12")
    return made


def _install(served: Served, *words: str, cuda: str) -> dict[str, Any]:
    system = ("--system",) if served.place.scope == "system" else ()
    with served.machine.login(served.place.user) as login:
        return served.service(login, "install", *system, *words, env={"CUDA_HOME": cuda})


def _settled(machine: Machine) -> dict[str, Any]:
    """What lies on the disk, but for what others write there and what a server does while it runs."""
    found = machine.listing()
    return {path: entry for path, entry in found.items() if not RUNNING.search(path) and (OURS.match(path) or not NOT_OURS.match(path))}


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


def test_uninstalled_they_leave_the_disk_as_it_was(machine: Machine, all_of_them: list[Served], before: dict[str, Any]) -> None:
    """Another environment in between has older ones backed up."""
    for served in all_of_them:
        assert _install(served, cuda="/opt/cuda-13")["data"]["changed"] is True
    for served in all_of_them:
        with machine.login(served.place.user) as login:
            assert served.service(login, "uninstall")["data"]["changed"] is True
            assert served.service(login, "uninstall")["data"]["steps"] == [], served.place
    assert not machine.inside(ROOTS).exists()
    assert _difference(before, _settled(machine)) == {}


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
