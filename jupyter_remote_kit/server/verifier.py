"""Checks passwords off the event loop: few at once, known browsers first, and a queue with an end.

One check holds 10 MiB and a core for 50 to 118 ms (measured); on the event loop, 20 clients take a kernel's echo from 5 ms to 2 s. Two at
once leave the loop and the kernels alone. The waits that follow, at 118 ms a check: a stranger at most 1.1 s behind a full queue, a known
browser no more than the rest of one check, whatever the strangers do.
"""

from __future__ import annotations

import asyncio
import ctypes
import functools
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


class Busy(Exception):
    """The queue is full. `retry_after`: seconds until those who wait now will be through, 1 at least."""

    def __init__(self, retry_after: float) -> None:
        super().__init__(f"the queue of passwords is full for {retry_after:.1f} s")
        self.retry_after = retry_after


class Verifier:
    """At most `workers` checks at once, in threads that end with the process. All methods belong to one event loop's thread.

    A thread a check, instead of a pool: `ThreadPoolExecutor` makes the process wait for its threads at exit, and starting one takes
    some 0.1 ms of the 50 that a check takes.
    """

    def __init__(self, check: Callable[[str, str], bool], *, workers: int = 2, queue: int = 16) -> None:
        """`check(hashed, given)` may block; `queue` is how many strangers may wait, and how many known browsers besides."""
        self._check = check
        self._workers = workers
        self._queue = queue
        self._running = 0
        self._seconds = USUAL_S
        self._known: deque[asyncio.Future[None]] = deque()
        self._strangers: deque[asyncio.Future[None]] = deque()
        self._closed = False

    async def verify(self, hashed: str, given: str, *, known: bool) -> bool:
        """Whether `given` is what `hashed` was made from; what `check` raises is raised.

        Raises `Busy` where the queue is full, or closed. A waiter that is cancelled frees its place at once; a check that runs goes on,
        and counts, to its end.
        """
        _map_large_blocks()
        await self._turn(self._known if known else self._strangers)
        answer: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        try:
            threading.Thread(target=self._work, args=(answer, hashed, given), name="remotekit-password", daemon=True).start()
        except RuntimeError:  # no thread to be had
            self._give_turn()
            raise
        return await answer

    def close(self) -> None:
        """Send those who wait away, with `Busy`; what runs is answered still."""
        self._closed = True
        for waiter in (*self._known, *self._strangers):
            if not waiter.done():
                waiter.set_exception(self._busy())
        self._known.clear()
        self._strangers.clear()

    async def _turn(self, queue: deque[asyncio.Future[None]]) -> None:
        """Wait until one of the workers is this caller's."""
        if self._closed:
            raise self._busy()
        if self._running < self._workers:
            self._running += 1
            return
        if len(queue) >= self._queue:
            raise self._busy()
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        queue.append(waiter)
        try:
            await waiter
        except asyncio.CancelledError:
            with suppress(ValueError):
                queue.remove(waiter)
            if waiter.done() and not waiter.cancelled() and waiter.exception() is None:
                # It was given its turn and went away in the same breath.
                self._give_turn()
            raise

    def _give_turn(self) -> None:
        """A worker is free: the next one's, known browsers first."""
        for queue in (self._known, self._strangers):
            while queue:
                waiter = queue.popleft()
                if not waiter.done():
                    waiter.set_result(None)
                    return
        self._running -= 1

    def _work(self, answer: asyncio.Future[bool], hashed: str, given: str) -> None:
        started = time.monotonic()
        right, error = False, None
        try:
            right = self._check(hashed, given)
        # It is the waiter's to handle; here it would end the thread, and keep the worker.
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
        waiting = self._running + len(self._known) + len(self._strangers)
        return Busy(max(SHORTEST_RETRY_S, waiting * self._seconds / self._workers))


@functools.cache
def _map_large_blocks() -> None:
    """Have blocks of 4 MiB and more given back to the system when they are freed, in the whole process.

    glibc raises that bound to the largest block that was freed (mallopt(3), "M_MMAP_THRESHOLD"), and keeps every one after the first in the
    arena of its thread: 42 MB after 240 checks, 0.1 MB with this, at the same speed (measured). Other C libraries have no such call.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, _MAPPED_BYTES)
