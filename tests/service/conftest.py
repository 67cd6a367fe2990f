"""A real systemd, booted in a container for each module."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.service.stage import Machine, reason_to_skip, root

JOURNAL_LINES = 60


def _here(items: list[pytest.Item]) -> list[pytest.Item]:
    return [item for item in items if Path(__file__).parent in item.path.parents]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what is collected here, and say once why it cannot run where it cannot."""
    for item in _here(items):
        item.add_marker(pytest.mark.e2e)
        if reason := reason_to_skip():
            item.add_marker(pytest.mark.skip(reason=reason))


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> None:
    """Make the tree before the first test: a test's time limit is not meant for that."""
    if _here(session.items) and not session.config.option.collectonly and not reason_to_skip():
        root()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """A test that fails tells the end of its machines' journals."""
    report: Any = yield
    if report.failed:
        used = [value for value in getattr(item, "funcargs", {}).values() if isinstance(value, Machine) and value.up]
        for machine in used:
            with contextlib.suppress(Exception):
                report.sections.append((f"journal of {machine.address}", machine.journal(f"--lines={JOURNAL_LINES}")))
    return report  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def machine() -> Iterator[Machine]:
    """The module's machine, freshly booted."""
    with Machine() as booted:
        yield booted


@pytest.fixture
def machine_with() -> Iterator[Callable[..., Machine]]:
    """Boots further machines, with options of `Machine`; they go when the test ends."""
    with contextlib.ExitStack() as running:
        yield lambda **options: running.enter_context(Machine(**options))
