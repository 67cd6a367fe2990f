"""Milliseconds from the command on the laptop to the first answer of JupyterLab on the host."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

from bench.connect.contestants import (
    BY_HAND,
    CONNECT,
    FORWARD,
    FORWARD_PORT,
    HAND_PORT,
    Contestant,
    by_hand,
    connect,
    far_port,
    forward,
    ready,
    started,
    tunnel,
)
from bench.connect.scene import Scene, scene
from bench.pairs import interleave, ratios
from bench.tables import Row, Table

TITLE = "`connect`: until HTTP answers"
HEADS = ("on the host, against", "`connect`, ms", "peer, ms", "times faster", "quartiles", "aim")
AIM_COLD, AIM_WARM = 1.0, 5.0


def table(rounds: int) -> Table:
    """Cold, then with a server that runs."""
    with scene() as where:
        cold = interleave(rounds, {contestant.name: _cold(where, contestant) for contestant in (connect(), forward(), by_hand())}, "cold")
        where.reset()
        with _servers(where) as contestants:
            warm = interleave(rounds, {each.name: _warm(where, each) for each in contestants}, "warm")
    rows = (
        _row("no server", FORWARD, cold, AIM_COLD),
        _row("no server", BY_HAND, cold, None),
        _row("a server runs", FORWARD, warm, AIM_WARM),
        _row("a server runs, its port and token known", BY_HAND, warm, None),
    )
    return Table(TITLE, HEADS, rows)


def _cold(where: Scene, contestant: Contestant) -> Callable[[], float]:
    """From nothing: neither a server on the host nor a file of one, on either side."""

    def measure() -> float:
        where.reset()
        return _seconds(where, contestant)

    return measure


def _warm(where: Scene, contestant: Contestant) -> Callable[[], float]:
    return lambda: _seconds(where, contestant)


def _seconds(where: Scene, contestant: Contestant) -> float:
    with started(where, contestant) as session:
        return session.wait_until_it_answers()


@contextlib.contextmanager
def _servers(where: Scene) -> Iterator[tuple[Contestant, ...]]:
    """A server of each kind runs on the host. jupyter-forward's ends with it, so it stays; a second one needs a port of its own."""
    with ready(where, connect()) as (first,):
        token = first.token
    with ready(where, forward()):
        yield connect(), forward(FORWARD_PORT + 2), tunnel(HAND_PORT, far_port(where), token)


def _row(words: str, peer: str, samples: dict[str, list[float]], aim: float | None) -> Row:
    ours, theirs = ([second * 1000 for second in samples[name]] for name in (CONNECT, peer))
    return Row.faster(f"{words}, `{peer}`", ours, theirs, ratios(theirs, ours), aim)
