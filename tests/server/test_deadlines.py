"""Until when a connection may do what it does, to the second. What closes it then is in test_connections."""

from __future__ import annotations

import inspect

import pytest

from jupyter_remote_kit.plan.certificates import RENEW_BEFORE
from jupyter_remote_kit.plan.policy import TELL_DAYS
from jupyter_remote_kit.server.bounds import Bounds
from jupyter_remote_kit.server.deadlines import NEVER, Deadlines, Progress, State
from jupyter_remote_kit.server.door import Door
from jupyter_remote_kit.server.resumption import EACH as EACH_TLS_SESSION
from jupyter_remote_kit.server.resumption import LIFETIME_S as TLS_SESSION_S
from jupyter_remote_kit.server.sockets import MOST_PEEKED
from jupyter_remote_kit.server.sources import Paces
from jupyter_remote_kit.server.streams import MOST_HEADER, MOST_LINES, MOST_READ
from jupyter_remote_kit.server.tickets import LIFETIME_SECONDS as TICKET_S
from jupyter_remote_kit.settings import DEFAULT_SESSION_DAYS

LIMITS = Deadlines(
    header=7.0,
    header_reads=3,
    idle=100.0,
    idle_stranger_squeezed=5.0,
    idle_signed_in_squeezed=50.0,
    body_stranger=11.0,
    body_window=13.0,
    body_least=1000,
    answer_stalled=17.0,
)
NOW = 1000.0


def test_what_is_promised_in_numbers() -> None:
    """SECURITY.md states these. The other tests here and in test_connections have numbers of their own, for which a test can wait."""
    times, bounds = Deadlines(), Bounds()
    assert (times.header, times.idle) == (10, 300)
    assert (times.body_least, times.body_window) == (16 * 1024, 60)
    assert (bounds.each, bounds.large, bounds.large_each) == (64, 32, 8)
    assert (MOST_HEADER, MOST_READ, MOST_LINES) == (16 * 1024, 72 * 1024, 128)
    assert (DEFAULT_SESSION_DAYS, TICKET_S) == (14, 60)
    assert (MOST_PEEKED, TLS_SESSION_S, EACH_TLS_SESSION.per_second) == (16 * 1024, 2 * 3600, 4)
    assert Paces().known_arrivals.per_second == 100
    assert inspect.signature(Door).parameters["known_for"].default == 3600
    assert (RENEW_BEFORE.days, TELL_DAYS) == (30, 21)


def progress(state: State, *, signed_in: bool = False) -> Progress:
    made = Progress(LIMITS, NOW - 500)
    if signed_in:
        made.sign_in(NOW - 400)
    made.enter(state, NOW)
    return made


@pytest.mark.parametrize(
    ("state", "stranger", "signed_in"),
    [
        (State.ACCEPTED, 7.0, 7.0),
        (State.HEADER, 7.0, 7.0),
        (State.IDLE, 100.0, 100.0),
        (State.QUEUED, NEVER, NEVER),
        (State.BODY, 11.0, 13.0),
        (State.ANSWERING, 17.0, NEVER),
        (State.UPGRADED, NEVER, NEVER),
    ],
)
def test_each_state_has_its_time(state: State, stranger: float, signed_in: float) -> None:
    assert progress(state).due == NOW + stranger
    assert progress(state, signed_in=True).due == NOW + signed_in


@pytest.mark.parametrize("state", [State.ACCEPTED, State.HEADER, State.IDLE])
def test_the_time_is_up_when_it_is_up_and_not_before(state: State) -> None:
    made = progress(state)
    assert not made.overdue(made.due - 0.001, reading=True, writing=False)
    assert made.overdue(made.due, reading=True, writing=False)


def test_bytes_win_a_header_no_time_and_too_many_pieces_cost_it_what_is_left() -> None:
    made = progress(State.HEADER)
    for _ in range(3):
        made.receive(100)
    assert made.due == NOW + 7
    made.receive(1)
    assert made.due == 0
    assert made.overdue(NOW, reading=True, writing=False)


def test_somebody_signed_in_may_send_a_header_in_pieces() -> None:
    made = progress(State.HEADER, signed_in=True)
    for _ in range(10):
        made.receive(1)
    assert made.due == NOW + 7


def test_a_strangers_body_has_its_time_in_all_and_that_of_somebody_signed_in_has_a_least_speed() -> None:
    stranger, friend = progress(State.BODY), progress(State.BODY, signed_in=True)
    for made in (stranger, friend):
        made.receive(1000)
    assert stranger.overdue(NOW + 11, reading=True, writing=False)
    assert not friend.overdue(NOW + 13, reading=True, writing=False)
    assert friend.due == NOW + 26
    friend.receive(999)
    assert friend.overdue(NOW + 26, reading=True, writing=False)


def test_a_body_that_we_do_not_read_is_no_stall() -> None:
    assert not progress(State.BODY, signed_in=True).overdue(NOW + 13, reading=False, writing=False)


def test_an_answer_is_stalled_when_nothing_of_it_was_taken() -> None:
    made = progress(State.ANSWERING)
    made.written += 1
    assert not made.overdue(NOW + 17, reading=False, writing=True)
    assert made.due == NOW + 34
    assert made.overdue(NOW + 34, reading=False, writing=True)
    assert not progress(State.ANSWERING).overdue(NOW + 17, reading=False, writing=False), "one that is still worked out"


@pytest.mark.parametrize(("signed_in", "limit"), [(False, 5.0), (True, 50.0)])
def test_idle_ones_go_sooner_where_room_is_needed_and_others_do_not(signed_in: bool, limit: float) -> None:
    made = progress(State.IDLE, signed_in=signed_in)
    assert not made.squeezed(NOW + limit - 0.001)
    assert made.squeezed(NOW + limit)
    assert not progress(State.HEADER, signed_in=signed_in).squeezed(NOW + limit)
