"""How long to wait before the next try: at once, then longer each time, with some chance in it so that many laptops do not come at once."""

from __future__ import annotations

from collections.abc import Iterator

_FIRST_S = 0.5
_GROWTH = 1.6
# Whoever sits before a page that waits is helped by seconds; after some minutes of it nobody sits there.
_SOON_S, _SOON_TRIES = 3.0, 30
_LONGEST_S = 15.0
_SPREAD = 0.25


def delays(chances: Iterator[float]) -> Iterator[float]:
    """Seconds to wait before each try, without end; `chances` are numbers from 0 to 1, one of which each delay takes.

    The first try is made at once: of a line that was cut most are back by then.
    """
    yield 0.0
    delay = _FIRST_S
    for number, chance in enumerate(chances):
        yield delay * (1 - _SPREAD + 2 * _SPREAD * chance)
        delay = min(delay * _GROWTH, _SOON_S if number < _SOON_TRIES else _LONGEST_S)
