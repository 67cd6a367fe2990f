"""The audit: what is recorded, how much of a flood, that the event system has it too, and that nothing is lost silently."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timezone
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import psutil
import pytest
from jupyter_events.logger import EventLogger
from tornado.httputil import HTTPHeaders, HTTPServerRequest, RequestStartLine

from jupyter_remote_kit.errors import Refused
from jupyter_remote_kit.plan.audit import REPEATED_TOKEN, Action
from jupyter_remote_kit.plan.fail2ban import MAX_RETRY
from jupyter_remote_kit.server.audit import SCHEMA_ID, Audit, current_request
from jupyter_remote_kit.server.sessions import MAX_SESSIONS, Sessions, Why
from jupyter_remote_kit.server.thinning import BUDGET, Thinning
from jupyter_remote_kit.server.visits import Peer, Visit, note
from tests.server.conftest import TOKEN, Machine, Server

MOMENT = datetime(2026, 11, 20, 10, 11, 12, tzinfo=timezone.utc)
AS_IDE = {"Authorization": f"token {TOKEN}", "User-Agent": "vscode-jupyter"}


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Recorder:
    """An audit on a clock of its own, and what it has written."""

    def __init__(self, path: Path, events: EventLogger | None = None) -> None:
        self.clock = Clock()
        self.path = path
        self.audit = Audit(events, path, lambda: ("hush-hush",), clock=self.clock, now=lambda: MOMENT)

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.path.read_bytes().split(b"\n")[:-1]]


@pytest.fixture
def recorder(tmp_path: Path) -> Recorder:
    return Recorder(tmp_path / "data" / "audit.jsonl")


def a_request(path: str = "/login", address: str = "192.0.2.7", agent: str = "curl/8") -> HTTPServerRequest:
    request = HTTPServerRequest(
        start_line=RequestStartLine("GET", path, "HTTP/1.1"), headers=HTTPHeaders({"Host": "gpu", "User-Agent": agent}), connection=None
    )
    peer = ip_address(address) if address != "unix" else None
    note(request, Visit(Peer(peer, address, secure=True)))
    return request


def test_a_line(recorder: Recorder) -> None:
    recorder.audit.record(Action.SIGN_IN, a_request("/login?next=%2Flab&token=abc"), way="password", session="0a1b2c3d")
    assert recorder.lines == [
        {
            "time": "2026-11-20T10:11:12.000Z",
            "action": "sign-in",
            "client": "192.0.2.7",
            "user_agent": "curl/8",
            "route": "/login",
            "session": "0a1b2c3d",
            "way": "password",
        }
    ]


def test_a_request_that_came_past_the_gate_and_none_at_all(recorder: Recorder) -> None:
    request = a_request()
    del request.__dict__["remotekit_visit"]
    request.remote_ip = "192.0.2.8"
    recorder.audit.record(Action.SIGN_IN, request)
    recorder.audit.record(Action.SESSION_ENDED, session="0a1b2c3d", reason="credentials")
    assert [line["client"] for line in recorder.lines] == ["192.0.2.8", ""]


def test_a_secret_stands_in_no_field(recorder: Recorder) -> None:
    for text in ("/hush-hush/lab", "/lab;token=ab12", "/lab%3Ftoken%3Dab12", "/" + "a" * 250 + "hush-hush"):
        recorder.audit.record(Action.SIGN_IN, a_request(text, agent="x hush-hush y ticket=ab12"), reason="hush-hush")
    written = recorder.path.read_text()
    assert not any(part in written for part in ("hush", "ab12"))


def test_of_a_flood_five_lines_are_recorded_then_one_a_minute(recorder: Recorder) -> None:
    request = a_request()
    for _ in range(3):
        for _ in range(1000):
            recorder.audit.record(Action.GUESS, request)
        recorder.clock.now += 60
    recorder.audit.record(Action.GUESS, a_request(address="192.0.2.8"))
    assert [line.get("repeated", 0) for line in recorder.lines] == [0] * 5 + [995, 999, 0]


def test_a_flood_that_is_over_is_told(recorder: Recorder) -> None:
    for _ in range(8):
        recorder.audit.record(Action.ADDRESS, a_request())
    recorder.audit.tell_left_out()
    assert len(recorder.lines) == 5
    recorder.clock.now += 60
    recorder.audit.tell_left_out()
    recorder.audit.tell_left_out()
    assert [(line["action"], line["client"], line["repeated"]) for line in recorder.lines[5:]] == [("refused-address", "192.0.2.7", 3)]


def test_what_an_ide_repeats_hides_no_guess_and_is_told_as_what_it_is(recorder: Recorder) -> None:
    for _ in range(100):
        recorder.audit.record(Action.GUESS, a_request(), reason=REPEATED_TOKEN)
    recorder.audit.record(Action.GUESS, a_request(), reason="password")
    assert [line["reason"] for line in recorder.lines] == [REPEATED_TOKEN] * 5 + ["password"]
    recorder.clock.now += 60
    recorder.audit.tell_left_out()
    assert [(line["reason"], line["repeated"]) for line in recorder.lines[6:]] == [(REPEATED_TOKEN, 95)]


def test_what_was_left_out_is_told_when_the_server_ends(recorder: Recorder) -> None:
    for _ in range(8):
        recorder.audit.record(Action.HOST, a_request())
    recorder.audit.close()
    assert recorder.lines[-1]["repeated"] == 3


def test_of_what_only_the_owner_can_do_nothing_is_left_out(recorder: Recorder) -> None:
    for _ in range(100):
        recorder.audit.record(Action.SIGN_IN, a_request())
    assert len(recorder.lines) == 100


@pytest.mark.parametrize(("sources", "agent"), [(1, "curl/8"), (250, "curl/8"), (250, "\u6d4f\U000e0041\x1b" * 200), (10_000, "x" * 500)])
def test_a_minute_of_2000_guesses_a_second_stays_small(recorder: Recorder, sources: int, agent: str) -> None:
    route = "/login" if agent == "curl/8" else "/" + "\u202e" * 300
    requests = [a_request(route, str(ip_address(0x0A000000 + number)), agent) for number in range(sources)]
    for number in range(120_000):
        recorder.clock.now += 1 / 2000
        recorder.audit.record(Action.GUESS, requests[number % sources])
    recorder.clock.now += 60
    recorder.audit.tell_left_out()
    recorder.audit.close()
    assert recorder.path.stat().st_size < 400_000
    assert sum(1 + line.get("repeated", 0) for line in recorder.lines) >= 120_000
    if sources == 250 and agent == "curl/8":
        # As many of each as fail2ban asks for.
        recorded = Counter(line["client"] for line in recorder.lines if line["client"] != "various")
        assert len(recorded) == 250
        assert min(recorded.values()) >= MAX_RETRY


def test_the_table_of_sources_is_bounded_and_forgets_no_number() -> None:
    thinning = Thinning(sources=10)
    left_out = sum(thinning.admit(Action.GUESS, str(number % 50), 0.0) is None for number in range(5000))
    for _ in range(7):
        left_out += thinning.admit(Action.GUESS, "last", 0.0) is None
    assert len(thinning._sources) == 10
    assert sum(number for *_, number in thinning.due(0.0, final=True)) == left_out


def test_without_budget_the_numbers_are_told_together() -> None:
    thinning = Thinning()
    for source in "abc":
        for _ in range(7):
            thinning.admit(Action.GUESS, source, 0.0)
    thinning.charge(BUDGET * 2)
    assert thinning.admit(Action.GUESS, "d", 0.0) is None
    assert list(thinning.due(60.0)) == []
    assert list(thinning.due(60.0, final=True)) == [(Action.GUESS, "", "", 7)]


def test_a_quiet_source_is_forgotten() -> None:
    thinning = Thinning()
    thinning.admit(Action.GUESS, "a", 0.0)
    assert list(thinning.due(600.0)) == []
    assert thinning._sources == {}


def test_an_exposed_file_keeps_the_server_from_starting(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    path.touch(0o600)
    path.chmod(0o644)
    with pytest.raises(Refused) as error:
        Audit(None, path)
    assert error.value.problems[0].code == "file-exposed"


def test_what_could_not_be_written_is_counted_and_told(recorder: Recorder, caplog: pytest.LogCaptureFixture) -> None:
    recorder.audit.record(Action.SIGN_IN, a_request())
    recorder.path.unlink()
    recorder.path.mkdir()
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            recorder.audit.record(Action.SIGN_IN, a_request())
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    recorder.path.rmdir()
    recorder.audit.record(Action.SIGN_IN, a_request())
    recorder.audit.record(Action.SIGN_IN, a_request())
    assert [line.get("lost") for line in recorder.lines] == [3, None]


async def _settle(condition: Callable[[], object]) -> None:
    async def met() -> None:
        while not condition():
            await asyncio.sleep(0)

    await asyncio.wait_for(met(), 5)


def test_every_listener_of_the_event_system_sees_it_where_that_was_asked_for(tmp_path: Path) -> None:
    async def heard() -> list[dict[str, Any]]:
        events, seen = EventLogger(), []

        async def listen(logger: EventLogger, schema_id: str, data: dict[str, Any]) -> None:
            seen.append(data)

        recorder = Recorder(tmp_path / "audit.jsonl", events)
        events.add_listener(schema_id=SCHEMA_ID, listener=listen)
        for action in Action:
            recorder.audit.record(action, a_request(agent="\x1b[31m"), reason="x")
        await _settle(lambda: len(seen) == len(Action))
        assert seen == recorder.lines
        # A second server of the process finds the schema registered.
        Audit(events, None).record(Action.SIGN_IN)
        await _settle(lambda: len(seen) == len(Action) + 1)
        return seen

    assert asyncio.run(heard())[0]["user_agent"] == r"\x1b[31m"


def test_a_line_that_the_event_system_refuses_is_written_all_the_same(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    def spoil(schema_id: str, data: dict[str, Any]) -> dict[str, Any]:
        return {"action": 7}

    async def refused() -> None:
        events = EventLogger(handlers=[logging.NullHandler()])
        recorder = Recorder(tmp_path / "audit.jsonl", events)
        events.add_modifier(schema_id=SCHEMA_ID, modifier=spoil)
        recorder.audit.record(Action.SIGN_IN, a_request())
        assert [line["action"] for line in recorder.lines] == ["sign-in"]

    with caplog.at_level(logging.WARNING):
        asyncio.run(refused())
    assert "the event system has refused a line of the audit" in caplog.text


def test_a_request_is_current_while_its_task_runs() -> None:
    async def over() -> tuple[object, object, object]:
        request = a_request()
        inherited: list[asyncio.Task[object]] = []
        gate = asyncio.Event()

        async def timer() -> object:
            await gate.wait()
            return current_request.get()

        async def handle() -> object:
            current_request.set(request)
            inherited.append(asyncio.create_task(timer()))
            return current_request.get()

        during = await asyncio.create_task(handle())
        gate.set()
        return during, current_request.get(), await inherited[0]

    during, outside, later = asyncio.run(over())
    assert isinstance(during, HTTPServerRequest)
    assert (outside, later) == (None, None)


# -- a real server ---------------------------------------------------------------------------------------------------------------------


class Held:
    """A table of sessions that tells the audit which have ended."""

    def __init__(self, recorder: Recorder, lifetime_s: float = 60.0) -> None:
        self._recorder = recorder
        self.sessions = Sessions(None, lifetime_s, clock=recorder.clock, on_end=recorder.audit.session_ended)
        self.sessions.use_key("key")

    def open(self, address: str = "192.0.2.7", client: str = "Fire\xc3\xbcfox") -> str:
        """The id of a new session."""
        found = self.sessions.find(self.sessions.open(way="password", address=address, client=client))
        assert found is not None
        return found.id

    def ended(self, end: Callable[[], object]) -> list[tuple[str, ...]]:
        """What is recorded when `end` is called for a request of somebody else's."""

        async def story() -> None:
            request = a_request(address="198.51.100.9", agent="curl/8")
            current_request.set(request)
            end()

        asyncio.run(story())
        found = [line for line in self._recorder.lines if line["action"] == "session-ended"]
        return [tuple(str(line.get(name, "")) for name in ("session", "reason", "client", "user_agent", "route")) for line in found]


