"""Six ways to rotate, and signing out: whoever came in before is out within 5 s, cookie and open kernel websocket alike."""

from __future__ import annotations

import json
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
import websocket

from tests.commands.host import PASSWORD, SSH, Host, detached, free_port
from tests.e2e.stage.waiting import until
from tests.gate.leaks import leaks

# A real server for each way: once is enough, not on every Python.
pytestmark = pytest.mark.slow

NEW = "another horse battery"
WITHIN_S = 5.0
PATIENCE_S = 20.0
POLICY_VIOLATION = 1008


class Channel:
    """A kernel's websocket, and somebody who listens to it all the time, as JupyterLab does."""

    def __init__(self, port: int, kernel: str, headers: dict[str, str]) -> None:
        url = f"ws://127.0.0.1:{port}/api/kernels/{kernel}/channels?session_id={uuid.uuid4().hex}"
        self._socket = websocket.create_connection(url, header=headers, timeout=60)
        self.code: int | None = None
        self.dead_at: float | None = None
        self._replies: set[str] = set()
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def _listen(self) -> None:
        try:
            while True:
                opcode, data = self._socket.recv_data(control_frame=True)
                if opcode == websocket.ABNF.OPCODE_CLOSE:
                    self.code = int.from_bytes(data[:2], "big")
                    break
                if opcode == websocket.ABNF.OPCODE_TEXT:
                    self._replies.add(json.loads(data)["parent_header"].get("msg_id", ""))
        except (OSError, websocket.WebSocketException):
            pass
        self.dead_at = time.monotonic()

    @property
    def dead(self) -> bool:
        return self.dead_at is not None

    def works(self) -> bool:
        """Whether the kernel answers through it."""
        id = uuid.uuid4().hex
        header = {"msg_id": id, "msg_type": "kernel_info_request", "session": "s", "username": "", "version": "5.3", "date": ""}
        message = {"header": header, "parent_header": {}, "metadata": {}, "content": {}, "channel": "shell", "buffers": []}
        try:
            self._socket.send(json.dumps(message))
        except (OSError, websocket.WebSocketException):
            return False
        with suppress(TimeoutError):
            until(lambda: id in self._replies or self.dead, "the kernel", PATIENCE_S)
        return id in self._replies and not self.dead

    def close(self) -> None:
        # The listener wakes up by that, and by nothing else.
        if self._socket.sock is not None:
            with suppress(OSError):
                self._socket.sock.shutdown(socket.SHUT_RDWR)
        self._thread.join(PATIENCE_S)
        self._socket.shutdown()


@dataclass
class Visitor:
    """Somebody who is signed in: a cookie, a kernel, and its websocket."""

    port: int
    client: httpx.Client
    kernel: str
    channel: Channel

    @property
    def cookie(self) -> dict[str, str]:
        return {"Cookie": "; ".join(f"{name}={value}" for name, value in self.client.cookies.items())}

    def is_in(self) -> bool:
        """Whether the cookie opens an API, a page and a websocket; they must agree."""
        api = httpx.get(f"http://127.0.0.1:{self.port}/api/kernels", headers=self.cookie, trust_env=False).status_code
        page = httpx.get(f"http://127.0.0.1:{self.port}/lab", headers=self.cookie, trust_env=False).status_code
        try:
            Channel(self.port, self.kernel, self.cookie).close()
            upgraded = True
        except websocket.WebSocketBadStatusException:
            upgraded = False
        assert (api, page, upgraded) in {(200, 200, True), (403, 302, False)}
        return upgraded


@dataclass
class House:
    """A server and its visitors."""

    host: Host
    port: int
    visitors: list[Visitor] = field(default_factory=list)

    def sign_in(self, password: str = PASSWORD) -> httpx.Client:
        client = httpx.Client(base_url=f"http://127.0.0.1:{self.port}", trust_env=False, timeout=PATIENCE_S)
        client.get("/login")
        answer = client.post("/login", data={"_xsrf": client.cookies["_xsrf"], "password": password})
        assert answer.status_code == 302, answer.text
        return client

    def visitor(self) -> Visitor:
        client = self.sign_in()
        made = client.post("/api/kernels", headers={"X-XSRFToken": client.cookies["_xsrf"]}, json={"name": "python3"})
        assert made.status_code == 201, made.text
        cookie = "; ".join(f"{name}={value}" for name, value in client.cookies.items())
        channel = Channel(self.port, made.json()["id"], {"Cookie": cookie})
        found = Visitor(self.port, client, made.json()["id"], channel)
        self.visitors.append(found)
        assert found.channel.works()
        assert found.is_in()
        return found

    def by_token(self, kernel: str) -> Channel:
        """The websocket of an IDE, which has the token in a header and no cookie."""
        channel = Channel(self.port, kernel, {"Authorization": f"token {self.host.token}"})
        assert channel.works()
        return channel

    def ids(self) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self.host.run("sessions", "--json").data["sessions"]
        return rows


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """A server with a password, over plain HTTP on loopback."""
    made = House(Host(tmp_path / "host"), free_port())
    with detached(made.host, *SSH, "--port", str(made.port), "--password-stdin", stdin=PASSWORD):
        token = made.host.token
        yield made
        for visitor in made.visitors:
            visitor.channel.close()
            visitor.client.close()
    # The old token is good for nothing any more, and so has no place either.
    assert [found for each in (token, made.host.token) for found in leaks(made.host.folder, each, PASSWORD, NEW)] == []


