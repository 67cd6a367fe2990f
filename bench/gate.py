"""What the gate costs whoever is signed in, and what a flood of guesses costs them, side by side with a bare JupyterLab."""

from __future__ import annotations

import contextlib
import os
import socket
import ssl
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import psutil

from bench.contestants import LOOPBACK, OK, Contestant, Running
from bench.pairs import progress, ratios
from bench.sandbox import BenchError
from bench.servers import LAB, UP, contestants
from bench.tables import Row, Table

AIM_COST = 1.05
REQUESTS = 1000
# Rounds below this are for seeing that it runs.
FULL_ROUNDS = 5
ROUTES = {"`GET /api/status`": "/api/status", "a static file": "/static/favicon.ico"}


@dataclass(frozen=True)
class Latency:
    """Of requests one after the other on one connection, in milliseconds."""

    p50: float
    p99: float


def cost(rounds: int, home: Path, bytecode: Path) -> Table:
    """Milliseconds of a request with the token, on a connection that is kept: the server on one core, the client on another."""
    rows = []
    for transport, servers in contestants(home, bytecode).items():
        with contextlib.ExitStack() as stack:
            clients = {name: stack.enter_context(_connected(server)) for name, server in servers.items()}
            for words, path in ROUTES.items():
                progress(f"cost, {transport}, {words}")
                found = [_in_turns(clients, path, turn) for turn in range(-1, rounds)][1:]
                for percentile in ("p50", "p99"):
                    ours, theirs = ([getattr(each[name], percentile) for each in found] for name in (UP, LAB))
                    name = f"{transport}, {words}, {percentile}"
                    rows.append(Row.slower(name, ours, theirs, ratios(ours, theirs), AIM_COST))
    heads = ("transport, request, measure", f"`{UP}`, ms", f"`{LAB}`, ms", "ratio", "quartiles", "aim")
    return Table("Cost of the gate", heads, tuple(rows))


@dataclass(frozen=True)
class Client:
    """A connection, and what to send before each path."""

    connection: socket.socket
    head: bytes

    def ask(self, path: str) -> None:
        """One request and its whole answer. Raises `BenchError` for any status but 200."""
        self.connection.sendall(b"GET %s HTTP/1.1\r\n%s" % (path.encode(), self.head))
        data = b""
        while b"\r\n\r\n" not in data:
            data += self._received()
        head, _, body = data.partition(b"\r\n\r\n")
        if int(head.split(b" ", 2)[1]) != OK:
            message = f"GET {path} was answered with {head[:200]!r}"
            raise BenchError(message)
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0])
        received = len(body)
        while received < length:
            received += len(self._received())

    def _received(self) -> bytes:
        data = self.connection.recv(1 << 16)
        if not data:
            message = "the server ended a connection that was in use"
            raise BenchError(message)
        return data


@contextlib.contextmanager
def _connected(server: Contestant) -> Iterator[Client]:
    first, last = _cores()
    with server.serving() as running:
        for thread in psutil.Process(running.process.pid).threads():
            os.sched_setaffinity(thread.id, {first})
        ours = os.sched_getaffinity(0)
        os.sched_setaffinity(0, {last})
        try:
            with _connection(running) as connection:
                authority = f"{LOOPBACK}:{running.port}"
                yield Client(connection, f"Host: {authority}\r\nAuthorization: token {running.token}\r\n\r\n".encode())
        finally:
            os.sched_setaffinity(0, ours)


def _connection(running: Running) -> socket.socket:
    plain = socket.create_connection((LOOPBACK, running.port), timeout=30)
    plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if not running.tls:
        return plain
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context.wrap_socket(plain)


def _in_turns(clients: Mapping[str, Client], path: str, turn: int) -> dict[str, Latency]:
    """One request to each after the other, so that a busy moment of the machine meets both."""
    times: dict[str, list[float]] = {name: [] for name in clients}
    order = list(clients) if turn % 2 == 0 else list(reversed(clients))
    for _ in range(REQUESTS):
        for name in order:
            begun = time.perf_counter()
            clients[name].ask(path)
            times[name].append((time.perf_counter() - begun) * 1000)
    return {name: Latency(statistics.median(found), sorted(found)[REQUESTS * 99 // 100]) for name, found in times.items()}


def _cores() -> tuple[int, int]:
    allowed = sorted(os.sched_getaffinity(0))
    return allowed[0], allowed[-1]


# -- floods ----------------------------------------------------------------------------------------------------------------------------

HEADS = (
    "flood",
    "server",
    "guesses/s",
    "answered/s",
    "on new connections",
    "echo p95, idle, ms",
    "echo p95, flood, ms",
    "ratio",
    "known device, s",
    "new address, s",
    "argon2 at once",
    "memory, MB",
    "log, kB",
)


def flood(rounds: int, _home: Path, _bytecode: Path) -> Table:
    """Wrong guesses at 2,000 a second against both servers, one after the other; once, whatever `rounds` is, and short for few rounds.

    The scene is the tests' own (tests/gate/load): hosts are network namespaces, so it wants root.
    """
    from tests.e2e.stage import namespaces

    if reason := namespaces.reason_to_skip():
        return Table("A flood of guesses", HEADS, ((Row((reason, *("" for _ in HEADS[1:])))),))
    from tests.gate.load import servers
    from tests.gate.load.flood import Guess
    from tests.gate.load.network import ATTACKERS, crowd
    from tests.gate.load.scene import Attack, play

    seconds, idle = (60, 15) if rounds >= FULL_ROUNDS else (5, 5)
    rows = []
    sides: Mapping[str, Callable[..., Any]] = {UP: servers.kit, LAB: servers.bare}
    with crowd() as hosts:
        for tls, sources, guess in product((True, False), (1, ATTACKERS), Guess):
            words = f"{'TLS' if tls else 'plain'}, {sources} address{'es' * (sources > 1)}, {guess.value}s"
            for name, serving in sides.items():
                progress(f"flood, {words}, {name}")
                with serving(*hosts, tls=tls) as target:
                    rows.append(Row((words, f"`{name}`", *_cells(play(target, Attack(guess, sources, seconds, idle))))))
    return Table(f"A flood of guesses, {seconds} s each", HEADS, tuple(rows))


def _cells(figures: Any) -> tuple[str, ...]:  # noqa: ANN401  # tests/gate/load/scene.py, which only a checkout has
    rate = figures.generator["rate"]
    refused = len(figures.known.refused)
    known = f"≤ {max(figures.known.seconds, default=0.0):.2f}" + (f", {refused} of {len(figures.known.seconds)} refused" if refused else "")
    return (
        f"{rate['begun']:,.0f}",
        f"{rate['answered']:,.0f}",
        f"{figures.generator['new_share']:.0%}",
        f"{figures.idle.p95:.1f}",
        f"{figures.busy.p95:,.1f}",
        f"{figures.ratio:,.2f}",
        known,
        "never" if figures.newcomer_seconds is None else f"{figures.newcomer_seconds:.1f}",
        str(figures.argon2_at_once),
        f"{figures.memory_growth:+.1f}",
        f"{figures.log_bytes / 1000:,.0f}",
    )