def test_an_expired_session_ends_as_its_own_in_the_sign_in_of_another(recorder: Recorder) -> None:
    held = Held(recorder)
    id = held.open()
    recorder.clock.now += 61
    assert held.ended(lambda: held.open("198.51.100.9")) == [(id, "expired", "192.0.2.7", "Fireüfox", "")]


def test_whoever_is_crowded_out_is_named_and_not_the_newcomer(recorder: Recorder) -> None:
    held = Held(recorder)
    id = held.open()
    recorder.clock.now += 1
    for _ in range(MAX_SESSIONS - 1):
        held.sessions.open(way="password", address="203.0.113.5", client="")
    assert held.ended(lambda: held.open("198.51.100.9")) == [(id, "crowded-out", "192.0.2.7", "Fireüfox", "")]


@pytest.mark.parametrize("why", [Why.ENDED, Why.ROTATED])
def test_sessions_that_are_ended_from_the_host_name_their_clients(recorder: Recorder, why: Why) -> None:
    held = Held(recorder)
    first, second = held.open(), held.open("2001:db8::7", "")
    expected = [(first, why.value, "192.0.2.7", "Fireüfox", ""), (second, why.value, "2001:db8::7", "", "")]
    assert held.ended(lambda: held.sessions.end_all(why)) == expected