def rotate(house: House, *argv: str, stdin: str = "") -> float:
    """Run the command; the moment when it was started."""
    began = time.monotonic()
    house.host.must(*argv, stdin=stdin)
    return began


def all_out(channels: list[Channel], began: float) -> float:
    """Wait until every websocket is dead; the seconds since `began` that it took."""
    until(lambda: all(channel.dead for channel in channels), "every websocket to close", PATIENCE_S, every=0.01)
    seconds = max(channel.dead_at or 0.0 for channel in channels) - began
    assert seconds < WITHIN_S
    assert {channel.code for channel in channels} == {POLICY_VIOLATION}
    assert not any(channel.works() for channel in channels)
    return seconds


ENDING_ALL = {
    "password": (("password", "--password-stdin"), NEW),
    "token": (("token", "--yes"), PASSWORD),
    "init": (("init", "--password-stdin"), NEW),
    "end-all": (("sessions", "--end-all"), PASSWORD),
}


@pytest.mark.parametrize("way", list(ENDING_ALL))
def test_everybody_is_out_within_five_seconds(house: House, way: str, figure: Callable[[str], None]) -> None:
    argv, password = ENDING_ALL[way]
    first, second = house.visitor(), house.visitor()
    with closing(house.by_token(first.kernel)) as editor:
        began = rotate(house, *argv, stdin=password if password == NEW else "")
        seconds = all_out([first.channel, second.channel, editor], began)
    assert not first.is_in()
    assert not second.is_in()
    figure(f"{way}: cookies and websockets dead {seconds:.2f} s after the command was started")
    # Computations go on: only the way in has changed.
    with closing(house.sign_in(password)) as back:
        assert {kernel["id"] for kernel in back.get("/api/kernels").json()} == {first.kernel, second.kernel}


def test_one_session_ends_and_the_other_stays(house: House, figure: Callable[[str], None]) -> None:
    first = house.visitor()
    (row,) = [row for row in house.ids() if row["way"] == "password"]
    second = house.visitor()
    assert row["websockets"] == 1
    began = rotate(house, "sessions", "--end", row["id"])
    seconds = all_out([first.channel], began)
    assert not first.is_in()
    figure(f"sessions --end: cookie and websocket dead {seconds:.2f} s after the command was started")
    assert second.is_in()
    assert second.channel.works()


def test_signing_out_ends_that_session_alone(house: House, figure: Callable[[str], None]) -> None:
    first, second = house.visitor(), house.visitor()
    copy = first.cookie
    began = time.monotonic()
    assert first.client.post("/logout", data={"_xsrf": first.client.cookies["_xsrf"]}).status_code == 200
    seconds = all_out([first.channel], began)
    # The browser has forgotten its cookie; whoever has copied it is out as well.
    assert httpx.get(f"http://127.0.0.1:{house.port}/api/kernels", headers=copy, trust_env=False).status_code == 403
    figure(f"logout: cookie and websocket dead {seconds:.2f} s after the request")
    assert second.is_in()
    assert second.channel.works()


def test_a_password_that_is_changed_while_the_server_is_down(tmp_path: Path, figure: Callable[[str], None]) -> None:
    house = House(Host(tmp_path / "host"), free_port())
    start = (*SSH, "--port", str(house.port))
    with detached(house.host, *start, "--password-stdin", stdin=PASSWORD):
        visitor = house.visitor()
        house.host.must("down")
        until(lambda: visitor.channel.dead, "the websocket to close", PATIENCE_S)
        visitor.channel.close()
    house.host.must("password", "--password-stdin", stdin=NEW)
    with detached(house.host, *start):
        assert not visitor.is_in()
        figure("changed while down: the old cookie is refused from the first request on")
        assert house.ids() == []
        house.sign_in(NEW).close()
    visitor.client.close()


def test_without_a_rotation_a_restart_and_a_crash_sign_nobody_out(tmp_path: Path) -> None:
    """The other side: nobody is signed out who need not be."""
    house = House(Host(tmp_path / "host"), free_port())
    start = (*SSH, "--port", str(house.port))
    with detached(house.host, *start, "--password-stdin", stdin=PASSWORD):
        client = house.sign_in()
        before = {row["id"] for row in house.ids()}
        # Leaving the context kills it.
    with detached(house.host, *start):
        assert client.get("/api/kernels").status_code == 200
        assert {row["id"] for row in house.ids()} == before
        house.host.must("down")
    with detached(house.host, *start):
        assert client.get("/api/kernels").status_code == 200
        # What has ended stays ended, though the server is killed right after it has answered.
        house.host.must("sessions", "--end-all")
    with detached(house.host, *start):
        assert client.get("/api/kernels").status_code == 403
    client.close()
