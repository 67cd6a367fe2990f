"""Whether a folder is on a disk of this machine alone."""

from __future__ import annotations

import os
from pathlib import Path

from jupyter_remote_kit.plan import mounts

TABLE = Path("/proc/self/mountinfo")


def on_network(path: Path, table: Path = TABLE) -> bool:
    """Whether other machines may have `path` too. Where there is no such table, as on macOS, nothing is known of it: `False`."""
    try:
        told = os.fsdecode(table.read_bytes())
    except OSError:
        return False
    return mounts.on_network(told, os.path.realpath(path))
