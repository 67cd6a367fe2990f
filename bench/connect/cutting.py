"""What becomes of a line that is cut: whether it comes back, when, and with what."""

from __future__ import annotations

import contextlib
import json
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from bench.connect.contestants import Session, by_hand, connect, forward, ready
from bench.connect.scene import Scene, scene
from bench.connect.watching import Watch
from bench.contestants import LOOPBACK
from bench.pairs import progress
from bench.tables import Row, Table
from tests.connect.stage import faults
from tests.e2e.stage import ides
from tests.e2e.stage.waiting import until

TITLE = "`connect`: drops"
HEADS = ("drop", "of", "noticed after, s", "back after, s", "the same kernel is there")
DOWN_S, SILENT_S = 20.0, 30.0
KERNEL_WITHIN_S = 60.0
KERNEL_ENDS_WITHIN_S = 10.0


@dataclass(frozen=True)
class Outcome:
    """Of one drop for one contestant.

    noticed: seconds from its beginning to the first word of it, or to the end of the command.
    back: seconds from its end to the first answer; `ended`: the command is over without one.
    """

    noticed: float | None
    back: float | None
    ended: bool
    same_kernel: bool


Cut = Callable[[Scene, Sequence[Session]], contextlib.AbstractContextManager[object]]


def table(times: int) -> Table:
    """Each kind of drop so many times; all contestants are cut by the same one, at once."""
    rows = []
    with scene() as where:
        for words, cut in DROPS.items():
            found: dict[str, list[Outcome | None]] = {}
            for turn in range(times):
                progress(f"drops, {words}: {turn + 1} of {times}")
                for name, outcome in _drop(where, cut).items():
                    found.setdefault(name, []).append(outcome)
            rows += [Row((words, f"`{name}`", *_cells(outcomes))) for name, outcomes in found.items()]
    return Table(TITLE, HEADS, tuple(rows))


# -- kinds -------------------------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def _ssh_killed(where: Scene, sessions: Sequence[Session]) -> Iterator[None]:
    for session in sessions:
        faults.kill_ssh(where.laptop, session.process.pid)
    yield


@contextlib.contextmanager
def _session_killed(where: Scene, _sessions: Sequence[Session]) -> Iterator[None]:
    where.host.kill_sessions()
    yield


@contextlib.contextmanager
def _down(where: Scene, _sessions: Sequence[Session]) -> Iterator[None]:
    with faults.unplugged(where.laptop):
        time.sleep(DOWN_S)
        yield


@contextlib.contextmanager
def _silent(where: Scene, _sessions: Sequence[Session]) -> Iterator[None]:
    with where.lab.switch.silence(where.host.plugs[0]):
        time.sleep(SILENT_S)
        yield


DROPS: dict[str, Cut] = {
    "ssh on the laptop killed": _ssh_killed,
    "sshd's sessions on the host killed": _session_killed,
    f"link down for {DOWN_S:.0f} s": _down,
    f"packets dropped for {SILENT_S:.0f} s": _silent,
}


# -- one drop ----------------------------------------------------------------------------------------------------------------------


def _drop(where: Scene, cut: Cut) -> dict[str, Outcome | None]:
    """What it did to each of them, by name; `None` for one that has nothing of the kind."""
    where.reset()
    with ready(where, connect(), forward(), by_hand()) as sessions:
        spared = [cut is _ssh_killed and not faults.ssh_of(where.laptop, session.process.pid) for session in sessions]
        kernels = [_kernel(where, session) for session in sessions]
        watched = [Watch(session) for session in sessions]
        with ThreadPoolExecutor(2 * len(sessions)) as pool:
            seen = [(pool.submit(watch.noticed), pool.submit(watch.back)) for watch in watched]
            with cut(where, sessions):
                pass
            for watch in watched:
                watch.over()
        found = [(noticed.result(), back.result()) for noticed, back in seen]
        # A server that ends takes a moment to end its kernels.
        lost = [kernel for kernel, (_, back) in zip(kernels, found, strict=True) if back is None]
        with contextlib.suppress(TimeoutError):
            until(lambda: not any(_runs(where, kernel) for kernel in lost), "the kernels to end", KERNEL_ENDS_WITHIN_S)
        outcomes = [
            Outcome(noticed, back, session.ended, _runs(where, kernel))
            for (noticed, back), session, kernel in zip(found, sessions, kernels, strict=True)
        ]
    return {
        session.contestant.name: None if was_spared else outcome
        for session, was_spared, outcome in zip(sessions, spared, outcomes, strict=True)
    }


# -- kernels -----------------------------------------------------------------------------------------------------------------------


def _kernel(where: Scene, session: Session) -> int:
    """Start a kernel through it, and let it compute something; its process."""
    with session.asked("POST", "/api/kernels", KERNEL_WITHIN_S) as answer:
        identity = json.loads(answer.read())["id"]
    with where.laptop.network():
        channels = f"ws://{LOOPBACK}:{session.port}/api/kernels/{identity}/channels"
        ides.execute(channels, {"Authorization": f"token {session.token}"}, "6 * 7", None, KERNEL_WITHIN_S)
    found: list[int] = until(
        lambda: [process.pid for process in where.host.processes() if f"kernel-{identity}.json" in " ".join(process.argv)], "a kernel"
    )
    return found[0]


def _runs(where: Scene, kernel: int) -> bool:
    return kernel in {process.pid for process in where.host.processes()}


# -- words -------------------------------------------------------------------------------------------------------------------------


def _cells(outcomes: Sequence[Outcome | None]) -> tuple[str, str, str]:
    met = [outcome for outcome in outcomes if outcome is not None]
    if not met:
        return ("-", "-", "has no ssh")
    return (
        _seconds([outcome.noticed for outcome in met], "never"),
        _seconds([outcome.back for outcome in met], "never: it ends" if all(outcome.ended for outcome in met) else "never"),
        f"{sum(outcome.same_kernel for outcome in met)} of {len(met)}",
    )


def _seconds(values: Sequence[float | None], never: str) -> str:
    """Median and slowest."""
    known = [value for value in values if value is not None]
    if not known:
        return never
    text = f"{statistics.median(known):.1f} (≤ {max(known):.1f})"
    return text if len(known) == len(values) else f"{len(known)} of {len(values)}: {text}"
