"""Turns, places and deadlines on a clock of their own."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jupyter_remote_kit.server.deadlines import Deadlines, Progress, State
from jupyter_remote_kit.server.door import Door
from jupyter_remote_kit.server.seats import Seats
from jupyter_remote_kit.server.sources import Lane, Pace, Paces

PACES = Paces(
    everybody=Pace(20, 4),
    source=Pace(5, 3),
    all_guessing=Pace(4, 2),
    guessing=Pace(1, 1),
    known_guessing=Pace(2, 2),
    known=Pace(5, 3),
    known_arrivals=Pace(2, 2),
)


def door(**bounds: float) -> Door[str]:
    return Door(PACES, **bounds)  # type: ignore[arg-type]


def crowd(entrance: Door[str], source: str, count: int, now: float = 0.0) -> list[str]:
    """`count` of `source` knock; those that have to go."""
    outsiders = [entrance.knock(f"{source}{number}", source, 1.0, now) for number in range(count)]
    return [who for who in outsiders if who is not None]


# -- turns -----------------------------------------------------------------------------------------------------------------------------


def test_who_comes_alone_waits_for_nothing() -> None:
    entrance = door()
    assert entrance.knock("a", "A", 1.0, 0.0) is None
    assert entrance.turns(0.0) == ["a"]
    assert len(entrance) == 0


def test_one_source_has_its_own_pace() -> None:
    entrance = door()
    crowd(entrance, "A", 10)
    assert entrance.turns(0.0) == ["A0", "A1", "A2"]
    assert entrance.turns(0.1) == []
    assert entrance.turns(0.2) == ["A3"]
    assert entrance.turns(0.6) == ["A4", "A5"]


def test_all_sources_share_one() -> None:
    entrance = door()
    for source in "ABCDEF":
        crowd(entrance, source, 2)
    assert entrance.turns(0.0) == ["A0", "B0", "C0", "D0"]
    assert entrance.turns(0.1) == ["E0", "F0"]
    assert entrance.turns(9.0) == ["A1", "B1", "C1", "D1"]


def test_a_newcomer_is_served_before_a_crowd() -> None:
    entrance = door()
    for source in "ABCDEFGH":
        crowd(entrance, source, 8)
    entrance.turns(0.0)
    entrance.turns(0.2)
    entrance.knock("owner", "O", 1.0, 0.21)
    assert entrance.turns(0.25) == ["owner"]


def test_whoever_signed_in_lately_is_served_before_newcomers() -> None:
    entrance = door()
    entrance.welcome("O", 1.0, 0.0)
    crowd(entrance, "F", 4, 1.0)
    entrance.turns(1.0)
    for number in range(6):
        entrance.knock(f"n{number}", f"N{number}", 1.0, 1.0)
    entrance.knock("owner", "O", 1.0, 1.01)
    assert entrance.turns(1.05)[0] == "owner"
    assert door(known_for=1.0).turns(0.0) == []


def test_a_guesser_is_slow_and_last() -> None:
    entrance = door()
    entrance.heat("G", 60, 0.0)
    crowd(entrance, "G", 3)
    crowd(entrance, "A", 1)
    assert entrance.turns(0.0) == ["A0", "G0"]
    assert entrance.turns(0.9) == []
    assert entrance.turns(1.0) == ["G1"]
    assert entrance.guesses("G", 59)
    assert not entrance.guesses("G", 60)
    assert not entrance.guesses("A", 0)
    assert entrance.turns(60.0) == ["G2"]


def test_all_guessers_share_one_pace() -> None:
    entrance = door()
    for source in "GHIJ":
        entrance.heat(source, 60, 0.0)
        crowd(entrance, source, 1)
    assert len(entrance.turns(0.0)) == 2
    assert len(entrance.turns(0.25)) == 1


def test_where_somebody_signed_in_lately_a_guesser_does_not_make_the_address_come_last() -> None:
    entrance = door(known_for=60.0)
    entrance.welcome("O", 0.0, 0.0)
    for source in "OGH":
        entrance.heat(source, 90, 0.0)
    # As many as guessers may have together wait before it.
    for source in "GHO":
        crowd(entrance, source, 4)
    assert entrance.turns(0.0) == ["O0", "G0", "H0", "O1"]
    assert entrance.turns(0.49) == []
    assert [who for who in entrance.turns(0.5) if who.startswith("O")] == ["O2"]
    assert entrance.guesses("O", 59), "its guesses are refused for all that"
    entrance.clear()
    # Nobody signed in any more: a guesser as others are.
    crowd(entrance, "O", 3, 60.0)
    assert entrance.turns(60.0) == ["O0"]
    assert entrance.turns(60.9) == []
    entrance.welcome("O", 0.0, 60.9)
    assert entrance.turns(60.95) == ["O1", "O2"], "again"


def test_an_attacker_behind_a_known_address_takes_no_more_than_one_source_may() -> None:
    entrance = door(waiting=6, waiting_each=4)
    entrance.welcome("O", 0.0, 0.0)
    entrance.heat("O", 90, 0.0)
    assert crowd(entrance, "O", 5) == ["O4"], "the fifth of one source"
    assert crowd(entrance, "A", 3) == ["O3"], "whoever crowds the queue goes, known or not"
    assert entrance.turns(0.0) == ["O0", "A0", "O1", "A1"]
    served = Counter[str]()
    for tick in range(1, 1001):
        now = tick / 100
        crowd(entrance, "O", 4, now)
        for source in "ABCDEF":
            crowd(entrance, source, 1, now)
        served.update(who[0] for who in entrance.turns(now))
    known = served.pop("O")
    assert known <= PACES.known_guessing.per_second * 10
    assert sum(served.values()) >= (PACES.everybody.per_second - PACES.known_guessing.per_second) * 10 - 1


def test_new_connections_of_a_known_source_do_not_wait_behind_its_requests() -> None:
    entrance = door()
    entrance.welcome("O", 0.0, 0.0)
    for guesses in (False, True):
        now = 100.0 * guesses
        if guesses:
            entrance.heat("O", 90, now)
        for number in range(20):
            entrance.ask(f"in{number}", "O", 1.0, now)
        entrance.turns(now)
        assert len(entrance) > 10
        entrance.knock("owner", "O", 1.0, now + 0.3)
        assert "owner" in entrance.turns(now + 0.3)
        entrance.clear()


def test_a_new_connection_that_came_to_nothing_gives_no_turn_to_requests() -> None:
    entrance = door()
    entrance.welcome("O", 0.0, 0.0)
    for number in range(4):
        entrance.ask(f"in{number}", "O", 1.0, 0.0)
    assert len(entrance.turns(0.0)) == PACES.known.at_once
    entrance.give_back("O", 1.0, 0.0, Lane.NEWCOMERS)
    assert entrance.turns(0.0) == []
    entrance.give_back("O", 1.0, 0.0)
    assert entrance.turns(0.0) == ["in3"]


def test_what_a_sign_in_gives_back_was_had_as_a_guesser() -> None:
    entrance = door()
    for source in "GH":
        entrance.heat(source, 60, 0.0)
        crowd(entrance, source, 1)
    assert len(entrance.turns(0.0)) == 2
    entrance.welcome("G", 1.0, 0.0)
    entrance.heat("I", 60, 0.0)
    crowd(entrance, "I", 1)
    assert entrance.turns(0.0) == ["I0"], "one of the two that guessers have at once is free again"


def test_what_was_used_before_does_not_lock_a_guesser_out() -> None:
    entrance = door()
    crowd(entrance, "G", 3)
    entrance.turns(0.0)
    entrance.heat("G", 60, 0.0)
    entrance.heat("G", 1, 0.0)
    crowd(entrance, "G", 1)
    assert entrance.turns(0.9) == []
    assert entrance.turns(1.0) == ["G0"]
    assert entrance.guesses("G", 30), "a shorter penalty does not end a longer one"


def test_turns_come_back_to_whoever_signed_in() -> None:
    entrance = door()
    for round_ in range(5):
        crowd(entrance, "O", 2)
        assert len(entrance.turns(0.0)) == 2, round_
        entrance.welcome("O", 2.0, 0.0)
    entrance.heat("O", 60, 0.0)
    crowd(entrance, "O", 1)
    assert entrance.turns(0.0) == ["O0"]
    entrance.welcome("O", 1.0, 0.0)
    crowd(entrance, "O", 1)
    assert entrance.turns(0.0) == ["O0"]


def test_a_turn_that_costs_more_than_there_ever_is_is_still_given() -> None:
    entrance = door()
    entrance.knock("a", "A", 50.0, 0.0)
    assert entrance.turns(0.0) == ["a"]


def test_who_waits_is_bounded() -> None:
    entrance = door(waiting=6, waiting_each=4)
    assert crowd(entrance, "A", 5) == ["A4"], "the fifth of one source"
    assert crowd(entrance, "B", 2) == []
    assert entrance.knock("c", "C", 1.0, 0.0) == "A3", "the last of the source that has the most"
    assert entrance.knock("d", "D", 1.0, 0.0) == "A2"
    assert entrance.knock("e", "E", 1.0, 0.0) == "A1"
    assert entrance.knock("f", "F", 1.0, 0.0) == "B1"
    assert entrance.knock("g", "G", 1.0, 0.0) == "g", "nobody has more than one any more"
    assert len(entrance) == 6


def test_a_newcomer_finds_a_place_in_a_queue_that_is_full_of_others() -> None:
    entrance = Door[str](PACES, waiting=4)
    for source in "ABCD":
        crowd(entrance, source, 1)
    assert len(entrance.turns(0.0)) == 4
    entrance.welcome("A", 0.0, 0.0)
    for source in "ABCD":
        crowd(entrance, source, 1)
    assert entrance.knock("b", "B", 1.0, 0.0) == "b"
    assert entrance.knock("owner", "O", 1.0, 0.0) in {"B0", "C0", "D0"}
    assert entrance.knock("other", "P", 1.0, 0.0) in {"B0", "C0", "D0"}
    assert entrance.turns(0.05) == ["A0"], "known"
    assert entrance.turns(0.1) == ["owner"]


def test_who_is_in_already_is_not_refused_and_keeps_no_newcomer_out() -> None:
    entrance = door(waiting=2, waiting_each=2)
    crowd(entrance, "A", 3)
    for number in range(4):
        entrance.ask(f"in{number}", "A", 0.5, 0.0)
    assert len(entrance) == 6
    assert entrance.turns(0.0) == ["in0", "A0", "in1", "A1"]
    assert entrance.knock("b", "B", 1.0, 0.0) is None
    assert entrance.knock("c", "C", 1.0, 0.0) is None
    assert entrance.knock("d", "D", 1.0, 0.0) == "d", "those inside are not pushed out"
    assert entrance.turns(1.0) == ["b", "c", "in2", "in3"]
    entrance.ask("late", "A", 0.5, 1.0)
    crowd(entrance, "A", 1, 1.0)
    assert entrance.leave("late", "A")
    assert entrance.leave("A0", "A")
    assert len(entrance) == 0


def test_a_guesser_never_takes_a_place_from_others_and_gives_up_its_own() -> None:
    entrance = door(waiting=2)
    entrance.heat("G", 60, 0.0)
    entrance.heat("H", 60, 0.0)
    crowd(entrance, "G", 1)
    crowd(entrance, "A", 1)
    assert entrance.knock("h", "H", 1.0, 0.0) == "h"
    assert entrance.knock("b", "B", 1.0, 0.0) == "G0"


def test_patience_ends() -> None:
    entrance = door(patience=5.0)
    crowd(entrance, "A", 4)
    assert entrance.turns(0.0) == ["A0", "A1", "A2"]
    assert entrance.impatient(4.9) == []
    assert entrance.impatient(5.0) == ["A3"]
    assert len(entrance) == 0


def test_who_leaves_waits_no_longer() -> None:
    entrance = door()
    crowd(entrance, "A", 5)
    entrance.turns(0.0)
    assert entrance.leave("A3", "A")
    assert not entrance.leave("A3", "A")
    assert entrance.leave("A4", "A")
    assert not entrance.leave("A4", "A"), "the source has nobody left"
    assert entrance.turns(9.0) == []


def test_clearing_tells_who_waited() -> None:
    entrance = door()
    crowd(entrance, "A", 2)
    crowd(entrance, "B", 1)
    assert sorted(entrance.clear()) == ["A0", "A1", "B0"]
    assert (len(entrance), entrance.turns(9.0), entrance.clear()) == (0, [], [])


def test_sources_are_forgotten_when_there_are_too_many() -> None:
    entrance = door(sources=100)
    entrance.heat("guesser", 1000, 0.0)
    entrance.welcome("known", 0.0, 0.0)
    for number in range(1000):
        entrance.knock(f"{number}", f"N{number}", 1.0, number)
        entrance.turns(number)
        assert len(entrance._sources) <= 100
    assert entrance.guesses("guesser", 999)


SOURCES = st.sampled_from("ABCDEFGH")
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["knock"] * 6 + ["ask"] * 2 + ["turns"] * 3 + ["heat", "welcome", "impatient", "leave"]), SOURCES, st.floats(0, 0.3)
    ),
    max_size=200,
)


@settings(max_examples=150, deadline=None)
@given(STEPS)
def test_whatever_happens_everybody_is_told_once_and_no_pace_is_exceeded(  # noqa: C901  # a branch for each step
    steps: list[tuple[str, str, float]],
) -> None:
    entrance = door(waiting=10, waiting_each=4, patience=2.0, sources=6)
    now, number = 0.0, 0
    came: set[str] = set()
    told: Counter[str] = Counter()
    served: list[float] = []
    welcomed = 0.0
    for step, source, pause in steps:
        now += pause
        if step == "knock":
            who = f"{source}{(number := number + 1)}"
            came.add(who)
            outsider = entrance.knock(who, source, 1.0, now)
            told.update([outsider] if outsider else [])
        elif step == "ask":
            came.add(who := f"{source}{(number := number + 1)}")
            entrance.ask(who, source, 1.0, now)
        elif step == "turns":
            turned = entrance.turns(now)
            told.update(turned)
            served += [now] * len(turned)
        elif step == "impatient":
            told.update(entrance.impatient(now))
        elif step == "heat":
            entrance.heat(source, 3.0, now)
        elif step == "leave":
            oldest = next((who for who in sorted(came - set(told)) if who.startswith(source)), None)
            if oldest and entrance.leave(oldest, source):
                told[oldest] += 1
        else:
            entrance.welcome(source, 1.0, now)
            welcomed += 1
        assert len(entrance) == len(came) - len(told)
        assert entrance._newcomers <= 10
        assert len(entrance._sources) <= 6 + 8
    told.update(entrance.clear())
    assert set(told) == came
    assert all(count == 1 for count in told.values())
    assert len(served) <= PACES.everybody.at_once + PACES.everybody.per_second * now + welcomed + 1e-6


# -- places ----------------------------------------------------------------------------------------------------------------------------


def seats(ranks: dict[str, int], each: int = 3, overall: int = 5) -> Seats[str]:
    return Seats(lambda who: ranks.get(who, 0), each=each, overall=overall, within_source=1, last=5)


def test_the_one_too_many_takes_the_place_of_the_oldest_of_its_source() -> None:
    ranks: dict[str, int] = {"a1": 1, "a2": 0, "a3": 0}
    table = seats(ranks)
    for who in ranks:
        table.take(who, "A")
    assert table.room_for("A") == (True, "a2"), "half-open before idle"
    ranks.update(a1=1, a2=2, a3=5)
    assert table.room_for("A") == (True, "a1")
    ranks["a1"] = 2
    assert table.room_for("A") == (False, None), "all of them are busy"
    assert table.room_for("B") == (True, None)


def test_the_bound_over_all_is_paid_by_the_source_that_has_the_most() -> None:
    ranks: dict[str, int] = {"a1": 5, "a2": 5, "a3": 5}
    table = seats(ranks)
    for who, source in [("a1", "A"), ("a2", "A"), ("a3", "A"), ("b1", "B"), ("b2", "B")]:
        table.take(who, source)
    assert table.room_for("C") == (True, "b1")
    ranks["a2"] = 4
    assert table.room_for("C") == (True, "a2"), "a request in progress as well, before others have to go"
    ranks.update(a2=5, b1=5, b2=5)
    assert table.room_for("C") == (True, "a1"), "in the end, those who give way last"


def test_places_are_counted_once_and_given_up_once() -> None:
    table = seats({})
    table.take("a", "A")
    table.take("a", "A")
    table.take("b", "A")
    assert (len(table), table.of("A"), table.of("B")) == (2, 2, 0)
    for _ in range(2):
        table.give_up("a", "A")
        table.give_up("c", "C")
    assert (len(table), table.of("A")) == (1, 1)
    table.give_up("b", "A")
    assert (len(table), table.leaver()) == (0, None)


# -- deadlines -------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "signed_in", "limit"),
    [
        (State.ACCEPTED, False, 10),
        (State.HEADER, False, 10),
        (State.HEADER, True, 10),
        (State.IDLE, False, 300),
        (State.IDLE, True, 300),
        (State.BODY, False, 10),
        (State.BODY, True, 60),
        (State.ANSWERING, False, 30),
        (State.ANSWERING, True, None),
        (State.QUEUED, False, None),
        (State.UPGRADED, False, None),
        (State.UPGRADED, True, None),
    ],
)
def test_each_state_has_its_time(state: State, signed_in: bool, limit: float | None) -> None:
    progress = Progress(Deadlines(), 0.0)
    progress.signed_in = signed_in
    progress.enter(state, 100.0)
    if limit is None:
        assert not progress.overdue(1e9, reading=True, writing=True)
    else:
        assert not progress.overdue(100.0 + limit - 0.1, reading=True, writing=True)
        assert progress.overdue(100.0 + limit, reading=True, writing=True)


def test_a_body_of_somebody_signed_in_needs_progress_and_no_total_time() -> None:
    progress = Progress(Deadlines(), 0.0)
    progress.enter(State.BODY, 0.0)
    progress.sign_in(0.0)
    for minute in range(1, 100):
        progress.received += 16 * 1024
        assert not progress.overdue(minute * 60.0, reading=True, writing=False), minute
    progress.received += 16 * 1024 - 1
    assert not progress.overdue(100 * 60.0, reading=False, writing=False), "it is we who do not read"
    assert progress.overdue(101 * 60.0, reading=True, writing=False)


def test_an_answer_that_a_stranger_takes_none_of() -> None:
    progress = Progress(Deadlines(), 0.0)
    progress.enter(State.ANSWERING, 0.0)
    progress.written += 1
    assert not progress.overdue(30.0, reading=False, writing=True)
    assert not progress.overdue(60.0, reading=False, writing=False), "nothing to write yet"
    assert not progress.overdue(89.0, reading=False, writing=True)
    assert progress.overdue(90.0, reading=False, writing=True)


def test_one_that_has_only_just_come_gives_way_no_sooner_than_a_request_that_waits() -> None:
    progress = Progress(Deadlines(fresh=1.0), 0.0)
    assert [progress.gives_way(now) for now in (0.9, 1.0)] == [State.QUEUED.gives_way, State.ACCEPTED.gives_way]
    progress.enter(State.IDLE, 0.0)
    assert progress.gives_way(0.0) == State.IDLE.gives_way


def test_idle_is_shorter_where_room_is_needed() -> None:
    progress = Progress(Deadlines(), 0.0)
    assert not progress.squeezed(1000.0), "not idle"
    progress.enter(State.IDLE, 0.0)
    assert [progress.squeezed(now) for now in (9.9, 10.0)] == [False, True]
    progress.sign_in(0.0)
    assert [progress.squeezed(now) for now in (59.9, 60.0)] == [False, True]
