"""When a line counts as dead: within 15 s of its last sign, and never while something arrives."""

from __future__ import annotations

from jupyter_remote_kit.plan.liveness import DEAD_AFTER_S, DEAD_AFTER_SLEEP_S, DEAD_AFTER_UPLOADING_S, PING_EVERY_S, Liveness

MIB = 1 << 20


def test_a_line_that_answers_is_alive_and_one_that_does_not_is_dead_within_15_seconds() -> None:
    live = Liveness(100.0)
    live.answered(104.0)
    assert not live.dead(104.0 + DEAD_AFTER_S)
    assert live.dead(104.1 + DEAD_AFTER_S)
    assert PING_EVERY_S + DEAD_AFTER_S < 15


def test_bytes_that_arrive_are_a_sign_while_a_ping_waits_behind_them() -> None:
    live = Liveness(0.0)
    for second in range(60):
        live.carried(float(second), down=second + 1, up=0)
        assert not live.dead(float(second))
    live.carried(70.0, down=60, up=0)
    assert live.dead(70.0)


def test_an_upload_that_waits_is_a_sign_as_long_as_some_of_it_is_taken() -> None:
    live = Liveness(0.0)
    for step in range(1, 10):
        live.carried(step * 12.0, down=0, up=step * 96 * 1024, waiting=MIB)
        assert not live.dead(step * 12.0 + 12.0)
    live.carried(120.0, down=0, up=9 * 96 * 1024, waiting=MIB)
    assert live.dead(9 * 12.0 + 0.1 + DEAD_AFTER_UPLOADING_S)
    assert DEAD_AFTER_UPLOADING_S + 1 < 15


def test_small_requests_into_a_dead_line_are_no_sign() -> None:
    live = Liveness(0.0)
    for second in range(12):
        live.carried(float(second), down=0, up=second * 100)
    assert live.dead(12.0)


def test_after_a_sleep_one_short_wait_decides() -> None:
    live = Liveness(0.0)
    live.slept(3.0)
    assert not live.dead(3.0 + DEAD_AFTER_SLEEP_S)
    assert live.dead(3.1 + DEAD_AFTER_SLEEP_S)
    live.slept(3.0)
    live.answered(4.0)
    assert not live.dead(4.0 + DEAD_AFTER_S)


def test_what_is_older_takes_nothing_back() -> None:
    live = Liveness(0.0)
    live.carried(8.0, down=1, up=0)
    live.answered(4.0)
    assert not live.dead(8.0 + DEAD_AFTER_S)
    live.slept(20.0)
    live.answered(9.0)
    assert not live.dead(20.0 + DEAD_AFTER_S)
