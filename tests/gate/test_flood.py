"""Wrong guesses by the thousand, and somebody who works meanwhile. Short: five seconds, four combinations; long: a minute, all eight.

What depends on the machine's speed (the echo) is printed, and held to its bound in the long form alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from stage.hosts import Host
from stage.namespaces import Namespace

from tests.gate.load import scene, servers
from tests.gate.load.flood import Guess
from tests.gate.load.network import ATTACKERS
from tests.gate.load.scene import Attack, Figures

ARGON2_AT_ONCE = 2
MEMORY_MB = 20.0
# One verification's own working memory (host/passwords.py, MEMORY_KIB); gone once it is done.
ARGON2_MB = 10.5
LOG_BYTES = 1_000_000
KNOWN_WITHIN_S = 1.0
NEW_WITHIN_S = 10.0
ECHO_RATIO = 2.0
SPARE_DESCRIPTORS = 8


@dataclass(frozen=True)
class Case:
    """One flood."""

    tls: bool
    sources: int
    guess: Guess
    short: bool

    def __str__(self) -> str:
        return f"{'TLS' if self.tls else 'plain'}, {self.sources}, {self.guess.value}s"


# Each transport, each number of addresses and each kind of guess twice.
CASES = [
    Case(tls, sources, guess, short=(sources == 1) == (tls == (guess is Guess.PASSWORD)))
    for tls in (True, False)
    for sources in (1, ATTACKERS)
    for guess in Guess
]


@pytest.mark.timeout(300)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_flood_keeps_nobody_out(case: Case, hosts: tuple[Host, Namespace], long: bool, figure: Callable[[str], None]) -> None:
    if not (long or case.short):
        pytest.skip("in the long form (REMOTEKIT_LONG=1)")
    attack = Attack(case.guess, case.sources, seconds=60, idle_seconds=15) if long else Attack(case.guess, case.sources, 5, 3)
    with servers.kit(*hosts, tls=case.tls) as target:
        figures = scene.play(target, attack)
        log = target.logs[0].read_text(errors="replace")
    figure(figures.sentence())
    assert "Traceback" not in log, log[-4000:]
    assert not figures.echo_closed
    assert figures.known.refused == ()
    assert figures.newcomer_seconds is not None, figures.newcomer_tries
    assert figures.argon2_at_once <= ARGON2_AT_ONCE
    assert figures.memory_growth < MEMORY_MB
    assert figures.memory_peak < MEMORY_MB + ARGON2_AT_ONCE * ARGON2_MB
    assert figures.log_bytes < LOG_BYTES
    assert set(figures.generator["statuses"]) <= REFUSALS, figures.generator
    if long:
        in_time(figures)


# 401: wrong, and counted; 403: a stranger's request; 429: too many; 503: the queue is full.
REFUSALS = {"401", "403", "429", "503"}


def in_time(figures: Figures) -> None:
    """What only a machine that is otherwise idle can be held to."""
    assert figures.ratio < ECHO_RATIO
    assert max(figures.known.seconds) < KNOWN_WITHIN_S
    assert figures.newcomer_seconds is not None
    assert figures.newcomer_seconds < NEW_WITHIN_S
