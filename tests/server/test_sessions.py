"""The table of who is signed in: what it remembers, what it forgets, and whom it hangs up on."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import os
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application
from tornado.websocket import WebSocketClosedError, WebSocketHandler, websocket_connect

from jupyter_remote_kit.errors import RemoteKitError
from jupyter_remote_kit.server.hangup import GRACE_S
from jupyter_remote_kit.server.saving import Saver
from jupyter_remote_kit.server.session import MAX_SESSIONS, parse
from jupyter_remote_kit.server.sessions import SAVE_SEEN_EVERY_S, Session, Sessions, Why

DAY = 86400.0
LIFETIME = 14 * DAY
START = 1_800_000_000.0
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"


class Clock:
    """A wall clock that can be set."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> float:
        return self.now


class Table:
    """A table on a file, its clock, and what it told of sessions that ended."""

    def __init__(self, path: Path | None, clock: Clock | None = None, lifetime_s: float = LIFETIME, key: str = "key") -> None:
        self.clock = clock or Clock()
        self.ended: list[tuple[str, Why]] = []
        self.sessions = Sessions(path, lifetime_s, clock=self.clock, on_end=lambda session, why: self.ended.append((session.id, why)))
        self.over = self.sessions.use_key(key)

    def open(self, way: str = "password", address: str = "192.0.2.7", client: str = FIREFOX) -> str:
        return self.sessions.open(way=way, address=address, client=client)

    def id_of(self, secret: str) -> str:
        session = self.sessions.find(secret)
        assert session is not None
        return session.id

    @property
    def ids(self) -> list[str]:
        return [row["id"] for row in self.sessions.rows()]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "default" / "sessions.json"


@contextmanager
def table(path: Path | None, *args: Any, **kwargs: Any) -> Iterator[Table]:
    """A table that is closed as a server closes it."""
    made = Table(path, *args, **kwargs)
    try:
        yield made
    finally:
        made.sessions.close()


@pytest.fixture
def warnings(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.WARNING)
    logging.getLogger("traitlets").propagate = True
    return caplog


def told(warnings: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in warnings.records]


# -- signing in, and being recognised ---------------------------------------------------------------------------------------------------


def test_a_secret_finds_its_session_and_no_other_text_does() -> None:
    with table(None) as one:
        secret, other = one.open(), one.open()
        found = one.sessions.find(secret)
        assert found is not None
        assert (found.way, found.address, found.client) == ("password", "192.0.2.7", FIREFOX)
        assert (found.created, found.expires) == (START, START + LIFETIME)
        assert one.id_of(other) != found.id
        for text in ("", "x", secret[:-1], secret + "x", secret.swapcase(), found.digest, found.id, "\ud800", "\0", "пароль"):
            assert one.sessions.find(text) is None


def test_a_session_is_seen_again_with_its_place_and_client() -> None:
    with table(None) as one:
        secret = one.open()
        one.clock.now += 90
        session = one.sessions.find(secret)
        assert session is not None
        one.sessions.seen(session, address="2001:db8::1", client="curl/8.5")
        (row,) = one.sessions.rows()
        assert row == {
            "id": session.id,
            "way": "password",
            "address": "2001:db8::1",
            "client": "curl/8.5",
            "first_seen": "2027-01-15T08:00:00Z",
            "last_seen": "2027-01-15T08:01:30Z",
            "expires": "2027-01-29T08:00:00Z",
            "websockets": 0,
        }
        # The websocket of an IDE says nothing of itself.
        one.sessions.seen(session, address="2001:db8::1", client="")
        assert one.sessions.rows()[0]["client"] == "curl/8.5"


def test_who_was_seen_last_comes_first() -> None:
    with table(None) as one:
        secrets = []
        for _ in range(3):
            secrets.append(one.open())
            one.clock.now += 10
        one.sessions.find(secrets[0])
        first, second, third = (one.id_of(secrets[0]), one.ids[2], one.ids[1])
        assert one.ids == [first, third, second]


def test_a_session_ends_with_its_lifetime() -> None:
    with table(None) as one:
        secret = one.open()
        id = one.id_of(secret)
        one.clock.now = START + LIFETIME - 0.5
        assert one.sessions.find(secret) is not None
        one.clock.now = START + LIFETIME
        assert one.sessions.find(secret) is None
        assert one.ended == [(id, Why.EXPIRED)]
        assert one.sessions.rows() == []


