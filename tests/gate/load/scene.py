"""One flood against one server, and what somebody notices of it who works there: figures, no verdict."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.gate.load.flood import Guess
from tests.gate.load.network import FIRST_ATTACKER, NEWCOMER, cores
from tests.gate.load.servers import XSRF, Target

HERE = Path(__file__).parent
RATE = 2000.0
ECHO_EVERY_S = 0.05
SIGN_IN_EVERY_S = 1.0
# A kernel's first answers take some 500 ms.
WARM_UP_S = 2.0
GIVE_UP_S = 30.0
FOUND = 302
NOT_DEVICES = ("_xsrf", "username-")


@dataclass(frozen=True)
class Attack:
    """What is guessed, from how many addresses, for how long; `cross_site`: as if by another site's page."""

    guess: Guess
    sources: int
    seconds: float
    idle_seconds: float
    rate: float = RATE
    new_share: float = 0.5
    cross_site: bool = False
    first_source: str = FIRST_ATTACKER
    keep: int = 250
    most_open: int = 8000


@dataclass(frozen=True)
class Percentiles:
    """Of times in milliseconds. What was never answered counts with the time that it waited."""

    count: int
    p50: float
    p95: float
    p99: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Percentiles:
        """Of at least one value."""
        ordered = sorted(values)
        return cls(len(ordered), *(ordered[min(len(ordered) - 1, int(len(ordered) * share))] for share in (0.5, 0.95, 0.99)))


@dataclass(frozen=True)
class SignIns:
    """Right sign-ins of a known browser: how long each took, in seconds, and how many of them did not get in at once."""

    seconds: tuple[float, ...]
    refused: tuple[str, ...]


@dataclass(frozen=True)
class Figures:
    """What one attack did. Times of echoes in ms, of sign-ins in s, memory in MB."""

    attack: Attack
    generator: dict[str, Any]
    idle: Percentiles
    busy: Percentiles
    echo_closed: bool
    known: SignIns
    newcomer_seconds: float | None
    newcomer_tries: tuple[str, ...]
    argon2_at_once: int
    argon2_in_all: int
    memory_growth: float
    memory_peak: float
    log_bytes: int
    descriptors: tuple[int, int]
    server_cpu: float

    @property
    def ratio(self) -> float:
        """The echo's p95 during the flood, of the idle one."""
        return self.busy.p95 / self.idle.p95

    def sentence(self) -> str:
        """All of it in one line, for people."""
        rate, ms = self.generator["rate"], self.generator["ms"]
        slowest = max(self.known.seconds, default=0.0)
        newcomer = "never" if self.newcomer_seconds is None else f"{self.newcomer_seconds:.1f} s"
        return (
            f"{rate['begun']:.0f} guesses/s begun, {rate['sent']:.0f} sent, {rate['answered']:.0f} answered {self.generator['statuses']}"
            f" in {ms['p50']} ms, {self.generator['new_share']:.0%} on new connections, {self.generator['resets']} cut,"
            f" {self.generator['timeouts']} given up; echo p95 {self.idle.p95:.1f} -> {self.busy.p95:.1f} ms ({self.ratio:.2f}),"
            f" p99 {self.idle.p99:.1f} -> {self.busy.p99:.1f} ms; {len(self.known.seconds)} sign-ins of a known device,"
            f" the slowest {slowest:.2f} s, refused {list(self.known.refused)}; a new address after {newcomer} {list(self.newcomer_tries)};"
            f" argon2 {self.argon2_at_once} at once, {self.argon2_in_all} in all; memory {self.memory_growth:+.1f} MB,"
            f" at most {self.memory_peak:+.1f}; log {self.log_bytes / 1000:.0f} kB; descriptors {self.descriptors[0]} ->"
            f" {self.descriptors[1]}; server {self.server_cpu:.0%} of a core"
        )


