"""A real server that a service manager has started: the manager is a socket of the test."""

from __future__ import annotations

import asyncio
import json
import logging
import signal
import socket
import ssl
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import psutil
import pytest
import websocket
from jupyter_client.multikernelmanager import MultiKernelManager

from jupyter_remote_kit import words
from jupyter_remote_kit.messages import msg
from jupyter_remote_kit.plan import inherited
from jupyter_remote_kit.plan.inherited import Source
from jupyter_remote_kit.server import notify, service
from jupyter_remote_kit.server.health import Endpoint, NoAnswer
from jupyter_remote_kit.server.service import Service
from jupyter_remote_kit.settings import Access
from tests.server.conftest import TOKEN, Machine, Server
from tests.server.systemd import Manager

WITH_TOKEN = {"Authorization": f"token {TOKEN}"}
# A kernel that needs longer than the 2.5 s after which jupyter_client sends SIGTERM.
SLOW_TO_END = """
import atexit, time
def save(file={file!r}):
    open(file, "w").write("begun")
    time.sleep(4)
    open(file, "w").write("saved")
atexit.register(save)
"""


@pytest.fixture
def systemd(machine: Machine) -> Iterator[Manager]:
    """The manager of the servers that `machine` starts."""
    with Manager() as manager:
        machine.environment["NOTIFY_SOCKET"] = manager.address
        yield manager


def ready(systemd: Manager) -> dict[str, str]:
    return systemd.wait_for(lambda states: "READY" in states)


def ended(server: Server, systemd: Manager) -> dict[str, str]:
    """Stop it, and what is told of that."""
    server.process.send_signal(signal.SIGTERM)
    states = systemd.wait_for(lambda states: "STOPPING" in states)
    assert server.ended() == 0
    return states


def test_ready_is_told_once_http_answers_and_stopping_when_a_stop_begins(machine: Machine, systemd: Manager) -> None:
    settings = machine.settings()
    server = machine.start(settings)
    states = ready(systemd)
    # At once: nobody waits for anything after it was told.
    with httpx.Client(trust_env=False) as client:
        assert client.get(f"{server.url}/remotekit/api/health").json() == {"status": "ok"}
    assert states == {"READY": "1", "STATUS": f"http://127.0.0.1:{settings.port}/ · kernels: 0 · signed in: 0"}
    assert ended(server, systemd) == {"STOPPING": "1", "STATUS": "Stopping; kernels: 0"}
    assert [states for states in systemd.told if "READY" in states] == [states]
    assert TOKEN not in repr(systemd.told)


def test_ready_over_tls_with_the_scheme_in_the_status_line(machine: Machine, systemd: Manager) -> None:
    machine.issue_leaf()
    settings = machine.settings(access=Access.LAN, ip="0.0.0.0")
    server = machine.start(settings)
    assert ready(systemd)["STATUS"].startswith(f"https://{socket.gethostname()}:{settings.port}/ · ")
    assert "SSL" not in server.output
    # It is no visitor: nobody finds it in the audit, nor in the log.
    assert not machine.layout.audit_file("default").exists() or not machine.layout.audit_file("default").read_text()
    assert "health" not in server.output


def test_ready_below_a_base_url_while_other_networks_alone_are_allowed(machine: Machine, systemd: Manager) -> None:
    settings = machine.settings(allow_networks=("192.0.2.0/24",))
    traits = machine.traits(settings)
    traits["ServerApp"]["base_url"] = "/deep/%C3%A4%20b/"
    machine.write(settings, traits)
    machine.start(settings)
    ready(systemd)
    assert ["/deep/%C3%A4%20b/ · " in states["STATUS"] for states in systemd.told] == [True]


def test_the_status_line_follows_kernels_and_people(machine: Machine, systemd: Manager) -> None:
    server = machine.start(machine.settings())
    ready(systemd)
    with server.client(headers=WITH_TOKEN) as client:
        identity = client.post("/api/kernels").json()["id"]
        # A program with the token is a session, as a browser is.
        systemd.wait_for(lambda states: states["STATUS"].endswith("kernels: 1 · signed in: 1"))
        with server.signed_in():
            systemd.wait_for(lambda states: states["STATUS"].endswith("kernels: 1 · signed in: 2"))
        client.delete(f"/api/kernels/{identity}")
    systemd.wait_for(lambda states: states["STATUS"].endswith("kernels: 0 · signed in: 2"))
    told = [states["STATUS"] for states in systemd.told]
    assert len(told) == len(set(told)), "told though nothing had changed"


def test_neither_kernels_nor_terminals_can_speak_for_the_server(machine: Machine, systemd: Manager) -> None:
    machine.environment |= {"WATCHDOG_USEC": "600000000", "JOURNAL_STREAM": "1:2", "INVOCATION_ID": "x"}
    server = machine.start(machine.settings())
    ready(systemd)
    with server.client(headers=WITH_TOKEN) as client:
        client.post("/api/kernels")
        client.post("/api/terminals")
    kernel = server.wait_until(lambda: [one for one in psutil.Process(server.process.pid).children() if "ipykernel" in str(one.cmdline())])
    shell = server.wait_until(server.shells)
    for process in (kernel[0], shell[0]):
        assert not set(inherited.added_by(Source.MANAGER)) & set(process.environ())


def test_a_kernel_may_take_its_time_when_the_service_stops_and_none_when_it_is_restarted(machine: Machine, systemd: Manager) -> None:
    server = machine.start(machine.settings())
    ready(systemd)
    file = machine.home / "file"
    with server.client(headers=WITH_TOKEN) as client:
        identity = client.post("/api/kernels").json()["id"]
        execute(server, identity, SLOW_TO_END.format(file=str(file)))
        # From the page jupyter_client's own 2.5 s are in force: who restarts a kernel that hangs does not wait for half a minute.
        assert client.post(f"/api/kernels/{identity}/restart").status_code == 200
        assert file.read_text() == "begun"
        execute(server, identity, SLOW_TO_END.format(file=str(file)))
    assert ended(server, systemd)["STATUS"] == "Stopping; kernels: 1"
    assert file.read_text() == "saved"