@pytest.mark.parametrize("why", [Why.SIGNED_OUT, Why.REPLACED])
def test_whoever_ends_their_own_session_does_so_by_a_request(recorder: Recorder, why: Why) -> None:
    held = Held(recorder)
    id, other = held.open(), held.open()
    assert held.ended(lambda: held.sessions.end(id, why)) == [(id, why.value, "198.51.100.9", "curl/8", "/login")]
    # Without one it is whom it belonged to.
    held.sessions.end(other, why)
    assert recorder.lines[-1]["client"] == "192.0.2.7"


def _recorded(machine: Machine) -> list[dict[str, Any]]:
    return [json.loads(line) for line in machine.layout.audit_file("default").read_text().splitlines()]


def _happened(machine: Machine, action: Action, **details: str) -> dict[str, Any] | None:
    found = [line for line in _recorded(machine) if line["action"] == action.value]
    return next((line for line in found if details.items() <= line.items()), None)


def _server(machine: Machine) -> Server:
    machine.configure("jupyter_server_config.py", "c.KernelRestarter.restart_limit = 1\nc.KernelRestarter.time_to_dead = 0.2\n")
    server = machine.start(machine.settings())
    server.ready()
    return server


def test_kernels_are_recorded_with_whoever_asked_for_them(machine: Machine) -> None:
    server = _server(machine)
    with server.client(headers=AS_IDE) as ide:
        kernel = ide.post("/api/kernels", json={}).json()["id"]
        started = server.wait_until(lambda: _happened(machine, Action.KERNEL_STARTED, kernel=kernel))
        assert (started["client"], started["user_agent"], started["route"]) == ("127.0.0.1", "vscode-jupyter", "/api/kernels")
        ide.post(f"/api/kernels/{kernel}/restart").raise_for_status()
        restarted = server.wait_until(lambda: _happened(machine, Action.KERNEL_STARTED, kernel=kernel, reason="restarted"))
        assert restarted["client"] == "127.0.0.1"
        ide.delete(f"/api/kernels/{kernel}").raise_for_status()
        ended = server.wait_until(lambda: _happened(machine, Action.KERNEL_ENDED, kernel=kernel))
        assert (ended["client"], ended["route"]) == ("127.0.0.1", f"/api/kernels/{kernel}")
        # An event of that kind can be sent by whoever is signed in; it does not become a line.
        forged = {"action": "start", "msg": "x", "kernel_id": "forged", "status": "success"}
        schema = "https://events.jupyter.org/jupyter_server/kernel_actions/v1"
        event = {"schema_id": schema, "data": forged, "version": "1"}
        assert ide.post("/api/events", json=event).status_code == 204
        event |= {"schema_id": SCHEMA_ID, "data": {"time": "x", "action": "sign-in", "client": "forged"}}
        # The audit is not on the bus unless `audit_events` is set: there is no such event.
        assert ide.post("/api/events", json=event).status_code == 400
    server.stop()
    assert "forged" not in machine.layout.audit_file("default").read_text()