def play(target: Target, attack: Attack) -> Figures:
    """Sign in, start a kernel, let it rest, flood; then come as somebody new."""
    with target.machine.entered(), target.client() as owner:
        device = _settle(target, owner)
        with _echoing(target, owner) as ask_echo:
            rested = time.monotonic() + WARM_UP_S
            threading.Event().wait(WARM_UP_S + attack.idle_seconds)
            before = _Before.of(target)
            with Flood(target, attack) as flood:
                known = _sign_in_repeatedly(target, device, flood)
                newcomer, tries = _come_new(target, flood.ended)
            server_cpu = (target.cpu_seconds() - before.cpu) / (time.monotonic() - before.at)
            echoes = ask_echo()
    idle = _within(echoes, rested, flood.begun)
    busy = _within(echoes, flood.begun, flood.ended)
    most, total = target.verifications()
    return Figures(
        attack=attack,
        generator=flood.report,
        idle=Percentiles.of(idle),
        busy=Percentiles.of(busy),
        echo_closed=echoes["closed"] is not None,
        known=known,
        newcomer_seconds=newcomer,
        newcomer_tries=tries,
        argon2_at_once=most,
        argon2_in_all=total,
        memory_growth=target.memory() - before.memory,
        memory_peak=target.peak_memory() - before.memory,
        log_bytes=target.log_bytes() - before.log_bytes,
        descriptors=(before.descriptors, target.descriptors()),
        server_cpu=server_cpu,
    )


@dataclass(frozen=True)
class _Before:
    memory: float
    log_bytes: int
    descriptors: int
    cpu: float
    at: float

    @classmethod
    def of(cls, target: Target) -> _Before:
        target.forget_peak()
        target.forget_verifications()
        return cls(target.memory(), target.log_bytes(), target.descriptors(), target.cpu_seconds(), time.monotonic())


# -- the owner -------------------------------------------------------------------------------------------------------------------------


def _settle(target: Target, owner: httpx.Client) -> dict[str, str]:
    """Sign in, look around, start a kernel; returns the cookies of a browser that is known, but not signed in any more."""
    answer = target.sign_in(owner)
    assert answer.status_code == FOUND, f"{answer.status_code}: {answer.text[:500]}"
    for path in ("/lab", "/api/contents", "/api/kernelspecs", "/api/sessions", "/static/favicon.ico"):
        assert owner.get(path).status_code == httpx.codes.OK, path
    return {name: value for name, value in owner.cookies.items() if not name.startswith(NOT_DEVICES)}


@contextlib.contextmanager
def _echoing(target: Target, owner: httpx.Client) -> Iterator[Callable[[], dict[str, Any]]]:
    """A kernel, and a client of it that asks all the time; calling what is given ends it."""
    started = owner.post("/api/kernels", json={"name": "python3"}, headers={"X-XSRFToken": XSRF})
    assert started.status_code == httpx.codes.CREATED, started.text
    target.move_kernels(cores()[1])
    cookies = "; ".join(f"{name}={value}" for name, value in owner.cookies.items())
    order = {
        "url": f"{target.base.replace('http', 'ws', 1)}/api/kernels/{started.json()['id']}/channels",
        "headers": {"Cookie": cookies, "Origin": target.base},
        "every": ECHO_EVERY_S,
        "ca": str(target.host.ca) if target.tls else None,
        "cpu": cores()[1],
    }
    argv = target.machine.command([sys.executable, HERE / "echo.py"])
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            _write(process, json.dumps(order))
            _read(process)

            def ask() -> dict[str, Any]:
                _write(process, "stop")
                return _read(process)

            yield ask
        finally:
            process.kill()


def _within(echoes: dict[str, Any], first: float, last: float) -> list[float]:
    answered = [ms for due, ms in echoes["answers"] if first <= due < last]
    return answered + [(last - due) * 1000 for due in echoes["missing"] if first <= due < last]