def test_an_expired_session_is_not_listed_though_nobody_asked_with_it() -> None:
    with table(None) as one:
        one.open()
        one.clock.now += LIFETIME
        assert one.sessions.rows() == []


def test_a_full_table_drops_whom_it_has_not_seen_for_longest() -> None:
    with table(None) as one:
        secrets = []
        for _ in range(MAX_SESSIONS):
            one.clock.now += 1
            secrets.append(one.open())
        one.clock.now += 1
        oldest, second = one.id_of(secrets[0]), one.sessions.rows()[-1]["id"]
        one.open()
        assert len(one.ids) == len(set(one.ids)) == MAX_SESSIONS
        assert one.ended == [(second, Why.CROWDED_OUT)]
        assert oldest in one.ids


def test_programs_give_way_before_people() -> None:
    with table(None) as one:
        person = one.id_of(one.open())
        for number in range(MAX_SESSIONS):
            one.clock.now += 1
            one.sessions.open_for_token(address="192.0.2.7", client=f"poller/{number}")
        assert len(one.ids) == MAX_SESSIONS
        assert person in one.ids


def test_a_client_that_comes_by_token_again_and_again_is_one_session() -> None:
    with table(None) as one:
        first = one.sessions.open_for_token(address="192.0.2.7", client="node-fetch")
        assert first[1] is True
        assert [one.sessions.open_for_token(address="192.0.2.7", client="node-fetch") for _ in range(3)] == [(first[0], False)] * 3
        assert one.sessions.open_for_token(address="192.0.2.8", client="node-fetch")[1] is True
        assert one.sessions.open_for_token(address="192.0.2.7", client="PyCharm")[1] is True
        assert len(one.ids) == 3
        one.sessions.end(one.id_of(first[0]))
        again, new = one.sessions.open_for_token(address="192.0.2.7", client="node-fetch")
        assert new
        assert again != first[0]
        one.sessions.end_all()
        assert one.sessions.open_for_token(address="192.0.2.8", client="node-fetch")[1] is True
        assert len(one.ids) == 1


def test_a_long_user_agent_is_cut() -> None:
    with table(None) as one:
        secret = one.open(client="x" * 100_000)
        session = one.sessions.find(secret)
        assert session is not None
        one.sessions.seen(session, address="192.0.2.7", client="y" * 100_000)
        assert one.sessions.rows()[0]["client"] == "y" * 256
        assert one.sessions.open_for_token(address="192.0.2.7", client="z" * 300) == (
            one.sessions.open_for_token(address="192.0.2.7", client="z" * 299)[0],
            True,
        )


# -- signing out ------------------------------------------------------------------------------------------------------------------------


def test_ending_one_leaves_the_others() -> None:
    with table(None) as one:
        mine, theirs, other = one.open(), one.open(), one.open()
        id = one.id_of(mine)
        ended = one.sessions.end(id)
        assert ended is not None
        assert ended.id == id
        assert one.sessions.end(id) is None
        assert one.sessions.end("00000000") is None
        assert one.sessions.end(one.id_of(theirs), Why.REPLACED) is not None
        assert one.sessions.find(theirs) is None
        assert [why for _, why in one.ended] == [Why.ENDED, Why.REPLACED]
        assert one.ids == [one.id_of(other)]


def test_ending_all_and_another_key_end_all() -> None:
    with table(None) as one:
        for end in (one.sessions.end_all, lambda: one.sessions.use_key("other")):
            secrets = [one.open(), one.open()]
            assert len(end()) == 2
            assert [one.sessions.find(secret) for secret in secrets] == [None, None]
            assert one.sessions.rows() == []
        assert [why for _, why in one.ended] == [Why.ENDED] * 2 + [Why.ROTATED] * 2
        secret = one.open()
        assert one.sessions.use_key("other") == ()
        assert one.sessions.find(secret) is not None


# -- over a restart ---------------------------------------------------------------------------------------------------------------------


def test_a_restart_keeps_them_and_the_file_is_private_and_opens_nothing(path: Path) -> None:
    with table(path) as one:
        secret = one.open(client="Chinese 浏览器 \x1b[2J \ud800")
        one.clock.now += 5
        one.sessions.find(secret)
        before = one.sessions.rows()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert secret not in path.read_text()
    with table(path, one.clock) as two:
        assert two.over == ()
        assert two.sessions.rows() == before
        assert two.id_of(secret) == before[0]["id"]
        # Nor is what the file holds any use as a cookie.
        for text in json.loads(path.read_text())["sessions"][0].values():
            assert two.sessions.find(str(text)) is None


