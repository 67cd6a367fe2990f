"""The gate from outside: real servers, in network namespaces where addresses matter. Everything here prints its figures."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from jupyter_remote_kit.settings import Access
from tests.e2e.stage import namespaces
from tests.e2e.stage.hosts import Host
from tests.e2e.stage.namespaces import Namespace
from tests.gate.leaks import leaks
from tests.gate.load.network import crowd
from tests.server.conftest import PASSWORD, TOKEN, Machine, Server, hashed_password

__all__ = ["hashed_password"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What needs hosts of its own is neither a unit test nor a quick one."""
    for item in items:
        if "hosts" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.e2e)
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session")
def long() -> bool:
    """Whether the long forms were asked for (`make test-long`)."""
    return os.environ.get("REMOTEKIT_LONG") == "1"


@pytest.fixture(scope="module")
def hosts() -> Iterator[tuple[Host, Namespace]]:
    """A host with nothing on it, and a machine with 250 addresses that reaches it. Skips where there can be no namespaces."""
    if reason := namespaces.reason_to_skip():
        pytest.skip(reason)
    with crowd() as pair:
        yield pair


@pytest.fixture(scope="module")
def loopback(tmp_path_factory: pytest.TempPathFactory, hashed_password: str) -> Iterator[tuple[Machine, Server]]:
    """A server as `up` starts it, over plain HTTP on loopback; it needs neither root nor namespaces."""
    machine = Machine(tmp_path_factory.mktemp("gate") / "home", hashed_password)
    settings = machine.settings()
    server = machine.start(settings)
    server.ready()
    yield machine, server
    server.stop()
    assert leaks(machine.home, TOKEN, PASSWORD) == []


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory, hashed_password: str) -> Iterator[tuple[Machine, Server]]:
    """As `loopback`, over TLS with the private authority."""
    machine = Machine(tmp_path_factory.mktemp("gate") / "home", hashed_password)
    machine.issue_leaf()
    server = machine.start(machine.settings(access=Access.LAN))
    server.ready()
    yield machine, server
    server.stop()
    assert leaks(machine.home, TOKEN, PASSWORD) == []
