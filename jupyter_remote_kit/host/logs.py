"""Reads what a detached server has said."""

from __future__ import annotations

import os
from pathlib import Path

MAX_READ = 64 * 1024


def size(path: Path) -> int:
    """The log's length in bytes; 0 when there is none."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def lines_since(path: Path, offset: int) -> tuple[str, ...]:
    """The lines after `offset` bytes, of the last 64 KiB at most; a log that is shorter than that was rotated, and is read whole."""
    length = size(path)
    if not length:
        return ()
    start = max(offset if offset <= length else 0, length - MAX_READ)
    with path.open("rb") as log:
        log.seek(start, os.SEEK_SET)
        return tuple(log.read().decode(errors="replace").splitlines())