def test_credentials_that_changed_while_the_server_was_down_end_them(path: Path) -> None:
    with table(path) as one:
        secret = one.open()
        id = one.id_of(secret)
    with table(path, one.clock, key="other") as two:
        assert [session.id for session in two.over] == [id]
        assert two.ended == [(id, Why.ROTATED)]
        assert two.sessions.find(secret) is None
    # The old password back again is no way back for old cookies.
    with table(path, one.clock) as three:
        assert three.sessions.find(secret) is None


def test_what_expired_meanwhile_is_gone_and_a_shorter_lifetime_counts(path: Path) -> None:
    with table(path) as one:
        secret = one.open()
    one.clock.now += 3 * DAY
    with table(path, one.clock, lifetime_s=4 * DAY) as two:
        session = two.sessions.find(secret)
        assert session is not None
        assert session.expires == START + 4 * DAY
    with table(path, one.clock, lifetime_s=3 * DAY) as three:
        assert three.sessions.find(secret) is None
    # A longer one does not revive: the browser has dropped the cookie.
    with table(path, one.clock, lifetime_s=400 * DAY) as four:
        assert four.sessions.find(secret) is None


@pytest.mark.parametrize("back", [0.3, 60.0, 3600.0, 400 * DAY])
def test_a_clock_that_is_set_back_signs_nobody_out_and_nobody_in_for_longer(path: Path, back: float) -> None:
    with table(path) as one:
        secret = one.open()
        one.clock.now += 30
        one.sessions.find(secret)
        one.clock.now -= back
        session = one.sessions.find(secret)
        assert session is not None
        assert session.last_seen <= one.clock.now
        assert session.expires <= one.clock.now + LIFETIME
        one.open()
        assert len(one.sessions.rows()) == 2
    with table(path, one.clock) as two:
        assert two.sessions.find(secret) is not None
        two.clock.now += LIFETIME
        assert two.sessions.find(secret) is None


def test_a_clock_that_is_set_back_while_the_server_is_down(path: Path) -> None:
    with table(path) as one:
        secret = one.open()
    one.clock.now -= 400 * DAY
    with table(path, one.clock) as two:
        session = two.sessions.find(secret)
        assert session is not None
        assert session.expires == one.clock.now + LIFETIME


def written(path: Path, one: Table) -> dict[str, Any]:
    asyncio.run(one.sessions.saved())
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def test_opening_and_ending_are_on_the_disk_at_once_and_being_seen_within_a_minute(path: Path) -> None:
    with table(path) as one:
        secret = one.open()
        other = one.open()
        assert len(written(path, one)["sessions"]) == 2
        one.sessions.end(one.id_of(other))
        assert len(written(path, one)["sessions"]) == 1
        before = path.stat().st_mtime_ns
        for _ in range(50):
            one.clock.now += 1
            one.sessions.find(secret)
        assert written(path, one)["sessions"][0]["last_seen"] == START
        assert path.stat().st_mtime_ns == before
        one.clock.now = START + SAVE_SEEN_EVERY_S
        one.sessions.find(secret)
        assert written(path, one)["sessions"][0]["last_seen"] == START + SAVE_SEEN_EVERY_S
        one.clock.now += 5
        one.sessions.find(secret)
    assert json.loads(path.read_text())["sessions"][0]["last_seen"] == START + SAVE_SEEN_EVERY_S + 5


def test_many_changes_at_once_are_few_writes_and_the_last_state(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from jupyter_remote_kit.host import files

    writers: list[str] = []
    write = files.write_atomic

    def counted(target: Path, data: bytes, mode: int) -> None:
        writers.append(threading.current_thread().name)
        write(target, data, mode)

    monkeypatch.setattr(files, "write_atomic", counted)
    with table(path) as one:
        for _ in range(300):
            one.open()
        assert len(written(path, one)["sessions"]) == 300
    assert len(writers) < 150
    assert all(name.startswith("remotekit-sessions") for name in writers)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "null",
        "[]",
        '{"version": 2, "key": "key", "sessions": []}',
        '{"version": 1, "key": 5, "sessions": []}',
        '{"version": 1, "key": "key", "sessions": {}}',
        '{"version": 1, "key": "key", "sessions": [1]}',
        '{"version": 1, "key": "key", "sessions": [{}]}',
        "[" * 100_000,
        "\x00\xff",
    ],
    ids=lambda text: text[:50].encode("unicode_escape").decode(),
)
def test_a_broken_file_is_not_believed_and_said_once(path: Path, warnings: pytest.LogCaptureFixture, text: str) -> None:
    path.parent.mkdir(mode=0o700)
    path.touch(0o600)
    path.write_text(text)
    with table(path) as one:
        assert one.sessions.rows() == []
        assert told(warnings) == [f"sessions-file: The list of sessions in {path} is not used; everybody signs in again."]
        assert written(path, one)["sessions"] == []