def _sign_in_repeatedly(target: Target, device: dict[str, str], flood: Flood) -> SignIns:
    """Once a second on a fresh connection, for as long as the flood lasts."""
    seconds, refused = [], []
    while not flood.is_over(SIGN_IN_EVERY_S):
        with target.client(seconds=GIVE_UP_S) as browser:
            browser.cookies.update(device)
            begun = time.monotonic()
            try:
                answer = target.sign_in(browser)
                if answer.status_code != FOUND:
                    refused.append(str(answer.status_code))
            except httpx.HTTPError as error:
                refused.append(type(error).__name__)
            seconds.append(time.monotonic() - begun)
    return SignIns(tuple(seconds), tuple(refused))


def _come_new(target: Target, since: float) -> tuple[float | None, tuple[str, ...]]:
    """Sign in from an address that was never seen, again when the server says so: seconds since `since`, and the answers on the way."""
    tries: list[str] = []
    while time.monotonic() < since + GIVE_UP_S:
        pause = 0.1
        with target.client(NEWCOMER, GIVE_UP_S) as browser:
            try:
                answer = target.sign_in(browser)
            except httpx.HTTPError as error:
                tries.append(type(error).__name__)
            else:
                tries.append(str(answer.status_code))
                if answer.status_code == FOUND:
                    return time.monotonic() - since, tuple(tries)
                pause = float(answer.headers.get("Retry-After", pause))
                tries[-1] += f" ({pause:g} s)"
        threading.Event().wait(min(pause, max(0.0, since + GIVE_UP_S - time.monotonic())))
    return None, tuple(tries)


# -- the attacker ----------------------------------------------------------------------------------------------------------------------


class Flood:
    """The generator, from its first guess to its report."""

    def __init__(self, target: Target, attack: Attack) -> None:
        words = {
            "--host": target.address,
            "--port": target.base.rpartition(":")[2],
            "--source": attack.first_source,
            "--sources": attack.sources,
            "--guess": attack.guess.value,
            "--rate": attack.rate,
            "--seconds": attack.seconds,
            "--new-share": attack.new_share,
            "--keep": attack.keep,
            "--most-open": attack.most_open,
            "--cpu": cores()[1],
            # Everybody else shares this core; none of them is to wait for the generator.
            "--nice": 19,
        }
        options = [str(word) for pair in words.items() for word in pair]
        switches = [name for name, on in {"--tls": target.tls, "--cross-site": attack.cross_site}.items() if on]
        self._argv = [sys.executable, "-I", HERE / "flood.py", *options, *switches]
        self._machine = target.machine
        self._seconds = attack.seconds
        self._pool = ThreadPoolExecutor(1)

    def __enter__(self) -> Flood:
        self._process = subprocess.Popen(self._machine.command(self._argv), stdout=subprocess.PIPE, text=True)
        self.begun = float(_read(self._process)["begun"])
        self._ending = self._pool.submit(_read, self._process)
        return self

    def is_over(self, within: float) -> bool:
        """Whether the last guess has been made, now or in `within` seconds."""
        with contextlib.suppress(TimeoutError):
            self._ending.result(within)
        return self._ending.done()

    @property
    def ended(self) -> float:
        """The moment of the last guess."""
        return float(self._ending.result()["ended"])

    def __exit__(self, failed: type[BaseException] | None, *_: object) -> None:
        with self._process, self._pool:
            if failed is None:
                self.report = self._pool.submit(_read, self._process).result(self._seconds + GIVE_UP_S)
            self._process.kill()


def _write(process: subprocess.Popen[str], line: str) -> None:
    assert process.stdin is not None
    process.stdin.write(f"{line}\n")
    process.stdin.flush()


def _read(process: subprocess.Popen[str]) -> dict[str, Any]:
    """The next line. Raises where the program has ended; what it complained about is on our own stderr."""
    assert process.stdout is not None
    line: dict[str, Any] = json.loads(process.stdout.readline())
    return line