def test_a_kernel_that_died_has_no_client(machine: Machine) -> None:
    server = _server(machine)
    with server.client(headers=AS_IDE) as ide:
        kernel = ide.post("/api/kernels", json={}).json()["id"]
    started = server.wait_until(lambda: _happened(machine, Action.KERNEL_STARTED, kernel=kernel))
    killed: set[int] = set()

    def kill_and_look() -> dict[str, Any] | None:
        for child in psutil.Process(server.process.pid).children(recursive=True):
            # One that was killed a moment ago may be gone by now, or a zombie.
            with suppress(psutil.NoSuchProcess):
                if child.pid not in killed and kernel in " ".join(child.cmdline()):
                    killed.add(child.pid)
                    os.kill(child.pid, signal.SIGKILL)
        return _happened(machine, Action.KERNEL_ENDED, kernel=kernel)

    ended = server.wait_until(kill_and_look)
    assert (started["client"], ended["client"], ended["reason"]) == ("127.0.0.1", "", "died")


def test_terminals_are_recorded_however_they_end(machine: Machine) -> None:
    server = _server(machine)
    with server.client(headers=AS_IDE) as ide:
        asked, own, left = (ide.post("/api/terminals").json()["name"] for _ in range(3))
        started = server.wait_until(lambda: _happened(machine, Action.TERMINAL_STARTED, terminal=asked))
        assert (started["client"], started["route"]) == ("127.0.0.1", "/api/terminals")
        ide.delete(f"/api/terminals/{asked}").raise_for_status()
        ended = server.wait_until(lambda: _happened(machine, Action.TERMINAL_ENDED, terminal=asked))
        assert (ended["client"], ended["route"]) == ("127.0.0.1", f"/api/terminals/{asked}")
    server.shells()[0].kill()
    ended = server.wait_until(lambda: _happened(machine, Action.TERMINAL_ENDED, terminal=own))
    assert ended["client"] == ""
    server.stop()
    ended_with_server = _happened(machine, Action.TERMINAL_ENDED, terminal=left)
    assert ended_with_server is not None
    assert ended_with_server["reason"] == "server-stopped"
    counted = Counter((line["action"], line["terminal"]) for line in _recorded(machine) if "terminal" in line)
    assert set(counted.values()) == {1}


def test_a_session_that_the_host_ends_is_recorded_with_its_client(machine: Machine) -> None:
    server = _server(machine)
    with server.signed_in() as client:
        client.get("/api/kernels", headers={"User-Agent": "Mozilla/5.0 (canary)"})
        (session,) = server.control.end_sessions()
    line = _happened(machine, Action.SESSION_ENDED, session=session["id"])
    assert line is not None
    assert (line["reason"], line["client"], line["user_agent"]) == ("ended", "127.0.0.1", "Mozilla/5.0 (canary)")
