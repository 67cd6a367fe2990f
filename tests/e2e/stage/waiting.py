"""Waiting is on a condition, with a deadline."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def until(condition: Callable[[], T], what: str, seconds: float = 20.0, every: float = 0.05) -> T:
    """The first true value of `condition`. Raises `TimeoutError` that names `what`."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > deadline:
            message = f"waited {seconds} s for {what}"
            raise TimeoutError(message)
        time.sleep(every)
    return value
