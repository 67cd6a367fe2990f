"""The order in which ports are tried."""

from __future__ import annotations

from itertools import product

import pytest

from jupyter_remote_kit.plan.freeport import COUNT, FIRST, candidates

USERS = tuple(str(uid) for uid in range(1000, 1020))
INSTANCES = ("connect", "default", "thesis-0a1b2c")


@pytest.mark.parametrize(("user", "instance"), [*product(USERS[:5], INSTANCES), ("1000", "\udce4")])
def test_every_port_of_the_range_comes_up_once(user: str, instance: str) -> None:
    assert sorted(candidates(user, instance, ())) == list(range(FIRST, FIRST + COUNT))


def test_no_port_is_one_that_the_kernel_hands_out() -> None:
    assert FIRST > 1023
    assert FIRST + COUNT <= 32768


def test_the_order_is_the_same_each_time() -> None:
    assert candidates("1000", "connect", ()) == candidates("1000", "connect", {1})


def test_users_and_instances_rarely_begin_with_the_same_port() -> None:
    firsts = [candidates(user, instance, ())[0] for user, instance in product(USERS, INSTANCES)]
    # Sixty draws out of a thousand meet now and then, as birthdays do; in order of the numbers all of them would.
    assert len(set(firsts)) > len(firsts) * 0.9


def test_what_another_instance_declares_is_left_out() -> None:
    first, second, *_ = candidates("1000", "connect", ())
    assert candidates("1000", "connect", (first,))[0] == second
    assert candidates("1000", "connect", range(FIRST, FIRST + COUNT)) == ()
