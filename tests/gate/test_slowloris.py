"""Connections that never come to an end, and somebody who wants in; saves over a thin line; connections that rest."""

from __future__ import annotations

import contextlib
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e.stage.hosts import Host
from tests.e2e.stage.namespaces import Namespace
from tests.e2e.stage.waiting import until
from tests.gate.load import servers
from tests.gate.load.network import ATTACKERS, FIRST_ATTACKER, NEWCOMER, OWNER, cores
from tests.gate.load.servers import Target

SLOW = Path(servers.__file__).with_name("slow.py")
MEGABIT_S = 1_000_000 / 8
SIGN_INS = 5
FOUND = 302
SIGN_IN_WITHIN_S = 1.0
# The short form runs beside other tests, which have the processor as well; the long one has the machine to itself.
SHORT_SIGN_IN_WITHIN_S = 3.0
SPARE_DESCRIPTORS = 4
# What a Python has that has seen some hundred handshakes; the connections' own is given back.
MEMORY_MB = 30.0

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]


class Crowd:
    """The half-open connections, as their own process counts them."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def look(self) -> dict[str, int]:
        """The counts of this second."""
        assert self._process.stdout is not None
        counts: dict[str, int] = json.loads(self._process.stdout.readline())
        return counts


@contextlib.contextmanager
def half_open(target: Target, connections: int, sources: int = ATTACKERS) -> Iterator[Crowd]:
    """So many connections, for as long as this lasts."""
    words: dict[str, Any] = {
        "--host": target.host.address,
        "--port": target.base.rpartition(":")[2],
        "--source": FIRST_ATTACKER,
        "--sources": sources,
        "--connections": connections,
        "--cpu": cores()[1],
    }
    argv = [sys.executable, "-I", SLOW, *(str(word) for pair in words.items() for word in pair), *(["--tls"] if target.tls else [])]
    with subprocess.Popen(target.machine.command(argv), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield Crowd(process)
        finally:
            process.kill()


def established(host: Host) -> int:
    """TCP connections that the server's machine has, from anywhere."""
    shown = host.run("ss", "-Htn", "state", "established").expect()
    return len(shown.out.splitlines())


def sign_in(target: Target, source: str) -> float:
    """Seconds from nothing to a session, on a connection of its own."""
    with target.machine.entered(), target.client(source) as browser:
        begun = time.monotonic()
        answer = target.sign_in(browser)
        assert answer.status_code == FOUND, answer.text
        taken = time.monotonic() - begun
        # Where the answer leads to: somebody is there who is signed in.
        assert browser.get("/api/status").status_code == httpx.codes.OK
        return taken


@pytest.mark.parametrize("tls", [True, False], ids=["TLS", "plain"])
def test_half_open_connections_keep_nobody_out(tls: bool, hosts: tuple[Host, Namespace], long: bool, figure: Callable[[str], None]) -> None:
    connections, seconds = (5000, 30) if long else (500, 12)
    with servers.kit(*hosts, tls=tls) as target:
        sign_in(target, OWNER)
        quiet = [sign_in(target, OWNER) for _ in range(SIGN_INS)]
        until(lambda: established(target.host) == 0, "the connections of before to end")
        descriptors, memory, cpu = target.descriptors(), target.memory(), target.cpu_seconds()
        with half_open(target, connections) as crowd:
            taken, most, held, counts = [], 0, 0, {}
            begun = time.monotonic()
            while time.monotonic() < begun + seconds:
                counts = crowd.look()
                most = max(most, established(target.host))
                held = max(held, target.descriptors() - descriptors)
                taken.append(sign_in(target, NEWCOMER if len(taken) % 2 else OWNER))
            cpu = (target.cpu_seconds() - cpu) / (time.monotonic() - begun)
        ended = time.monotonic()
        until(lambda: target.descriptors() <= descriptors + SPARE_DESCRIPTORS, "the descriptors to come back", 30)
        back = time.monotonic() - ended
        grown = target.memory() - memory
        log = target.logs[0].read_text(errors="replace")
    figure(
        f"{connections} half-open, {'TLS' if tls else 'plain'}: sign-in p50 {statistics.median(taken):.3f} s, "
        f"most {max(taken):.3f} s of {len(taken)} (quiet {statistics.median(quiet):.3f} s); "
        f"{most} established, {held} descriptors held, back after {back:.1f} s; "
        f"{grown:.1f} MB more; {cpu:.0%} of a core; log {len(log)} bytes; {counts}"
    )
    assert max(taken) < (SIGN_IN_WITHIN_S if long else SHORT_SIGN_IN_WITHIN_S)
    assert grown < MEMORY_MB
    assert counts["closed"] > 0
    assert "Traceback" not in log, log[-4000:]