GOOD = {
    "id": "0123abcd",
    "digest": "a" * 64,
    "way": "password",
    "address": "192.0.2.7",
    "client": "x",
    "created": START,
    "last_seen": START,
    "expires": START + DAY,
}


@pytest.mark.parametrize(
    "changes",
    [
        {"id": "x"},
        {"id": "0123ABCD"},
        {"digest": "a" * 63},
        {"digest": 5},
        {"way": "root"},
        {"way": ["password"]},
        {"client": None},
        {"created": "0"},
        {"created": True},
        {"expires": float("inf")},
        {"expires": float("nan")},
        {"last_seen": 10**400},
        {"more": 1},
    ],
    ids=repr,
)
def test_one_wrong_row_and_none_is_believed(path: Path, changes: dict[str, object]) -> None:
    path.parent.mkdir(mode=0o700)
    for rows, believed in (([GOOD], 1), ([GOOD, GOOD | {"id": "00000000", "digest": "b" * 64} | changes], 0), ([GOOD, GOOD], 0)):
        path.touch(0o600)
        path.write_text(json.dumps({"version": 1, "key": "key", "sessions": rows}))
        with table(path) as one:
            assert len(one.sessions.rows()) == believed


def test_times_of_the_file_that_no_clock_has_do_no_harm(path: Path) -> None:
    path.parent.mkdir(mode=0o700)
    path.touch(0o600)
    rows = [
        GOOD | {"id": f"0000000{number}", "digest": str(number) * 64} | changes
        for number, changes in enumerate(
            ({"last_seen": 1e300}, {"last_seen": -1e300}, {"created": 1e300, "expires": 1e300}, {"created": -1e300})
        )
    ]
    path.write_text(json.dumps({"version": 1, "key": "key", "sessions": rows}))
    with table(path) as one:
        assert all(row["first_seen"] <= row["last_seen"] == "2027-01-15T08:00:00Z" for row in one.sessions.rows())
        assert len(one.ids) == 3


def test_a_file_that_others_could_read_or_swap_is_not_believed(path: Path, tmp_path: Path, warnings: pytest.LogCaptureFixture) -> None:
    with table(path) as one:
        secret = one.open()
    path.chmod(0o644)
    with table(path, one.clock) as two:
        assert two.sessions.find(secret) is None
        assert written(path, two)["sessions"] == []
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert len(told(warnings)) == 2
    assert "mode 0644" in told(warnings)[0]

    real = tmp_path / "real.json"
    real.touch(0o600)
    real.write_text(json.dumps({"version": 1, "key": "key", "sessions": [GOOD]}))
    path.unlink()
    path.symlink_to(real)
    with table(path, one.clock) as three:
        assert three.sessions.rows() == []
        assert three.sessions.find(three.open()) is not None
    assert path.is_symlink()
    assert json.loads(real.read_text())["sessions"] == [GOOD]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_file_of_somebody_else_is_not_believed(path: Path) -> None:
    with table(path) as one:
        secret = one.open()
    os.chown(path, 65534, 65534)
    os.seteuid(12345)
    try:
        with table(path, one.clock) as two:
            assert two.sessions.find(secret) is None
    finally:
        os.seteuid(0)


def test_a_disk_that_takes_nothing_costs_one_warning_and_no_sign_in(path: Path, warnings: pytest.LogCaptureFixture) -> None:
    path.parent.parent.joinpath("default").write_text("a file where the folder should be")
    with table(path) as one:
        secrets = [one.open() for _ in range(5)]
        for _ in range(2):
            one.open()
            # Whoever has to know is told: an ended session would come back with the file.
            with pytest.raises(RemoteKitError):
                asyncio.run(one.sessions.saved())
        assert all(one.sessions.find(secret) for secret in secrets)
        assert len(told(warnings)) == 1


BUSY = """
import sys
from pathlib import Path
from jupyter_remote_kit.server.sessions import Sessions
table = Sessions(Path(sys.argv[1]), 1e6)
table.use_key("key")
print(len(table.rows()), flush=True)
while True:
    table.open(way="password", address="192.0.2.7", client="x" * 256)
"""


