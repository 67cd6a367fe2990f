"""How long is waited before each try."""

from __future__ import annotations

from itertools import islice, repeat

from jupyter_remote_kit.plan.retry import delays


def test_the_first_try_is_made_at_once_and_the_others_ever_later() -> None:
    waits = list(islice(delays(repeat(0.5)), 12))
    assert waits[0] == 0
    assert waits == sorted(waits)
    assert waits[6] == waits[11] == 3


def test_after_some_minutes_they_grow_again_and_no_wait_is_longer_than_19_seconds() -> None:
    waits = list(islice(delays(repeat(1.0)), 100))
    assert max(waits[:30]) == 3 * 1.25
    assert max(waits) == waits[-1] == 15 * 1.25


def test_chance_spreads_them_by_a_quarter() -> None:
    least, most = (list(islice(delays(repeat(chance)), 6))[5] for chance in (0.0, 1.0))
    assert round(most / least, 3) == round(1.25 / 0.75, 3)


def test_they_end_when_chance_does() -> None:
    assert len(list(delays(iter([0.1, 0.2])))) == 3
