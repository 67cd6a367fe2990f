"""A laptop and hosts with real sshd processes, one laboratory a module."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.connect.stage import Lab, reason_to_skip
from tests.e2e.stage import laptop as browsers
from tests.e2e.stage.canaries import Canaries

LOG_LINES = 40


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what is collected here, and say once why it cannot run where it cannot."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.e2e)
            if reason := reason_to_skip():
                item.add_marker(pytest.mark.skip(reason=reason))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """A test that fails tells what the hosts' sshd have said."""
    report: Any = yield
    if report.failed:
        for lab in (value for value in getattr(item, "funcargs", {}).values() if isinstance(value, Lab)):
            for host in lab.hosts.values():
                with contextlib.suppress(OSError):
                    report.sections.append((f"sshd of {host.name}", "\n".join(host.log().splitlines()[-LOG_LINES:])))
    return report  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """The module's network, with a laptop and no host yet."""
    with Lab() as made:
        yield made


@pytest.fixture(scope="module")
def canaries(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Canaries]:
    """The secrets of this module; at its end none of them may have been in a command line, on either side."""
    watch = Canaries(tmp_path_factory.mktemp("canaries"))
    yield watch
    watch.stop()
    assert watch.shown() == []


@pytest.fixture(scope="session")
def browser() -> None:
    """Skips where there is no browser."""
    if reason := browsers.reason_to_skip():
        pytest.skip(reason)