def test_a_server_that_is_refused_is_never_ready(machine: Machine, systemd: Manager) -> None:
    machine.configure("jupyter_server_config.py", "c.ServerApp.tornado_settings = {'disable_check_xsrf': True}\n")
    assert machine.refusal(machine.settings())
    assert systemd.hear(0) is None


def test_a_server_that_cannot_bind_is_never_ready(machine: Machine, systemd: Manager) -> None:
    settings = machine.settings()
    with socket.create_server(("127.0.0.1", settings.port)):
        assert machine.start(settings).ended() == 1
    told = systemd.hear(0)
    assert told is None or "READY" not in told


def execute(server: Server, identity: str, code: str) -> None:
    """Run `code` in a kernel, to the end."""
    url = f"{server.url.replace('http', 'ws', 1)}/api/kernels/{identity}/channels"
    wanted = uuid.uuid4().hex
    header = {"msg_id": wanted, "msg_type": "execute_request", "session": "test", "username": "", "version": "5.3", "date": ""}
    content = {"code": code, "silent": False, "store_history": False, "user_expressions": {}, "allow_stdin": False}
    message = {"header": header, "parent_header": {}, "metadata": {}, "content": content, "channel": "shell", "buffers": []}
    connection = websocket.create_connection(url, header=WITH_TOKEN, timeout=30)
    try:
        connection.send(json.dumps(message))
        while True:
            answer = json.loads(connection.recv())
            if answer["parent_header"].get("msg_id") == wanted and answer["msg_type"] == "execute_reply":
                assert answer["content"]["status"] == "ok", answer
                return
    finally:
        connection.close()


# -- the request of its own --------------------------------------------------------------------------------------------------------------


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as made:
        yield made


ANSWERS: dict[str, tuple[bytes, str]] = {
    "refused": (b"HTTP/1.1 403 Forbidden\r\n\r\n", "'403'"),
    "no HTTP": (b"SSH-2.0-OpenSSH\r\n", "''"),
    "nothing": (b"", "''"),
    "a line without an end": (b"x" * 100_000, "limit"),
}


@pytest.mark.parametrize("case", ANSWERS)
def test_no_answer_is(case: str, listener: socket.socket) -> None:
    answer, reason = ANSWERS[case]
    thread = threading.Thread(target=serve_once, args=(listener, answer))
    thread.start()
    with pytest.raises(NoAnswer, match=reason):
        asyncio.run(Endpoint("127.0.0.1", listener.getsockname()[1], "/").ask(10))
    thread.join()


def test_silence_is_no_answer(listener: socket.socket) -> None:
    with pytest.raises(NoAnswer, match="no answer in 0 s") as caught:
        asyncio.run(Endpoint("127.0.0.1", listener.getsockname()[1], "/").ask(0.2))
    assert caught.value.reason == msg("no answer in {seconds} s", seconds="0")


def test_nobody_there_is_no_answer(listener: socket.socket) -> None:
    port = listener.getsockname()[1]
    listener.close()
    with pytest.raises(NoAnswer):
        asyncio.run(Endpoint("127.0.0.1", port, "/").ask(10))


def serve_once(listener: socket.socket, answer: bytes) -> None:
    connection, _ = listener.accept()
    with connection:
        connection.recv(65536)
        connection.sendall(answer)


def test_ready_though_every_client_needs_a_certificate(machine: Machine, systemd: Manager) -> None:
    authority: Path = machine.issue_leaf()
    settings = machine.settings(access=Access.LAN)
    machine.configure("jupyter_server_config.py", f"c.ServerApp.client_ca = {str(authority)!r}\n")
    server = machine.start(settings)
    ready(systemd)
    with pytest.raises((httpx.HTTPError, ssl.SSLError)), server.client() as client:
        client.get("/remotekit/api/health")


@pytest.mark.parametrize("locale", ["en", "zh_CN"])
def test_a_server_that_cannot_reach_itself_is_ready_all_the_same_and_says_so(
    listener: socket.socket, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, locale: str
) -> None:
    """As behind a packet filter: a listener that never answers, in the place of the server's."""
    monkeypatch.setenv("LANGUAGE", locale)
    monkeypatch.setattr(service, "ANSWER_GETS_S", 0.1)
    monkeypatch.setattr(service, "READY_ANYWAY_S", 1.0)
    port = listener.getsockname()[1]
    app: Any = SimpleNamespace(
        ip="127.0.0.1",
        port=port,
        base_url="/",
        ssl_options=None,
        connection_url=f"http://127.0.0.1:{port}/",
        kernel_manager=MultiKernelManager(),
        log=logging.getLogger("TestService"),
    )

    async def told_ready() -> None:
        running = Service(notify.Manager(systemd.address), app, lambda: 0)
        running.begin()
        await asyncio.get_running_loop().run_in_executor(None, ready, systemd)
        running.end()

    with Manager() as systemd:
        asyncio.run(told_ready())
    said = msg(
        "The server does not answer itself at {url}: {reason}", url=app.connection_url, reason=msg("no answer in {seconds} s", seconds=0)
    )
    # To the last word in one language.
    reason = said.render(words.catalogue(locale))
    assert systemd.told[0] == {"STATUS": reason}
    assert [sorted(states) for states in systemd.told] == [["STATUS"], ["READY", "STATUS"]]
    assert reason in caplog.messages
