"""Watches a contestant while its line is cut."""

from __future__ import annotations

import threading
import time

from bench.connect.contestants import Session

LOOKS_EVERY_S = 0.1
GIVEN_UP_AFTER_S = 60.0
"""What was lost on the way is sent again at ever longer intervals: 26 s after half a minute of silence."""


class Watch:
    """For two threads: one asks again and again, as a page does, the other reads what the command says."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._begun = time.perf_counter()
        self._over = threading.Event()
        self._over_at = 0.0
        self._decided = threading.Event()

    def over(self) -> None:
        """What has cut the line is gone."""
        self._over_at = time.perf_counter()
        self._over.set()

    def back(self) -> float | None:
        """Seconds from then to the first answer; `None` when the command has ended, or is given up."""
        try:
            while True:
                over = self._over.is_set()
                answered = self._session.answers()
                since = time.perf_counter() - self._over_at
                if over and answered:
                    return since
                if over and (self._session.ended or since > GIVEN_UP_AFTER_S):
                    return None
                time.sleep(LOOKS_EVERY_S)
        finally:
            self._decided.set()

    def noticed(self) -> float | None:
        """Seconds from the beginning to the first word of it, or to the end of the command; `None` when neither has come by the end."""
        session = self._session
        while True:
            decided = self._decided.wait(LOOKS_EVERY_S)
            if session.ended or session.contestant.notices.search(session.words()):
                return time.perf_counter() - self._begun
            if decided:
                return None
