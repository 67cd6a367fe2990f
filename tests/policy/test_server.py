"""The table, asked of a real server: what is refused ends with 78 before it listens, what is sound serves and can be stopped.

A sample by default; all of it with `REMOTEKIT_LONG=1`.
"""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.policy import managed
from tests.policy.cases import CASES, SAMPLE, Case

LONG = os.environ.get("REMOTEKIT_LONG") == "1"
AT_ONCE = 2

pytestmark = [
    pytest.mark.skipif(shutil.which("strace") is None, reason="strace, which sees whether a server listens, is not installed"),
    pytest.mark.timeout(300),
]


class Ahead:
    """Runs the cases of this session two at a time: while one is looked at, the next is under way."""

    def __init__(self, executor: ThreadPoolExecutor, folders: pytest.TempPathFactory, cases: list[Case]) -> None:
        self._executor, self._folders, self._cases = executor, folders, cases
        self._under_way: dict[str, Future[managed.Observed]] = {}

    def observed(self, case: Case) -> managed.Observed:
        place = self._cases.index(case) if case in self._cases else None
        for upcoming in self._cases[place : place + AT_ONCE] if place is not None else [case]:
            if upcoming.name not in self._under_way:
                self._under_way[upcoming.name] = self._executor.submit(managed.observe, upcoming, self._folder())
        return self._under_way[case.name].result()

    def _folder(self) -> Path:
        return self._folders.mktemp("home")


@pytest.fixture(scope="module")
def ahead(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ahead]:
    items = [item for item in request.session.items if isinstance(item, pytest.Function) and item.fspath == request.fspath]
    cases = [item.callspec.params["case"] for item in items if hasattr(item, "callspec")]
    # Another worker of xdist may run the next one.
    if "PYTEST_XDIST_WORKER" in os.environ:
        cases = []
    with ThreadPoolExecutor(AT_ONCE) as executor:
        yield Ahead(executor, tmp_path_factory, cases)


def skip_reason(case: Case) -> str | None:
    if case.as_root and os.geteuid() != 0:
        return "only root can run as root"
    if case.ipv6 and not Path("/proc/net/if_inet6").exists():
        return "this machine has no IPv6"
    return None


@pytest.mark.parametrize("case", [case for case in CASES if LONG or case.name in SAMPLE], ids=lambda case: case.name)
def test_the_server_does_what_is_written_beside_the_case(case: Case, ahead: Ahead, tmp_path: Path) -> None:
    if reason := skip_reason(case):
        pytest.skip(reason)
    seen = ahead.observed(case)
    if case.refuses:
        assert_refused(case, seen)
    elif case.dies:
        assert_died(seen)
    else:
        assert_served(case, seen)


def assert_refused(case: Case, seen: managed.Observed) -> None:
    assert (seen.exit_code, seen.findings) == (78, None), seen.stderr
    assert Counter(seen.codes) == Counter(case.refuses), seen.stderr
    assert "Traceback" not in seen.stderr
    assert_never_listened(seen)


def assert_died(seen: managed.Observed) -> None:
    assert seen.findings is None
    assert seen.exit_code not in {0, None}, seen.stderr
    assert_never_listened(seen)


def assert_never_listened(seen: managed.Observed) -> None:
    assert seen.listens == ()
    assert seen.binds == ()


def assert_served(case: Case, seen: managed.Observed) -> None:
    assert seen.findings is not None, seen.stderr
    # Every other case may be run by root, who has leave in all of them; and their certificate is for no address of this machine's.
    shown = [code for code in seen.findings if (case.as_root or code != "as-root-chosen") and code != "certificate-lacks"]
    assert Counter(shown) == Counter(case.shows)
    assert seen.exit_code == 0, seen.stderr
    # The trace sees what it should not see of the others: the port and the control socket.
    assert len(seen.listens) >= 2
    assert seen.binds
    if case.settings.get("ip") == "127.0.0.1":
        assert all("127.0.0.1" in call for call in seen.binds)
