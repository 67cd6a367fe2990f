"""Real processes, real networks, real browsers. Every host is a network namespace with a home of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.stage import laptop as laptops
from tests.e2e.stage import namespaces
from tests.e2e.stage.canaries import Canaries
from tests.e2e.stage.hosts import Host, connected
from tests.e2e.stage.laptop import Laptop


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what is collected here, and say once why it cannot run where it cannot."""
    reason = namespaces.reason_to_skip()
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.e2e)
            if reason:
                item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="session")
def canaries(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Canaries]:
    """The secrets of this run; at its end none of them may have been in a command line."""
    watch = Canaries(tmp_path_factory.mktemp("canaries"))
    yield watch
    watch.stop()
    assert watch.shown() == []


@pytest.fixture(scope="module")
def cable(canaries: Canaries) -> Iterator[tuple[Host, Laptop]]:
    """A host, and a laptop that trusts nothing yet; one pair a module."""
    with connected() as (host, machine):
        home = host.home.parent / "laptop"
        home.mkdir()
        yield host, Laptop(machine, home)


@pytest.fixture(scope="module")
def host(cable: tuple[Host, Laptop]) -> Host:
    """The module's host."""
    return cable[0]


@pytest.fixture(scope="module")
def laptop(cable: tuple[Host, Laptop]) -> Laptop:
    """The module's laptop. Skips where there is no browser."""
    if reason := laptops.reason_to_skip():
        pytest.skip(reason)
    return cable[1]
