"""The garbage collector's thresholds: high while the server starts, the interpreter's own once it serves."""

from __future__ import annotations

import gc

_DEFAULT = gc.get_threshold()
_STARTING = (100_000, 50, 100)


def start() -> None:
    """Look for garbage rarely; called before anything large is imported."""
    gc.set_threshold(*_STARTING)


def settle() -> None:
    """Look as often as usual again, but no more at what the start has made: it is there to stay. Nothing to do without a `start`."""
    if gc.get_threshold() == _STARTING:
        gc.freeze()
        gc.set_threshold(*_DEFAULT)