def test_the_owner_behind_the_same_address_gets_in(hosts: tuple[Host, Namespace], figure: Callable[[str], None]) -> None:
    with servers.kit(*hosts, tls=True) as target, half_open(target, 200, sources=1) as crowd:
        for _ in range(8):
            counts = crowd.look()
        taken = [_at_last(target, FIRST_ATTACKER) for _ in range(3)]
    figure(f"200 half-open from one address: sign-in from the same {[f'{each:.2f} s' for each in taken]}; {counts}")
    assert max(taken) < 10


def _at_last(target: Target, source: str) -> float:
    """As `sign_in`, by somebody who reloads the page when there is none: nothing tells them from those beside them before they are in."""
    begun = time.monotonic()
    while True:
        with contextlib.suppress(httpx.TransportError):
            sign_in(target, source)
            return time.monotonic() - begun
        assert time.monotonic() < begun + 20


@contextlib.contextmanager
def thin_line(machine: Namespace, bits: str = "1mbit") -> Iterator[None]:
    """All that leaves `machine` goes at this rate."""
    shape = ["tc", "qdisc", "add", "dev", "eth0", "root", "tbf", "rate", bits, "burst", "32kbit", "latency", "400ms"]
    subprocess.run(machine.command(shape), check=True, capture_output=True)
    try:
        yield
    finally:
        subprocess.run(machine.command(["tc", "qdisc", "del", "dev", "eth0", "root"]), check=True, capture_output=True)


def save(client: httpx.Client, token: str, size: int) -> httpx.Response:
    """As an editor does."""
    model = {"type": "file", "format": "text", "content": "x" * size}
    return client.put("/api/contents/big.txt", json=model, headers={"Authorization": f"token {token}"})


def test_a_save_over_a_thin_line_goes_through(hosts: tuple[Host, Namespace], long: bool, figure: Callable[[str], None]) -> None:
    size = 20_000_000 if long else 1_500_000
    with servers.kit(*hosts, tls=True) as target, target.machine.entered(), target.client(seconds=400) as editor:
        with thin_line(target.machine):
            begun = time.monotonic()
            answer = save(editor, target.token, size)
            taken = time.monotonic() - begun
        assert answer.status_code == httpx.codes.CREATED, answer.text
        assert answer.json()["size"] == size
    figure(f"{size / 1e6:g} MB saved at {size / taken / MEGABIT_S:.2f} Mbps in {taken:.1f} s")
    # Longer than a stranger would have had.
    assert taken > size / MEGABIT_S * 0.8 > 9


def test_connections_of_ides_may_rest(hosts: tuple[Host, Namespace], long: bool) -> None:
    seconds = 130 if long else 15
    with servers.kit(*hosts, tls=True) as target, target.machine.entered(), resting(target) as ide:
        header = {"Authorization": f"token {target.token}"}
        assert ide.get("/api/sessions", headers=header).status_code == httpx.codes.OK
        lines = _connections(target)
        time.sleep(seconds)  # that nothing happens is what is looked at
        assert ide.get("/api/sessions", headers=header).status_code == httpx.codes.OK
        assert _connections(target) == lines, "the same connection"


def resting(target: Target) -> httpx.Client:
    """A client that itself keeps connections for as long as the server does."""
    kept = httpx.Limits(keepalive_expiry=None)
    return httpx.Client(base_url=target.base, verify=target.verify, trust_env=False, limits=kept, timeout=30)


def _connections(target: Target) -> list[str]:
    shown = target.host.run("ss", "-Htn", "state", "established").expect()
    return sorted(line.split()[-1] for line in shown.out.splitlines())