def test_a_server_that_is_killed_while_it_writes_leaves_a_whole_file(path: Path, warnings: pytest.LogCaptureFixture) -> None:
    for round in range(6):
        process = subprocess.Popen([sys.executable, "-c", BUSY, str(path)], stdout=subprocess.PIPE)
        assert process.stdout is not None
        process.stdout.readline()
        written_before = path.stat().st_mtime_ns if path.exists() else 0
        deadline = time.monotonic() + 20
        # Killed in the middle of the next writes, later in each round.
        while not path.exists() or path.stat().st_mtime_ns == written_before:
            assert time.monotonic() < deadline
        until = time.monotonic() + round * 0.007
        while time.monotonic() < until:
            pass
        process.kill()
        process.communicate()
        key, saved = parse(path.read_bytes())
        assert key == "key"
    assert saved
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert told(warnings) == []


def test_whoever_no_longer_waits_for_the_file_does_not_keep_it_from_being_written(path: Path) -> None:
    """A client hangs up while its sign-out is on its way to a slow disk."""
    saver = Saver(path)
    reached, go_on = threading.Event(), threading.Event()

    def slow() -> bytes:
        reached.set()
        assert go_on.wait(20)
        return b"first"

    async def story() -> None:
        saver.put(slow)
        assert await asyncio.to_thread(reached.wait, 20)
        saver.put(lambda: b"second")
        waiting = asyncio.ensure_future(saver.saved())
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        go_on.set()
        await saver.saved()
        assert path.read_bytes() == b"second"
        saver.put(lambda: b"third")
        await saver.saved()
        assert path.read_bytes() == b"third"

    try:
        asyncio.run(story())
    finally:
        go_on.set()
        saver.close()


def test_a_table_that_was_closed_takes_no_harm(path: Path) -> None:
    with table(path) as one:
        one.open()
    one.open()
    one.sessions.end_all()
    asyncio.run(one.sessions.saved())
    assert len(json.loads(path.read_text())["sessions"]) == 1


# -- websockets -------------------------------------------------------------------------------------------------------------------------


class Echo(WebSocketHandler):
    """Signed in by the secret in its query, as a kernel's handler is by its cookie; `/slow` waits before the upgrade, as a kernel's may."""

    def initialize(self, hall: Hall) -> None:
        self.hall = hall

    async def prepare(self) -> None:
        secret = self.get_argument("secret", "")
        session = self.hall.sessions.find(secret) if secret else None
        self.hall.attached.set()
        if self.request.path == "/late":
            await self.hall.go_on.wait()
        self.hall.sessions.attach(session, self)
        if self.request.path == "/slow":
            await self.hall.go_on.wait()

    def on_message(self, message: str | bytes) -> None:
        self.hall.heard.append(message)
        self.write_message(message)

    def on_close(self) -> None:
        self.hall.closed += 1


class Hall:
    """A server with websockets, and the table by which its users are signed in."""

    def __init__(self) -> None:
        self.table = Table(None)
        self.sessions = self.table.sessions
        self.heard: list[str | bytes] = []
        self.closed = 0
        self.clients: list[Any] = []
        self.attached, self.go_on = asyncio.Event(), asyncio.Event()
        (listener,) = bind_sockets(0, "127.0.0.1")
        self.port = listener.getsockname()[1]
        self.server = HTTPServer(Application([("/.*", Echo, {"hall": self})], websocket_ping_interval=0))
        self.server.add_socket(listener)

    async def connect(self, secret: str, path: str = "/") -> Any:
        client = await websocket_connect(f"ws://127.0.0.1:{self.port}{path}?secret={secret}")
        self.clients.append(client)
        return client

    async def until(self, condition: Any) -> None:
        async def wait() -> None:
            while not condition():
                await asyncio.sleep(0.005)

        await asyncio.wait_for(wait(), 10)


def hung_up(client: Any) -> Any:
    """What the client is told when the server hangs up."""

    async def code() -> int | None:
        while await client.read_message() is not None:
            pass
        found: int | None = client.close_code
        return found

    return asyncio.wait_for(code(), 10)


def in_hall(story: Any) -> None:
    async def run() -> None:
        hall = Hall()
        try:
            await asyncio.wait_for(story(hall), 20)
        finally:
            for client in hall.clients:
                client.close()
            hall.server.stop()
            await hall.server.close_all_connections()

    asyncio.run(run())


