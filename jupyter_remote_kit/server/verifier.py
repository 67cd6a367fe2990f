"""Checks passwords off the event loop: one of a stranger and one of a known browser at once, in queues with an end.

One check holds 10 MiB and a core for 50 to 118 ms (measured); on the event loop, 20 clients take a kernel's echo from 5 ms to 2 s. Known
browsers have a lane of their own, so they wait for each other alone, whatever strangers do.
"""

from __future__ import annotations

import asyncio
import ctypes
import functools
import os
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress

# What a check takes before the first one was timed, in seconds.
USUAL_S = 0.1
SHORTEST_RETRY_S = 1.0
_M_MMAP_THRESHOLD = -3  # malloc.h
_MAPPED_BYTES = 4 << 20


# A check is eight threads (argon2's lanes), and kernels and the event loop may have one core between them: at 19 they have it first. With
# two checks going on beside it, the loop is late by 0.9 ms then (p95), by 13 ms otherwise; 10 is not enough.
STRANGERS_NICE = 19
KNOWN_NICE = 10


class Busy(Exception):
    """The queue is full. `retry_after`: seconds until those who wait now will be through, 1 at least."""

    def __init__(self, retry_after: float) -> None:
        super().__init__(f"the queue of passwords is full for {retry_after:.1f} s")
        self.retry_after = retry_after


class Verifier:
    """Two lanes, so at most two checks at once. All methods belong to one event loop's thread."""

    def __init__(self, check: Callable[[str, str], bool], *, queue: int = 16) -> None:
        """`check(hashed, given)` may block; `queue` is how many may wait in either lane."""
        self._known = _Lane(check, queue, KNOWN_NICE)
        self._strangers = _Lane(check, queue, STRANGERS_NICE)

    async def verify(self, hashed: str, given: str, *, known: bool) -> bool:
        """Whether `given` is what `hashed` was made from; what `check` raises is raised.

        Raises `Busy` where the lane's queue is full, or closed. A waiter that is cancelled frees its place at once; a check that runs goes
        on, and counts, to its end.
        """
        _map_large_blocks()
        return await (self._known if known else self._strangers).verify(hashed, given)

    def close(self) -> None:
        """Send those who wait away, with `Busy`; what runs is answered still."""
        self._known.close()
        self._strangers.close()


class _Lane:
    """One check at a time, the others in the order in which they came.

    A thread a check, instead of a pool: `ThreadPoolExecutor` makes the process wait for its threads at exit, and starting one takes
    some 0.1 ms of the 50 that a check takes.
    """

    def __init__(self, check: Callable[[str, str], bool], queue: int, nice: int) -> None:
        self._check = check
        self._limit = queue
        self._nice = nice
        self._seconds = USUAL_S
        self._running = False
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._closed = False

    async def verify(self, hashed: str, given: str) -> bool:
        await self._turn()
        answer: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        try:
            threading.Thread(target=self._work, args=(answer, hashed, given), name="remotekit-password", daemon=True).start()
        except RuntimeError:  # no thread to be had
            self._give_turn()
            raise
        return await answer

    def close(self) -> None:
        self._closed = True
        for waiter in self._waiting:
            if not waiter.done():
                waiter.set_exception(self._busy())
        self._waiting.clear()

    async def _turn(self) -> None:
        """Wait until the lane is this caller's."""
        if self._closed:
            raise self._busy()
        if not self._running:
            self._running = True
            return
        if len(self._waiting) >= self._limit:
            raise self._busy()
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        try:
            await waiter
        except asyncio.CancelledError:
            with suppress(ValueError):
                self._waiting.remove(waiter)
            if waiter.done() and not waiter.cancelled() and waiter.exception() is None:
                # It was given its turn and went away in the same breath.
                self._give_turn()
            raise

    def _give_turn(self) -> None:
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return
        self._running = False

    def _work(self, answer: asyncio.Future[bool], hashed: str, given: str) -> None:
        _step_back(self._nice)
        started = time.monotonic()
        right, error = False, None
        try:
            right = self._check(hashed, given)
        # It is the waiter's to handle; here it would end the thread, and keep the lane.
        except BaseException as raised:
            error = raised
        with suppress(RuntimeError):  # the loop was closed meanwhile: nobody waits for this
            answer.get_loop().call_soon_threadsafe(self._done, answer, right, error, time.monotonic() - started)

    def _done(self, answer: asyncio.Future[bool], right: bool, error: BaseException | None, seconds: float) -> None:
        self._seconds = seconds
        self._give_turn()
        if answer.done():
            return
        if error is not None:
            answer.set_exception(error)
        else:
            answer.set_result(right)

    def _busy(self) -> Busy:
        return Busy(max(SHORTEST_RETRY_S, (self._running + len(self._waiting)) * self._seconds))


@functools.cache
def _map_large_blocks() -> None:
    """Have blocks of 4 MiB and more given back to the system when they are freed, in the whole process.

    glibc raises that bound to the largest block that was freed (mallopt(3), "M_MMAP_THRESHOLD"), and keeps every one after the first in the
    arena of its thread: 42 MB after 240 checks, 0.1 MB with this, at the same speed (measured). Other C libraries have no such call.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, _MAPPED_BYTES)


def _step_back(nice: int) -> None:
    """Let others have the processor before this thread, and the threads that it starts. Linux alone has this for threads (sched(7))."""
    if sys.platform == "linux":
        with suppress(OSError):  # the process itself was started at a higher value
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), nice)
