"""The rules of the throttle on a fake clock. Each row is a story of guesses, written by hand: who, when, and how long to wait."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jupyter_remote_kit.plan.networks import plain, source_of
from jupyter_remote_kit.server.buckets import INTERVALS_S
from jupyter_remote_kit.server.throttle import Count, Throttle

A, B, C = "192.0.2.1", "192.0.2.2", "192.0.2.3"
UNIX = "unix"
LAPTOP, PHONE = "d1", "d2"
MINUTE, HOUR = 60.0, 3600.0
STALE = "yesterday's-token"


@dataclass(frozen=True)
class Guess:
    """`times` guesses of `who` at once, `at` seconds; each is told to wait `wait` seconds, 0 being let in."""

    at: float
    who: str
    wait: float = 0.0
    times: int = 1
    device: str = ""
    token: str = ""

    def play(self, throttle: Throttle) -> None:
        waits = [throttle.guess(source(self.who), self.at, device=self.device, token=self.token).wait for _ in range(self.times)]
        assert waits == pytest.approx([self.wait] * self.times), self


@dataclass(frozen=True)
class Wait:
    """What `who` would be told, without a guess."""

    at: float
    who: str
    wait: float = 0.0
    device: str = ""

    def play(self, throttle: Throttle) -> None:
        assert throttle.ask(source(self.who), self.at, self.device).wait == pytest.approx(self.wait), self


@dataclass(frozen=True)
class Right:
    """A guess of `who` that was taken before turns out to be right."""

    who: str
    device: str = ""

    def play(self, throttle: Throttle) -> None:
        throttle.forgive(source(self.who), self.device)


Step = Guess | Wait | Right


def source(who: str) -> str:
    return UNIX if who == UNIX else source_of(plain(who))


def addresses(number: int, first: int = 1) -> list[str]:
    """Addresses that no story uses for anything else."""
    return [f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}" for n in range(first, first + number)]


def each_guesses(whos: Iterable[str], at: float = 0.0, wait: float = 0.0) -> list[Step]:
    return [Guess(at, who, wait) for who in whos]


# A source that has gone all the way up: 5 at once, then at the end of each wait. The last guess is at 15 minutes, the wait is 10.
ALL_THE_WAY = [Guess(0, A, times=5), Guess(60, A), Guess(180, A), Guess(420, A), Guess(900, A)]
# Both are used up to the last guess, five by each source.
SITE = [Guess(0, f"2001:db8:1:{n}::1", times=5) for n in range(4)]
NEIGHBOURS = [Guess(0, f"fe80::{n}", times=5) for n in range(4)]
DEVICES = [Guess(0, A, device=f"other-{n}", times=5) for n in range(6)]
# From where a device that has to wait could not guess without its cookie either.
USED_UP = Guess(0, A, times=5)
# Everybody's budget is used up by sources that were never seen before, all at 0 s.
BURST = each_guesses(addresses(60))

ROWS: list[tuple[str, list[Step]]] = [
    # Bursts of one source
    ("nobody waits at first", [Wait(0, A)]),
    ("the first guess is let in", [Guess(0, A)]),
    ("five at once are let in", [Guess(0, A, times=5)]),
    ("four at once leave no wait", [Guess(0, A, times=4), Wait(0, A)]),
    ("the fifth brings on a minute", [Guess(0, A, times=5), Wait(0, A, 60)]),
    ("the sixth waits a minute", [Guess(0, A, times=5), Guess(0, A, 60)]),
    ("five in five seconds wait from the fifth on", [Guess(0, A), Guess(1, A), Guess(2, A), Guess(3, A), Guess(4, A), Guess(5, A, 59)]),
    ("a thousand that are told to wait do not lengthen the wait", [Guess(0, A, times=5), Guess(1, A, 59, times=1000), Guess(60, A)]),
    ("asking costs nothing", [*[Wait(0, A)] * 100, Guess(0, A, times=5)]),
    ("a millisecond early is early", [Guess(0, A, times=5), Guess(59.999, A, 0.001)]),
    ("the wait is over when it was said to be", [Guess(0, A, times=5), Wait(60, A), Guess(60, A)]),
    ("after a minute it is one guess, not five", [Guess(0, A, times=5), Guess(60, A), Guess(60, A, 120)]),
    ("one source does not keep another waiting", [Guess(0, A, times=5), Guess(0, B, times=5), Guess(0, A, 60)]),
    ("guesses by the UNIX socket are counted as one source", [Guess(0, UNIX, times=5), Guess(0, UNIX, 60), Guess(0, A)]),
    # Growth of the interval
    ("the second interval is 2 minutes", [*ALL_THE_WAY[:2], Wait(60, A, 120)]),
    ("the third interval is 4 minutes", [*ALL_THE_WAY[:3], Wait(180, A, 240)]),
    ("the fourth interval is 8 minutes", [*ALL_THE_WAY[:4], Wait(420, A, 480)]),
    ("the fifth interval is 10 minutes", [*ALL_THE_WAY, Wait(900, A, 600)]),
    ("and 10 minutes it stays", [*ALL_THE_WAY, Guess(1500, A), Guess(1500, A, 600), Guess(2100, A), Wait(2100, A, 600)]),
    ("a pause shorter than 10 minutes takes nothing off", [*ALL_THE_WAY, Guess(1500 + 599, A), Wait(1500 + 599, A, 600)]),
    # Decay
    ("10 quiet minutes take one guess off", [Guess(0, A, times=4), Guess(600, A), Wait(600, A), Guess(600, A), Wait(600, A, 60)]),
    ("9 quiet minutes take none off", [Guess(0, A, times=4), Guess(540, A), Wait(540, A, 60)]),
    ("quiet begins where the wait ends", [Guess(0, A, times=5), Guess(600, A), Wait(600, A, 120)]),
    ("10 quiet minutes after the wait are a step down", [Guess(0, A, times=5), Guess(660, A), Wait(660, A, 60)]),
    (
        "20 quiet minutes after the wait leave one more at once",
        [Guess(0, A, times=5), Guess(1260, A), Wait(1260, A), Guess(1260, A), Wait(1260, A, 60)],
    ),
    (
        "one step down after the longest wait, and one guess up: 10 minutes again",
        [*ALL_THE_WAY, Guess(900 + 1200, A), Wait(2100, A, 600)],
    ),
    ("two steps down bring 8 minutes", [*ALL_THE_WAY, Guess(1500 + 1200, A), Wait(2700, A, 480)]),
    ("50 quiet minutes after the longest wait leave one at once", [*ALL_THE_WAY, Guess(1500 + 3000, A), Wait(4500, A, 60)]),
    ("100 minutes after the last guess all is forgotten", [*ALL_THE_WAY, Guess(900 + 6000, A, times=5), Wait(6900, A, 60)]),
    ("half a second less than 10 quiet minutes takes none off", [Guess(0, A, times=4), Guess(599.5, A), Wait(599.5, A, 60)]),
    (
        "and so it is after a night of guesses, one every 10 minutes",
        [*ALL_THE_WAY, *[Guess(900 + 600 * n, A) for n in range(1, 50)], Guess(900 + 600 * 49 + 6000, A, times=5)],
    ),
    ("a year of quiet leaves five, not more", [Guess(0, A, times=5), Guess(365 * 24 * HOUR, A, times=5), Guess(365 * 24 * HOUR, A, 60)]),
    # Addresses
    ("IPv6 of one /64 is one source", [Guess(0, "2001:db8:1:2::1", times=5), Guess(0, "2001:db8:1:2:ffff:ffff:ffff:ffff", 60)]),
    (
        "five addresses of one /64 share five guesses",
        [*each_guesses(f"2001:db8:1:2::{n}" for n in range(5)), Guess(0, "2001:db8:1:2::9", 60)],
    ),
    ("the next /64 is another source", [Guess(0, "2001:db8:1:2::1", times=5), Guess(0, "2001:db8:1:3::1", times=5)]),
    ("the neighbour in IPv4 is another source", [Guess(0, A, times=5), Guess(0, B)]),
    ("IPv4 in IPv6 is the same source", [Guess(0, A, times=5), Guess(0, f"::ffff:{A}", 60)]),
    ("a zone makes no other source", [Guess(0, "fe80::1%eth0", times=5), Guess(0, "fe80::1%eth1", 60)]),
    ("however an address is spelt", [Guess(0, "2001:db8::1", times=5), Guess(0, "2001:0DB8:0:0:0:0:0:1", 60)]),
    # Addresses that one machine or one customer may have many of
    ("20 guesses of one /48 are let in", [*SITE]),
    ("its next /64 waits 10 s", [*SITE, Wait(0, "2001:db8:1:9::1", 10), Guess(0, "2001:db8:1:9::1", 10)]),
    (
        "and one guess is let in every 10 s",
        [*SITE, Guess(10, "2001:db8:1:9::1"), Guess(10, "2001:db8:1:9::1", 10), Guess(20, "2001:db8:1:a::1")],
    ),
    ("its neighbour in the next /48 does not wait", [*SITE, Guess(0, "2001:db8:2::1", times=5)]),
    ("nor does IPv4", [*SITE, Guess(0, A, times=5)]),
    ("a /64 that waits for itself waits as long as ever", [*SITE, Wait(0, "2001:db8:1:1::1", 60)]),
    ("20 guesses of link-local neighbours are let in", [*NEIGHBOURS]),
    ("any further neighbour waits 10 s, whatever its prefix", [*NEIGHBOURS, Guess(0, "fe80::9", 10), Guess(0, "febf:1:2:3::9%eth0", 10)]),
    ("who asks from there is told so too", [*NEIGHBOURS, Wait(3, "fe80::9", 7)]),
    ("a known browser behind such an address does not wait", [*NEIGHBOURS, Guess(0, "fe80::9", device=LAPTOP, times=5)]),
    (
        "a right guess gives the place among the neighbours back",
        [
            *NEIGHBOURS[:3],
            Guess(0, "fe80::8", times=4),
            Guess(0, "fe80::9"),
            Right("fe80::9"),
            Guess(0, "fe80::a"),
            Guess(0, "fe80::a", 10),
        ],
    ),
    (
        "a wrong token that is repeated takes no place there",
        [Guess(0, "fe80::9", token=STALE, times=99), *NEIGHBOURS[:3], Guess(0, "fe80::8", times=4), Guess(0, "fe80::7", 10)],
    ),
    # The budget of all
    ("60 sources at once are let in", [*BURST]),
    ("the 61st waits 2 s", [*BURST, Guess(0, A, 2)]),
    ("one every 2 s from then on", [*BURST, Guess(2, A), Guess(2, B, 2), Guess(4, B), Guess(4, C, 2)]),
    ("who was told to wait was not counted", [*BURST, Guess(0, A, 2, times=500), Guess(2, A), Wait(120, A), Guess(120, A, times=4)]),
    ("a burst that goes on does not push the newcomer back", [*BURST, *each_guesses(addresses(200, 100), 1, 1), Guess(2, A)]),
    ("two quiet minutes bring all 60 back", [*BURST, *each_guesses(addresses(60, 1000), 120), Guess(120, A, 2)]),
    ("a quiet hour brings 60 back, not more", [*BURST, *each_guesses(addresses(60, 1000), HOUR), Guess(HOUR, A, 2)]),
    (
        "sources that guessed before leave ten places to those that did not",
        [*BURST[:50], Guess(0, addresses(1)[0], 2), *each_guesses(addresses(10, 500))],
    ),
    ("and wait for their part of the budget", [*BURST, Wait(0, addresses(1)[0], 22), Guess(22, addresses(1)[0])]),
    ("a newcomer gets in while known sources use up all they may", [*BURST[:50], *each_guesses(addresses(50), 0, 2), Guess(0, A)]),
    ("the longer of the two waits is told", [Guess(0, A, times=5), *BURST[:55], Guess(0, A, 60), Wait(59, A, 1)]),
    (
        "whoever waits for the source alone takes nothing from the others",
        [Guess(0, A, times=5), Guess(0, A, 60, times=200), *BURST[:55], Guess(0, B, 2)],
    ),
    # A right guess
    ("a right guess is free", [Guess(0, A), Right(A), Guess(0, A, times=5), Wait(0, A, 60)]),
    ("the fifth being right leaves no wait", [Guess(0, A, times=5), Right(A), Wait(0, A), Guess(0, A), Wait(0, A, 60)]),
    (
        "a right guess does not wash off others' wrong ones",
        [Guess(0, A, times=3), Guess(0, A), Right(A), Guess(0, A, times=2), Wait(0, A, 60)],
    ),
    ("a hundred right ones in a row are free", [*[Guess(0, A), Right(A)] * 100, Guess(0, A, times=5)]),
    (
        "right after a long wait: the next is free again, and the step stays",
        [*ALL_THE_WAY[:3], Guess(420, A), Right(A), Wait(420, A), Guess(420, A), Wait(420, A, 480)],
    ),
    ("a right guess gives everybody's budget its place back", [*BURST[:59], Guess(0, A), Right(A), Guess(0, B), Guess(0, C, 2)]),
    ("a right one that nobody made is no credit", [Right(A), Right(A), Guess(0, A, times=5), Guess(0, A, 60)]),
    ("right twice for one guess is no credit", [Guess(0, A), Right(A), Right(A), Guess(0, A, times=5), Guess(0, A, 60)]),
    # Devices
    ("a known device has five of its own", [Guess(0, A, times=5), Guess(0, A, device=LAPTOP, times=5), Guess(0, A, 60, device=LAPTOP)]),
    ("a known device does not wait for its address", [*ALL_THE_WAY, Wait(900, A, device=LAPTOP), Guess(900, A, device=LAPTOP)]),
    (
        "a known device does not wait for a distributed burst",
        [*BURST, Wait(0, A, 2), Wait(0, A, device=LAPTOP), Guess(0, A, device=LAPTOP)],
    ),
    ("its guesses cost its address nothing", [Guess(0, A, device=LAPTOP, times=5), Guess(0, A, times=5)]),
    ("nor everybody's budget", [*DEVICES, *BURST]),
    ("30 guesses of all devices are let in, and the next waits 10 s", [USED_UP, *DEVICES, Guess(0, A, 10, device=LAPTOP)]),
    (
        "one every 10 s from then on",
        [USED_UP, *DEVICES, Guess(10, A, device=LAPTOP), Guess(10, A, 10, device=PHONE), Guess(20, A, device=PHONE)],
    ),
    ("who asks is told so too", [USED_UP, *DEVICES, Wait(4, A, 6, device=LAPTOP)]),
    ("five quiet minutes bring all 30 back", [*DEVICES, *[Guess(300, A, device=f"new-{n}", times=5) for n in range(6)]]),
    ("devices that wait keep no stranger waiting", [*DEVICES, Guess(0, A, times=5)]),
    (
        "a right guess gives the devices' budget its place back",
        [
            USED_UP,
            *DEVICES[:5],
            Guess(0, A, device=LAPTOP, times=4),
            Guess(0, A, device=PHONE),
            Right(A, PHONE),
            Guess(0, A, device=PHONE),
            Guess(0, A, 10, device=PHONE),
        ],
    ),
    (
        "a device's stale token does not wait for that budget",
        [
            USED_UP,
            Guess(0, A, device=LAPTOP, token=STALE),
            *DEVICES[:5],
            Guess(0, A, device=PHONE, times=4),
            Guess(0, A, device=LAPTOP, token=STALE),
            Guess(0, A, 10, device=PHONE),
        ],
    ),
    ("a device waits wherever it goes", [Guess(0, A, device=LAPTOP, times=5), Guess(1, B, times=5), Guess(1, B, 59, device=LAPTOP)]),
    (
        "its interval grows as a source's",
        [
            Guess(0, A, device=LAPTOP, times=5),
            Guess(60, A, device=LAPTOP),
            Guess(0, B, times=5),
            Guess(60, B),
            Wait(60, B, 120, device=LAPTOP),
        ],
    ),
    ("another device behind the same address is another count", [Guess(0, A, device=LAPTOP, times=5), Guess(0, A, device=PHONE, times=5)]),
    ("a device named as an address is not that address", [Guess(0, A, times=5), Guess(0, B, device=A)]),
    (
        "right on a device is given back to the device",
        [Guess(0, A, times=5), Guess(0, A, device=LAPTOP, times=5), Right(A, LAPTOP), Guess(0, A, device=LAPTOP), Guess(0, A, 60)],
    ),
    # Devices that have to wait
    ("a device that has to wait guesses as its address may", [Guess(0, A, device=LAPTOP, times=10), Guess(0, A, 60, device=LAPTOP)]),
    ("which costs its address what it would without the cookie", [Guess(0, A, device=LAPTOP, times=10), Guess(0, A, 60)]),
    (
        "devices without number keep no known browser out whose address is innocent",
        [*DEVICES, Guess(0, B, device=LAPTOP, times=5), Guess(0, B, 10, device=LAPTOP)],
    ),
    (
        "the device's wait is told where it is the shorter one",
        [Guess(0, A, device=LAPTOP, times=5), Guess(9, A, times=5), Wait(9, A, 51, LAPTOP)],
    ),
    ("and the address's where that is", [Guess(0, A, times=5), Guess(9, A, device=LAPTOP, times=5), Wait(9, A, 51, LAPTOP)]),
    ("there it waits for everybody's budget too", [Guess(0, A, device=LAPTOP, times=5), *BURST, Guess(0, A, 2, device=LAPTOP)]),
    (
        "and for its neighbours",
        [*NEIGHBOURS, Guess(0, "fe80::9", device=LAPTOP, times=5), Guess(0, "fe80::9", 10, device=LAPTOP)],
    ),
    (
        "a right guess is given back to the address that it was counted by",
        [Guess(0, A, device=LAPTOP, times=6), Right(A), Guess(0, A, times=5), Guess(0, A, 60, device=LAPTOP)],
    ),
    (
        "its own count comes first again when it has waited",
        [Guess(0, A, device=LAPTOP, times=5), Guess(60, A, device=LAPTOP), Guess(60, A, times=5)],
    ),
    (
        "a token that the device knows is no guess of the address",
        [
            Guess(0, A, device=LAPTOP, token=STALE),
            Guess(0, A, device=LAPTOP, times=4),
            Guess(0, A, 60, device=LAPTOP, token=STALE, times=9),
            Guess(0, A, times=5),
        ],
    ),
    (
        "one that was counted by the address is remembered there",
        [Guess(0, A, device=LAPTOP, times=5), Guess(0, A, device=LAPTOP, token=STALE, times=99), Guess(0, A, times=4), Wait(0, A, 60)],
    ),
    # Tokens
    ("a wrong token costs as a password does", [*[Guess(0, A, token=f"t{n}") for n in range(5)], Guess(0, A, 60, token="t9")]),
    ("the same wrong token again is free", [Guess(0, A, token=STALE, times=1000), Guess(0, A, times=4), Wait(0, A, 60)]),
    (
        "an IDE that polls for a day keeps its owner's five less one",
        [*[Guess(at, A, token=STALE) for at in range(0, 500, 3)], Guess(500, A, times=4), Wait(500, A, 60)],
    ),
    ("and after ten minutes all five", [*[Guess(at, A, token=STALE) for at in range(0, 900, 3)], Guess(900, A, times=5), Wait(900, A, 60)]),
    (
        "it waits while its source waits",
        [Guess(0, A, token=STALE), Guess(0, A, times=4), Guess(10, A, 50, token=STALE), Guess(60, A, token=STALE)],
    ),
    (
        "and does not lengthen that wait",
        [Guess(0, A, token=STALE), Guess(0, A, times=4), Guess(10, A, 50, token=STALE, times=99), Guess(60, A), Wait(60, A, 120)],
    ),
    (
        "a known stale token does not wait for everybody's budget",
        [Guess(0, A, token=STALE), *BURST[:59], Guess(0, A, token=STALE), Guess(0, B, 2)],
    ),
    ("a token that is new does", [*BURST, Guess(0, A, 2, token=STALE)]),
    (
        "one source's stale token is another's guess",
        [Guess(0, A, token=STALE), *[Guess(0, B, times=4), Guess(0, B, token=STALE)], Guess(0, B, 60, token=STALE)],
    ),
    (
        "eight tokens are remembered",
        [
            *[Guess(n * HOUR, A, token=f"t{n}") for n in range(8)],
            *[Guess(8 * HOUR, A, token=f"t{n}") for n in range(8)],
            Guess(8 * HOUR, A, times=5),
        ],
    ),
    (
        "the ninth pushes out the first",
        [
            *[Guess(n * HOUR, A, token=f"t{n}") for n in range(9)],
            Guess(9 * HOUR, A, token="t0"),
            Guess(9 * HOUR, A, times=4),
            Wait(9 * HOUR, A, 60),
        ],
    ),
    ("a password that reads as the stale token is a guess", [Guess(0, A, token=STALE), Guess(0, A, times=4), Wait(0, A, 60)]),
    ("a token that is no Unicode text", [Guess(0, A, token="\udcff"), Guess(0, A, token="\udcff"), Guess(0, A, times=4), Wait(0, A, 60)]),
    (
        "a device's stale token is free on the device",
        [USED_UP, Guess(0, A, device=LAPTOP, token=STALE, times=99), Guess(0, A, device=LAPTOP, times=4), Wait(0, A, 60, device=LAPTOP)],
    ),
]


@pytest.mark.parametrize("steps", [steps for _, steps in ROWS], ids=[name for name, _ in ROWS])
def test_rule(steps: list[Step]) -> None:
    throttle = Throttle()
    for step in steps:
        step.play(throttle)


def test_the_table_of_rules_is_long_enough_and_says_each_once() -> None:
    names = [name for name, _ in ROWS]
    assert len(names) >= 40
    assert len(set(names)) == len(names)


# -- what the audit is told -------------------------------------------------------------------------------------------------------------


def test_a_wrong_token_is_new_once_and_repeated_from_then_on() -> None:
    throttle = Throttle()
    assert [throttle.guess(A, at, token=STALE).repeated for at in range(4)] == [False, True, True, True]
    assert not throttle.guess(A, 4, token="another").repeated
    assert not throttle.guess(B, 4, token=STALE).repeated
    assert not throttle.guess(A, 4, device=LAPTOP, token=STALE).repeated
    assert throttle.guess(A, 5, device=LAPTOP, token=STALE).repeated


def test_what_waits_is_repeated_when_it_is_remembered_and_new_until_it_was_taken() -> None:
    throttle = Throttle()
    throttle.guess(A, 0, token=STALE)
    for _ in range(4):
        throttle.guess(A, 0)
    told = throttle.guess(A, 10, token=STALE)
    assert (told.wait, told.repeated) == (pytest.approx(50), True)
    assert [throttle.guess(A, 10, token="new").repeated for _ in range(3)] == [False] * 3


def test_a_password_is_never_repeated() -> None:
    throttle = Throttle()
    assert not any(throttle.guess(A, 0).repeated for _ in range(9))


# -- whose count it was ---------------------------------------------------------------------------------------------------------------


def test_a_source_that_used_up_its_own_waits_for_itself_whatever_others_do() -> None:
    throttle = Throttle()
    for _ in range(5):
        assert throttle.guess(A, 0).count is Count.SOURCE
    for who in addresses(60):
        throttle.guess(who, 0)
    assert throttle.ask(A, 0).count is Count.SOURCE
    # Of two seconds the source has to wait for one; the other is everybody's.
    assert throttle.ask(A, 59).count is Count.SOURCE
    assert throttle.guess(A, 59).count is Count.SOURCE


@pytest.mark.parametrize("who", [A, addresses(1)[0]])
def test_whoever_waits_for_everybodys_budget_is_told_that_it_is_not_theirs(who: str) -> None:
    throttle = Throttle()
    for other in addresses(60):
        throttle.guess(other, 0)
    for told in (throttle.ask(who, 0), throttle.guess(who, 0), throttle.guess(who, 0, token="new")):
        assert (told.wait > 0, told.count) == (True, Count.SHARED)


def test_whoever_waits_for_its_neighbours_is_told_that_it_is_not_theirs() -> None:
    throttle = Throttle()
    for n in range(20):
        throttle.guess(source(f"fe80::{n}"), 0)
    assert throttle.ask(source("fe80::99"), 0).count is Count.SHARED


def test_a_device_that_used_up_its_own_waits_for_itself() -> None:
    throttle = Throttle()
    for _ in range(5):
        assert throttle.guess(A, 0, device=LAPTOP).count is Count.DEVICE
        throttle.guess(A, 0)
    assert throttle.ask(A, 0, LAPTOP).count is Count.DEVICE
    assert throttle.ask(A, 0).count is Count.SOURCE


def test_a_device_whose_likes_used_up_everything_waits_for_nothing_of_its_own() -> None:
    throttle = Throttle()
    for n in range(30):
        throttle.guess(A, 0, device=f"other-{n}")
    assert throttle.guess(A, 0, device=LAPTOP).count is Count.SOURCE
    for who in addresses(60):
        throttle.guess(who, 0)
    told = throttle.guess(A, 0, device=LAPTOP)
    assert (told.wait, told.count) == (10, Count.SHARED)


# -- the table's end ------------------------------------------------------------------------------------------------------------------


def test_rotating_sources_push_out_one_another_and_not_the_penalised() -> None:
    throttle = Throttle(sources=10)
    for who in ("worst", "bad"):
        for _ in range(5):
            assert throttle.guess(who, 0).wait == 0
    assert throttle.guess("worst", 60).wait == 0
    taken = sum(throttle.guess(f"new-{n}", 61 + n / 50).wait == 0 for n in range(1000))
    assert taken > 50
    assert throttle.ask("worst", 81).wait == pytest.approx(99)
    # Its minute is over, and its step is remembered.
    assert throttle.guess("bad", 120).wait == 0
    assert throttle.ask("bad", 120).wait == pytest.approx(120)
    assert len(throttle) == 10


def test_of_the_penalised_the_one_forgotten_first_makes_room() -> None:
    throttle = Throttle(sources=2)
    for _ in range(5):
        throttle.guess("early", 0)
        throttle.guess("late", 100)
    assert throttle.guess("new", 101).wait == 0
    assert throttle.ask("late", 101).wait == pytest.approx(59)
    assert throttle.guess("early", 101, token="x").wait == 0  # forgotten: it begins anew, and takes the newer's place
    assert len(throttle) == 2


def test_a_table_of_one_source_still_counts() -> None:
    throttle = Throttle(sources=1)
    assert [throttle.guess(A, 0).wait for _ in range(6)] == [0, 0, 0, 0, 0, 60]
    assert len(throttle) == 1


def test_guesses_of_200_000_sources_leave_a_bounded_table() -> None:
    throttle = Throttle(sources=64)
    taken = sum(throttle.guess(f"s{n}", n / 2000).wait == 0 for n in range(200_000))
    assert taken == pytest.approx(60 + 100 / 2, abs=1)
    assert len(throttle) == 64


def test_devices_are_bounded_and_apart_from_sources() -> None:
    throttle = Throttle(sources=8, devices=8)
    for _ in range(5):
        throttle.guess("s", 0, device="owner")
    for n in range(20):
        assert throttle.guess("s", 1, device=f"other-{n}").wait == 0
    for n in range(8):
        throttle.guess(f"s{n}", 1)
    for _ in range(5):
        throttle.guess("s", 1)
    assert throttle.ask("s", 2, "owner").wait == pytest.approx(58)
    assert len(throttle) == 8 + 8


def test_five_thousand_device_cookies_are_worth_thirty_guesses() -> None:
    """Each sign-in may bring a new one, and the table forgets them."""
    throttle = Throttle()
    for _ in range(5):
        throttle.guess(A, 0)
    assert sum(throttle.guess(A, 0, device=f"d{n % 5000}").wait == 0 for n in range(25_000)) == 30
    told = [throttle.guess(A, n / 10, device=f"d{n % 5000}") for n in range(1, 36_000)]
    assert sum(one.wait == 0 and one.count is Count.DEVICE for one in told) == pytest.approx(3600 / 10, abs=2)
    # What their address would have been given without any: at 1, 3, 7, 15, 25, 35, 45 and 55 minutes.
    assert sum(one.wait == 0 and one.count is Count.SOURCE for one in told) == 8


def test_wide_sources_are_bounded() -> None:
    throttle = Throttle(sources=8)
    for n in range(3000):
        throttle.guess(source_of(plain(f"2001:db8:{n:x}::1")), n * 2.0)
    assert len(throttle) == 8 + 1024


def test_sources_that_only_ask_are_not_remembered() -> None:
    throttle = Throttle()
    for n in range(10_000):
        assert throttle.ask(f"s{n}", 0).wait == 0
    assert len(throttle) == 0


def test_sources_whose_guess_was_right_are_not_remembered() -> None:
    throttle = Throttle()
    for n in range(10_000):
        throttle.guess(f"s{n}", 0)
        throttle.forgive(f"s{n}")
    assert len(throttle) == 0


# -- concurrency: guesses are taken before any is judged ------------------------------------------------------------------------------


def test_two_thousand_guesses_before_the_first_is_judged_are_five() -> None:
    throttle = Throttle()
    assert sum(throttle.guess(A, 0).wait == 0 for _ in range(2000)) == 5


def test_the_owner_among_five_concurrent_guesses_gives_back_one() -> None:
    throttle = Throttle()
    assert [throttle.guess(A, at).wait for at in (0, 0.1, 0.2, 0.3, 0.4)] == [0] * 5
    throttle.forgive(A)
    assert throttle.ask(A, 0.5).wait == 0
    assert throttle.guess(A, 0.5).wait == 0
    assert throttle.ask(A, 0.5).wait == pytest.approx(60)


# -- the promises of the module, as a user meets them ---------------------------------------------------------------------------------


@pytest.mark.parametrize("attackers", [1, 60, 250, 5000])
def test_a_source_never_seen_gets_in_within_10_s_of_a_burst(attackers: int) -> None:
    throttle = Throttle()
    for n in range(120_000):  # 2,000 a second for 60 s
        throttle.guess(f"s{n % attackers}", n / 2000)
    assert throttle.ask("owner", 60).wait <= 2
    assert throttle.guess("owner", 62).wait == 0


def test_a_source_never_seen_gets_in_while_250_addresses_go_on() -> None:
    throttle = Throttle()
    attackers = [f"s{n}" for n in range(250)]
    for second in range(600):
        for who in attackers:
            throttle.guess(who, second)
    assert throttle.guess("owner", 600).wait == 0


def test_a_known_browser_signs_in_at_once_while_everybody_guesses() -> None:
    throttle = Throttle()
    for n in range(40_000):
        throttle.guess(source_of(plain(f"fe80::{n % 9999:x}" if n % 2 else f"2001:db8:{n % 9999:x}::1")), n / 2000)
        if n % 2000 == 0:
            assert throttle.guess(A, n / 2000, device="owner").wait == 0
            throttle.forgive(A, "owner")


def test_a_machine_with_all_link_local_addresses_keeps_no_stranger_out() -> None:
    throttle, taken = Throttle(), 0
    for n in range(60_000):  # 100 a second for ten minutes
        taken += throttle.guess(source_of(plain(f"fe80::{n:x}")), n / 100).wait == 0
    assert taken == pytest.approx(20 + 600 / 10, abs=1)
    assert throttle.guess("owner", 600).wait == 0


def test_a_site_of_65536_prefixes_makes_20_guesses_and_one_in_10_s() -> None:
    throttle = Throttle()
    taken = sum(throttle.guess(source_of(plain(f"2001:db8:1:{n:x}::1")), n / 100).wait == 0 for n in range(65_536))
    assert taken == pytest.approx(20 + 655.36 / 10, abs=1)


def test_an_hour_of_attack_from_many_is_1860_guesses() -> None:
    throttle = Throttle()
    taken = sum(throttle.guess(f"s{n % 100_000}", n / 50).wait == 0 for n in range(180_000))
    assert taken == pytest.approx(60 + 3600 / 2, abs=2)


def test_a_day_of_one_source_is_some_150_guesses() -> None:
    throttle = Throttle()
    taken = sum(throttle.guess(A, at).wait == 0 for at in range(86_400))
    assert 140 <= taken <= 155


def test_no_wait_is_longer_than_the_table_of_waits_says() -> None:
    throttle = Throttle()
    longest = 0.0
    for at in range(20_000):
        throttle.guess(A, at)
        throttle.guess(f"s{at % 999}", at)
        longest = max(longest, throttle.ask(A, at).wait)
        assert throttle.ask("never seen", at).wait <= 2
    assert longest == 600


# -- properties -----------------------------------------------------------------------------------------------------------------------

pauses = st.lists(
    st.one_of(st.just(0.0), st.floats(0, 5), st.floats(0, 1500), st.sampled_from([*INTERVALS_S, 599.0, 1200.0])), max_size=120
)


@given(pauses)
def test_a_source_never_gets_more_than_5_and_1_a_minute(steps: list[float]) -> None:
    throttle, now = Throttle(), 1000.0
    taken: list[float] = []
    for pause in steps:
        now += pause
        if throttle.guess(A, now).wait == 0:
            taken.append(now)
    for first, began in enumerate(taken):
        for last, ended in islice(enumerate(taken), first, None):
            assert last - first + 1 <= 5 + (ended - began) / 60 + 1e-9


@given(st.lists(st.tuples(st.floats(0, 100), st.integers(0, 12), st.booleans(), st.booleans()), max_size=150))
def test_all_sources_never_get_more_than_60_and_1_in_2_s(steps: list[tuple[float, int, bool, bool]]) -> None:
    throttle, now, taken = Throttle(sources=5), 0.0, 0
    for pause, who, as_token, right in steps:
        now += pause
        new = throttle.guess(f"s{who}", now, token=f"t{taken}" if as_token else "").wait == 0
        taken += new
        if new and right:
            throttle.forgive(f"s{who}")
            taken -= 1
        assert taken <= 60 + now / 2 + 1e-9


@given(st.lists(st.tuples(st.floats(0, 100), st.integers(0, 3), st.integers(0, 12)), max_size=150))
def test_device_cookies_let_no_source_have_more_than_its_own_and_what_devices_have(steps: list[tuple[float, int, int]]) -> None:
    throttle, now = Throttle(devices=5), 0.0
    sources, devices = dict.fromkeys(range(4), 0), 0
    for pause, who, device in steps:
        now += pause
        told = throttle.guess(f"s{who}", now, device=f"d{device}" if device else "")
        if told.wait == 0 and told.count is Count.SOURCE:
            sources[who] += 1
        devices += told.wait == 0 and told.count is Count.DEVICE
        assert max(sources.values()) <= 5 + now / 60 + 1e-9
        assert sum(sources.values()) <= 60 + now / 2 + 1e-9
        assert devices <= 30 + now / 10 + 1e-9


actions = st.tuples(
    st.sampled_from(["guess", "token", "device", "forgive", "wait"]), st.integers(0, 40), st.sampled_from([0.0, 0.5, 3.0, 61.0, 4000.0])
)


@settings(max_examples=60)
@given(st.lists(actions, max_size=300), st.integers(1, 8))
def test_the_table_never_exceeds_its_bound(steps: list[tuple[str, int, float]], bound: int) -> None:
    throttle, now, devices = Throttle(sources=bound), 0.0, set()
    for action, number, pause in steps:
        now += pause
        who = f"s{number}"
        if action == "guess":
            throttle.guess(who, now)
        elif action == "token":
            throttle.guess(who, now, token=f"t{number % 3}")
        elif action == "device":
            devices.add(who)
            throttle.guess("x", now, device=who)
        elif action == "forgive":
            throttle.forgive(who)
        assert 0 <= throttle.ask(who, now).wait <= max(INTERVALS_S)
        assert len(throttle) <= bound + len(devices)


@given(pauses)
def test_waiting_as_long_as_told_is_enough(steps: list[float]) -> None:
    throttle, now = Throttle(), 0.0
    for pause in steps:
        now += pause
        wait = throttle.guess(A, now).wait
        if wait > 0:
            now += wait + 1e-6
            assert throttle.guess(A, now).wait == 0