def test_ending_a_session_hangs_up_on_its_websockets_and_no_others() -> None:
    async def story(hall: Hall) -> None:
        mine, theirs = hall.table.open(), hall.table.open()
        first, second, third = await hall.connect(mine), await hall.connect(mine), await hall.connect(theirs)
        await hall.until(lambda: [row["websockets"] for row in hall.sessions.rows()] in ([1, 2], [2, 1]))
        hall.sessions.end(hall.table.id_of(mine))
        assert await hung_up(first) == await hung_up(second) == 1008
        assert first.close_reason == "signed out"
        await third.write_message("still here")
        assert await third.read_message() == "still here"
        assert [row["websockets"] for row in hall.sessions.rows()] == [1]
        third.close()
        await hall.until(lambda: hall.sessions.rows()[0]["websockets"] == 0)

    in_hall(story)


@pytest.mark.parametrize("end", ["end_all", "use_key", "expire", "sign out", "crowd out"])
def test_however_a_session_ends_its_websockets_do(end: str) -> None:
    async def story(hall: Hall) -> None:
        secret = hall.table.open()
        client, without = await hall.connect(secret), await hall.connect("")
        if end == "end_all":
            hall.sessions.end_all()
        elif end == "use_key":
            hall.sessions.use_key("other")
        elif end == "expire":
            hall.table.clock.now += LIFETIME
            assert hall.sessions.find(secret) is None
        elif end == "sign out":
            hall.sessions.end(hall.table.id_of(secret), Why.SIGNED_OUT)
        else:
            for _ in range(MAX_SESSIONS):
                hall.table.clock.now += 1
                hall.table.open()
        assert await hung_up(client) == 1008
        if end in {"end_all", "use_key"}:
            # Whoever came by a token that was in no cookie has no session, and goes with all of them.
            assert await hung_up(without) == 1008
        else:
            await without.write_message("x")
            assert await without.read_message() == "x"

    in_hall(story)


@pytest.mark.parametrize("path", ["/slow", "/late"])
def test_a_websocket_that_was_about_to_open_is_closed_when_it_does(path: str) -> None:
    """Between its recognition and its upgrade a kernel's handler waits for its kernel; the session may end right then."""

    async def story(hall: Hall) -> None:
        secret = hall.table.open()
        connecting = asyncio.ensure_future(hall.connect(secret, path))
        await hall.attached.wait()
        hall.sessions.end(hall.table.id_of(secret), Why.SIGNED_OUT)
        hall.go_on.set()
        client = await connecting
        with suppress(WebSocketClosedError):
            await client.write_message("too late")
        assert await hung_up(client) == 1008
        assert hall.heard == []

    in_hall(story)


def test_whoever_ignores_the_close_frame_is_not_heard_and_cut_off() -> None:
    async def story(hall: Hall) -> None:
        secret = hall.table.open()
        reader, writer = await asyncio.open_connection("127.0.0.1", hall.port)
        key = base64.b64encode(b"0" * 16).decode()
        head = f"GET /?secret={secret} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        writer.write(f"{head}Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n".encode())
        assert b"101" in await reader.readuntil(b"\r\n\r\n")
        frame = b"\x81\x82\0\0\0\0"  # text, 2 bytes, masked with nothing
        writer.write(frame + b"hi")
        assert await reader.readexactly(4) == b"\x81\x02hi"
        loop = asyncio.get_running_loop()
        began = loop.time()
        hall.sessions.end(hall.table.id_of(secret), Why.SIGNED_OUT)
        writer.write((frame + b"no") * 100)
        rest = await asyncio.wait_for(reader.read(), 10)
        assert rest == b"\x88\x0c\x03\xf0signed out"
        assert loop.time() - began < GRACE_S + 1
        assert hall.heard == ["hi"]
        await hall.until(lambda: hall.closed == 1)
        writer.close()

    in_hall(story)


def test_handlers_that_are_gone_are_not_kept() -> None:
    async def story(hall: Hall) -> None:
        import gc

        secret = hall.table.open()
        for _ in range(20):
            client = await hall.connect(secret)
            client.close()
        await hall.until(lambda: hall.closed == 20)

        def kept() -> int:
            gc.collect()
            return sum(len(sockets) for sockets in hall.sessions._sockets.values())

        await hall.until(lambda: kept() <= 1)

    in_hall(story)


def test_a_session_is_frozen() -> None:
    with table(None) as one:
        session = one.sessions.find(one.open())
        assert isinstance(session, Session)
        with pytest.raises(AttributeError):
            session.address = "elsewhere"  # type: ignore[misc]
