"""Signs of life from the event loop while the service manager watches for them, and a warning before it gives up.

With WATCHDOG_USEC set, a server whose loop hangs for that long is ended and started again, which ends every kernel. So whoever reads the
log shall know beforehand, and what it hung in.
"""

from __future__ import annotations

import logging
import sys
import threading
import time
import traceback
from collections.abc import Callable

from tornado.ioloop import PeriodicCallback

from jupyter_remote_kit import words
from jupyter_remote_kit.messages import Message, msg

# In parts of the manager's time: how often the loop notes that it turns, how often it says so, how long it may stand until it is told.
NOTE = 1 / 12
SAY = 1 / 3
WARN = 1 / 2


class Watchdog:
    """Says `say()` from the event loop, every third of `period_s` seconds; a thread warns in `log` when the loop stands for half of it.

    `say` gives `False` where it could not be said.
    """

    def __init__(self, period_s: float, say: Callable[[], bool], log: logging.Logger, clock: Callable[[], float] = time.monotonic) -> None:
        self._period_s, self._say, self._log, self._clock = period_s, say, log, clock
        self._turned = self._said = clock()
        # When the loop had turned last before it was warned of.
        self._warned: float | None = None
        self._ended = threading.Event()
        self._timer = PeriodicCallback(self._turn, period_s * NOTE * 1000)
        self._loops_thread = 0

    def start(self) -> None:
        """From now on; called on the event loop, whose thread is the one that is looked at."""
        self._loops_thread = threading.get_ident()
        self._say_now()
        self._timer.start()
        # A daemon: a process that ends does not wait for it.
        threading.Thread(target=self._look_after, name="remotekit-watchdog", daemon=True).start()

    def stop(self) -> None:
        """Neither say nor warn any more."""
        self._ended.set()
        self._timer.stop()

    def _turn(self) -> None:
        """The event loop turns."""
        now = self._turned = self._clock()
        if self._warned is not None:
            stood, self._warned = now - self._warned, None
            self._log.warning("%s", _said(msg("The event loop turns again, after {seconds} s.", seconds=_rounded(stood))))
        # One note early rather than late: the next one would be beyond the third.
        if now - self._said >= self._period_s * (SAY - NOTE / 2):
            self._say_now()

    def _say_now(self) -> None:
        now = self._clock()
        if self._say():
            self._said = now

    def _look_after(self) -> None:
        wait = self._period_s * WARN
        while not self._ended.wait(wait):
            turned = self._turned
            stood = self._clock() - turned
            if stood < self._period_s * WARN:
                wait = self._period_s * WARN - stood
                continue
            wait = self._period_s * NOTE
            if self._warned != turned:
                self._warned = turned
                self._warn(stood)

    def _warn(self, stood: float) -> None:
        left = max(0.0, self._said + self._period_s - self._clock())
        frame = sys._current_frames().get(self._loops_thread)  # CPython's, and documented as such
        stack = "".join(traceback.format_stack(frame)).rstrip() if frame is not None else ""
        sentence = msg(
            "The event loop has not turned for {seconds} s: in {left} s systemd restarts the server, which ends every kernel.",
            seconds=_rounded(stood),
            left=_rounded(left),
        )
        self._log.warning("%s\n%s", _said(sentence), stack)


def _said(message: Message) -> str:
    return message.render(words.catalogue(words.terminal_locale()))


def _rounded(seconds: float) -> str:
    return f"{seconds:.0f}" if seconds >= 10 else f"{seconds:.1f}"
