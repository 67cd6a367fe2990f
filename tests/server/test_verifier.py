"""Password checks off the event loop: real argon2 in real threads, or checks that end when the test says so."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from jupyter_remote_kit.host import passwords
from jupyter_remote_kit.secret import Secret
from jupyter_remote_kit.server.verifier import Busy, Verifier

SECONDS = 20.0


def argon2(hashed: str, given: str) -> bool:
    return passwords.verify_password(Secret(hashed), Secret(given))


class Counted:
    """A check that is watched from inside: how many run at once, and which passwords, in order."""

    def __init__(self, check: Callable[[str, str], bool]) -> None:
        self._check = check
        self._lock = threading.Lock()
        self.running = 0
        self.most = 0
        self.order: list[str] = []

    def __call__(self, hashed: str, given: str) -> bool:
        with self._lock:
            self.running += 1
            self.most = max(self.most, self.running)
            self.order.append(given)
        try:
            return self._check(hashed, given)
        finally:
            with self._lock:
                self.running -= 1


class Held:
    """A check that ends when it is told to; `right` is the only right password."""

    def __init__(self) -> None:
        self._go = threading.Semaphore(0)

    def __call__(self, hashed: str, given: str) -> bool:
        assert self._go.acquire(timeout=SECONDS)
        return given == "right"

    def release(self, number: int = 1) -> None:
        self._go.release(number)


async def until(condition: Callable[[], Any]) -> None:
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.001)


async def waiting(verifier: Verifier, given: str, *, known: bool = False) -> asyncio.Task[bool]:
    """A verification that has begun, and is running or has its place in the queue."""
    task = asyncio.create_task(verifier.verify("hash", given, known=known))
    await asyncio.sleep(0)
    return task


@pytest.fixture(scope="module")
def hashed() -> str:
    return passwords.hash_password(Secret("right")).reveal()


def test_right_and_wrong(hashed: str) -> None:
    async def main() -> None:
        verifier = Verifier(argon2)
        assert await verifier.verify(hashed, "right", known=False)
        assert not await verifier.verify(hashed, "wrong", known=True)
        assert not await verifier.verify("no hash", "right", known=False)

    asyncio.run(main())


def test_at_most_two_argon2_at_once_and_the_loop_goes_on(hashed: str) -> None:
    check, ticks = Counted(argon2), 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            await asyncio.sleep(0.001)
            ticks += 1

    async def main() -> None:
        verifier, ticking = Verifier(check), asyncio.create_task(tick())
        given = ["right", *(f"wrong-{n}" for n in range(16)), "right"]
        asked = [verifier.verify(hashed, each, known=bool(place % 2)) for place, each in enumerate(given)]
        assert await asyncio.gather(*asked) == [each == "right" for each in given]
        ticking.cancel()

    asyncio.run(main())
    assert check.most == 2
    # On the event loop it would have been at most one between two checks.
    assert ticks > 3 * 18


def test_a_known_browser_waits_for_no_stranger(hashed: str) -> None:
    check = Counted(argon2)

    async def main() -> None:
        verifier = Verifier(check)
        strangers = [asyncio.create_task(verifier.verify(hashed, f"wrong-{n}", known=False)) for n in range(17)]
        await asyncio.sleep(0)
        with pytest.raises(Busy):
            await verifier.verify(hashed, "right", known=False)
        assert await verifier.verify(hashed, "right", known=True)
        assert not all(task.done() for task in strangers)
        await asyncio.gather(*strangers)

    asyncio.run(main())
    # One was running.
    assert check.order.index("right") == 1


@pytest.mark.skipif(sys.platform != "linux", reason="Linux alone has priorities of threads")
def test_the_processor_is_others_first() -> None:
    def own_nice(hashed: str, given: str) -> bool:
        return os.getpriority(os.PRIO_PROCESS, threading.get_native_id()) == int(given)

    async def main() -> None:
        verifier = Verifier(own_nice)
        assert await verifier.verify("hash", "19", known=False)
        assert await verifier.verify("hash", "10", known=True)

    before = os.getpriority(os.PRIO_PROCESS, 0)
    asyncio.run(main())
    assert os.getpriority(os.PRIO_PROCESS, 0) == before


def test_busy_when_the_queue_is_full_and_known_browsers_have_room_of_their_own() -> None:
    held = Held()

    async def main() -> None:
        verifier = Verifier(held, queue=3)
        tasks = [await waiting(verifier, f"s{n}") for n in range(4)]
        with pytest.raises(Busy) as full:
            await verifier.verify("hash", "right", known=False)
        assert full.value.retry_after >= 1
        tasks += [await waiting(verifier, f"k{n}", known=True) for n in range(4)]
        with pytest.raises(Busy):
            await verifier.verify("hash", "right", known=True)
        held.release(8)
        assert await asyncio.gather(*tasks) == [False] * 8
        held.release()
        assert await verifier.verify("hash", "right", known=False)

    asyncio.run(main())


def test_the_longer_checks_take_the_later_one_is_asked_to_come_back() -> None:
    def slow(hashed: str, given: str) -> bool:
        return not threading.Event().wait(0.5)

    async def main() -> None:
        verifier = Verifier(slow, queue=7)
        await verifier.verify("hash", "right", known=False)
        tasks = [await waiting(verifier, f"s{n}") for n in range(8)]
        with pytest.raises(Busy) as full:
            await verifier.verify("hash", "right", known=False)
        assert full.value.retry_after == pytest.approx(4, rel=0.5)
        for task in tasks:
            task.cancel()

    asyncio.run(main())


def test_a_waiter_that_goes_away_frees_its_place_and_is_never_checked() -> None:
    held = Held()
    check = Counted(held)

    async def main() -> None:
        verifier = Verifier(check, queue=1)
        runs = await waiting(verifier, "runs")
        gone = await waiting(verifier, "gone")
        with pytest.raises(Busy):
            await verifier.verify("hash", "early", known=False)
        gone.cancel()
        with suppress(asyncio.CancelledError):
            await gone
        stays = await waiting(verifier, "right")
        held.release(2)
        assert await asyncio.gather(runs, stays) == [False, True]

    asyncio.run(main())
    assert check.order == ["runs", "right"]


def test_a_check_that_runs_counts_to_its_end_though_nobody_waits_for_it() -> None:
    held = Held()
    check = Counted(held)

    async def main() -> None:
        verifier = Verifier(check)
        gone = await waiting(verifier, "gone")
        await until(lambda: check.running)
        gone.cancel()
        with suppress(asyncio.CancelledError):
            await gone
        next_one = await waiting(verifier, "right")
        await asyncio.sleep(0.05)
        assert check.order == ["gone"]
        held.release(2)
        assert await next_one

    asyncio.run(main())
    assert check.most == 1


def test_a_waiter_that_goes_away_in_the_moment_of_its_turn_hands_it_on() -> None:
    held = Held()

    async def main() -> None:
        verifier = Verifier(held)
        runs = await waiting(verifier, "runs")
        gone = await waiting(verifier, "gone")
        stays = await waiting(verifier, "right")
        thread = next(thread for thread in threading.enumerate() if thread.name == "remotekit-password")
        held.release(2)
        # The loop stands still meanwhile, so that the turn and the cancellation come in one round of it.
        await asyncio.sleep(0)
        thread.join(SECONDS)
        asyncio.get_running_loop().call_soon(gone.cancel)
        assert not await runs
        assert await asyncio.wait_for(stays, SECONDS)
        assert gone.cancelled()

    asyncio.run(main())


def test_the_worker_is_free_again_after_a_check_that_raises() -> None:
    def broken(hashed: str, given: str) -> bool:
        raise MemoryError(given)

    async def main() -> None:
        verifier = Verifier(broken, queue=0)
        for given in ("a", "b", "c"):
            with pytest.raises(MemoryError, match=given):
                await verifier.verify("hash", given, known=False)

    asyncio.run(main())


def test_close_sends_away_who_waits_and_answers_what_runs() -> None:
    held = Held()

    async def main() -> None:
        verifier = Verifier(held)
        runs = await waiting(verifier, "right")
        tasks = [await waiting(verifier, "right") for _ in range(2)]
        verifier.close()
        for task in tasks:
            with pytest.raises(Busy):
                await task
        with pytest.raises(Busy):
            await verifier.verify("hash", "right", known=True)
        held.release()
        assert await runs

    asyncio.run(main())


def test_a_check_that_hangs_does_not_keep_the_process() -> None:
    program = """if True:
        import asyncio, threading
        from jupyter_remote_kit.server.verifier import Verifier
        began = threading.Event()
        def hang(hashed, given):
            began.set()
            threading.Event().wait()
        async def main():
            task = asyncio.create_task(Verifier(hang).verify("hash", "given", known=False))
            while not began.is_set():
                await asyncio.sleep(0.001)
            task.cancel()
        asyncio.run(main())
        print("ended")
    """
    ended = subprocess.run([sys.executable, "-c", program], timeout=SECONDS, capture_output=True, text=True, check=True)
    assert (ended.stdout, ended.stderr) == ("ended\n", "")


def test_the_loop_may_be_closed_before_a_check_ends() -> None:
    held = Held()

    async def main() -> None:
        await waiting(Verifier(held), "gone")

    asyncio.run(main())
    thread = next(thread for thread in threading.enumerate() if thread.name == "remotekit-password")
    held.release()
    thread.join(SECONDS)
    assert not thread.is_alive()  # and pytest fails on an exception in it


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_the_memory_of_the_checks_is_given_back(hashed: str) -> None:
    program = f"""if True:
        import asyncio, psutil
        from jupyter_remote_kit.host import passwords
        from jupyter_remote_kit.secret import Secret
        from jupyter_remote_kit.server.verifier import Verifier
        def check(hashed, given):
            return passwords.verify_password(Secret(hashed), Secret(given))
        async def main():
            verifier, process = Verifier(check), psutil.Process()
            await verifier.verify({hashed!r}, "wrong", known=False)
            before = process.memory_info().rss
            for _ in range(4):
                await asyncio.gather(*(verifier.verify({hashed!r}, "wrong", known=False) for _ in range(16)))
            print(process.memory_info().rss - before)
        asyncio.run(main())
    """
    ended = subprocess.run([sys.executable, "-c", program], timeout=60, capture_output=True, text=True, check=True)
    assert int(ended.stdout) < 5_000_000
