"""Malformed requests, each on a connection of its own: refused with 4xx or by closing, and nothing remains of them.

What may come back for one member is decided by a parser of the test's own (`cases.malformed.is_sound`):
- a request that RFC 9112 does not allow: one answer of 4xx, or none; and the connection is closed;
- a sound one: what anybody gets who asks for it, which is no 5xx, and no redirect but to the login page.
"""

from __future__ import annotations

import itertools
import re
import ssl
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import httpx
import psutil
import pytest

from tests.gate.cases.malformed import Case, corpus, generated, is_sound
from tests.gate.raw import NAVIGATION, Heard, connect, port_of, send
from tests.server.conftest import TOKEN, Machine, Server

SEED = 20_261_121
SHORT, LONG = 1_000, 10_000
AT_ONCE = 16
# Each address is a source of its own: a single one would soon be kept waiting, and the parser would never see what it sends.
SOURCES = tuple(f"127.77.{number // 250}.{number % 250 + 1}" for number in range(1000))
CLOSES_WITHIN_S = 15.0
MEMORY_MB = 20.0
MB = 1_000_000
DESCRIPTORS_TO_SPARE = 2
TROUBLE = re.compile(r"Traceback|Uncaught exception|never retrieved|never awaited|Exception in callback")
# A form that tornado cannot read is answered with 400, and jupyter_server stumbles over the page for it: `write_error` asks for the user
# before anybody has looked who it is (base/handlers.py, `logged_in`). A body is not there yet when the gate looks.
UPSTREAM = "_parse_body"


def troubles(output: str) -> list[str]:
    """The records of a log that tell of a defect."""
    records = re.split(r"^(?=\[[A-Z] [0-9])", output, flags=re.MULTILINE)
    return [record[:3000] for record in records if TROUBLE.search(record) and UPSTREAM not in record]


def complaint(raw: bytes, answer: Heard) -> str | None:
    """What is wrong with `answer`; `None` when nothing is."""
    statuses = answer.statuses
    if not answer.closed:
        return "the connection was never closed"
    if answer.data and not answer.data.startswith(b"HTTP/1.1 "):
        return f"answered with {answer.data[:100]!r}"
    if is_sound(raw):
        if any(status >= 500 or status < 200 for status in statuses):
            return f"a sound request was answered with {statuses}"
        elsewhere = [where for where in answer.locations if not where.startswith(b"/login")]
        return f"redirected to {elsewhere}" if elsewhere else None
    if len(statuses) > 1:
        return f"answered {len(statuses)} times: {statuses}"
    return f"answered with {statuses}" if any(not 400 <= status < 500 for status in statuses) else None


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_malformed_requests(loopback: tuple[Machine, Server], long: bool, figure: Callable[[str], None]) -> None:
    _, server = loopback
    authority = server.url.partition("//")[2]
    port = port_of(server)
    process = psutil.Process(server.process.pid)
    with server.signed_in() as client:
        client.get("/lab")
    cases = [*corpus(), *generated(SEED, LONG if long else SHORT)]
    descriptors, before = process.num_fds(), process.memory_info().rss / MB

    def ask(case: Case, source: str) -> tuple[str | None, Heard]:
        raw = case.sent(authority)
        answer = send(port, raw, source, CLOSES_WITHIN_S)
        return complaint(raw, answer), answer

    begun = time.monotonic()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        outcomes = list(pool.map(ask, cases, itertools.cycle(SOURCES)))
    seconds = time.monotonic() - begun
    growth = process.memory_info().rss / MB - before
    seen = Counter("/".join(map(str, answer.statuses)) or "closed" for _, answer in outcomes)
    figure(f"{len(cases)} requests in {seconds:.0f} s: {dict(seen.most_common())}; memory {growth:+.1f} MB")
    # Most have to have reached the parser, and not only the door.
    assert seen["400"] > len(cases) / 10
    assert sum(bool(answer.statuses) for case, (_, answer) in zip(cases, outcomes, strict=True) if is_sound(case.raw)) > 50
    wrong = {case.name: wrong for case, (wrong, _) in zip(cases, outcomes, strict=True) if wrong}
    assert not wrong, "\n".join(f"{name}: {what}" for name, what in wrong.items())
    assert growth < MEMORY_MB
    with server.client() as client:
        assert client.get("/remotekit/api/health").json() == {"status": "ok"}
    assert process.num_fds() <= descriptors + DESCRIPTORS_TO_SPARE
    assert troubles(server.output) == []


HELLO = bytes.fromhex("16030100c8010000c403037c0a5f")


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\x00" * 1000,
        b"\xff" * 100_000,
        HELLO,
        HELLO + b"\x00" * 300,
        b"\x16\x03\x01\xff\xff" + b"\x01" * 70_000,
        b"\x80\x2e\x01\x00\x02\x00\x15\x00\x00\x00\x10",
        b"\x15\x03\x01\x00\x02\x02\x28",
        b"SSH-2.0-OpenSSH_9.2\r\n",
    ],
    ids=["nothing", "zeros", "ones", "half a hello", "a broken hello", "a huge record", "SSLv2", "an alert", "ssh"],
)
@pytest.mark.slow
def test_what_is_no_tls(secured: tuple[Machine, Server], raw: bytes) -> None:
    _, server = secured
    answer = send(port_of(server), raw, timeout=CLOSES_WITHIN_S)
    assert answer.closed
    assert not answer.data.startswith(b"HTTP")
    with server.client() as client:
        assert client.get("/remotekit/api/health").json() == {"status": "ok"}
    assert troubles(server.output) == []


@pytest.mark.slow
def test_plain_http_into_https_leads_to_the_same_page_and_leaves_nothing_behind(secured: tuple[Machine, Server]) -> None:
    machine, server = secured
    plain = server.url.replace("https", "http")
    audit, log = machine.layout.audit_file("default"), server.output
    before = audit.read_bytes() if audit.exists() else b""
    with httpx.Client(verify=server.verify, trust_env=False, timeout=20) as client:
        moved = client.get(f"{plain}/lab?token={TOKEN}", headers={"Cookie": f"a={TOKEN}", "Authorization": f"token {TOKEN}"})
        assert (moved.status_code, moved.headers["Location"]) == (308, f"{server.url}/lab?token={TOKEN}")
        assert "Set-Cookie" not in moved.headers
        for name in ("gpubox.example", "127.0.0.1@gpubox.example"):
            refused = client.get(f"{plain}/lab", headers={"Host": name})
            assert (refused.status_code, "Location" in refused.headers) == (400, False)
        assert client.post(f"{plain}/login", data={"password": "guess"}).status_code == 400
    assert server.output == log
    assert (audit.read_bytes() if audit.exists() else b"") == before
    with httpx.Client(verify=server.verify, trust_env=False, timeout=20, follow_redirects=True) as browser:
        page = browser.get(f"{plain}/lab?token={TOKEN}", headers=NAVIGATION)
        assert (page.status_code, str(page.url)) == (200, f"{server.url}/lab")


@pytest.mark.slow
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
def test_old_versions_of_tls_are_refused(secured: tuple[Machine, Server], version: ssl.TLSVersion) -> None:
    _, server = secured
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1"):
        context.minimum_version = context.maximum_version = version
    with connect(port_of(server), "127.0.0.1") as plain, pytest.raises(ssl.SSLError):
        context.wrap_socket(plain)
