"""What all tests share: figures that a run prints at its end, and Ctrl-C."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator

import pytest
from hypothesis import settings

from jupyter_remote_kit import invocation

FIGURE = "figure"
# How long an example takes says how busy the machine is: 363 ms were seen for a parser of 60 us.
settings.register_profile("kit", deadline=None)
settings.load_profile("kit")


def pytest_configure() -> None:
    """Hear Ctrl-C: a shell lets what it starts in the background ignore it, and every command that a test starts would inherit that."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The figures of all tests, those that passed among them."""
    reports = [report for found in terminalreporter.stats.values() for report in found if isinstance(report, pytest.TestReport)]
    told: dict[tuple[str, str], list[str]] = {}
    for report in reports:
        test, _, case = report.nodeid.rpartition("tests/")[2].partition("[")
        for name, value in report.user_properties if report.when == "call" else ():
            if name == FIGURE:
                told.setdefault((test, str(value)), []).append(case.rstrip("]"))
    if told:
        terminalreporter.section("figures")
    for (test, value), cases in told.items():
        which = f" [{cases[0]}]" if len(cases) == 1 and cases[0] else f", {len(cases)} times" if len(cases) > 1 else ""
        terminalreporter.write_line(f"{test}{which}: {value}")


@pytest.fixture
def figure(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """Tell a figure: it is printed at the end of the run, whether the test passes or not."""
    return lambda text: record_property(FIGURE, text)


@pytest.fixture(autouse=True)
def commands_as_documented() -> Iterator[None]:
    """A server in the process of the tests words commands by its own whole path; the next test has the documentation's words again."""
    yield
    invocation.settle(lambda: invocation.DOCUMENTED)
