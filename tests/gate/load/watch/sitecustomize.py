"""Counts how many argon2 verifications run at once, in every Python process that has this folder on its `PYTHONPATH`.

Threads have no names below Python 3.14, and a sampler misses what lasts 50 ms: so the verification itself is counted, in a file of two
32-bit numbers that the test reads (`ARGON2_WATCH`): most at once, and in all.
"""

from __future__ import annotations

import mmap
import os
import struct
import threading
from typing import Any

from argon2 import PasswordHasher

COUNTS = struct.Struct("<II")


def watch(path: str) -> None:
    """Count from now on."""
    with open(path, "r+b") as file:  # noqa: PTH123  every interpreter of the test run starts with this module
        counts = mmap.mmap(file.fileno(), COUNTS.size)
    lock, now = threading.Lock(), 0
    verify = PasswordHasher.verify

    def counted(self: PasswordHasher, hashed: Any, password: Any) -> Any:
        nonlocal now
        with lock:
            now += 1
            most, total = COUNTS.unpack_from(counts)
            COUNTS.pack_into(counts, 0, max(most, now), total + 1)
        try:
            return verify(self, hashed, password)
        finally:
            with lock:
                now -= 1

    PasswordHasher.verify = counted  # type: ignore[method-assign,assignment]


if "ARGON2_WATCH" in os.environ:
    watch(os.environ["ARGON2_WATCH"])
