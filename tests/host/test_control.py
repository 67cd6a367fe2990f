"""The client of the control socket, against real sockets."""

from __future__ import annotations

import json
import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from jupyter_remote_kit.errors import Failed, Refused
from jupyter_remote_kit.host.control import SUN_PATH, ControlClient, socket_address

Answer = Callable[[str], bytes]


def http(status: str, body: bytes) -> bytes:
    return b"HTTP/1.1 " + status.encode() + b"\r\nContent-Length: " + str(len(body)).encode() + b"\r\n\r\n" + body


@contextmanager
def server(path: Path, answer: Answer) -> Iterator[list[str]]:
    """Serve every connection with `answer(request line)`; yields the request lines, each with what was sent."""
    requests: list[str] = []
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    with socket_address(path) as address:
        listener.bind(address)
    path.chmod(0o600)
    listener.listen()

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                data = b""
                while b"\r\n\r\n" not in data:
                    data += connection.recv(65536)
                head, _, body = data.partition(b"\r\n\r\n")
                length = next((int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0)
                while len(body) < length:
                    body += connection.recv(65536)
                requests.append(" ".join(part for part in (head.split(b" HTTP/")[0].decode(), body.decode()) if part))
                connection.sendall(answer(requests[-1]))

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield requests
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "remotekit-default.sock"


def test_every_call_has_its_route(place: Path) -> None:
    answers = {"GET /status": {"pid": 7}, "POST /tickets": {"path": "/remotekit/open?ticket=x"}}
    with server(place, lambda line: http("200 OK", json.dumps(answers.get(line, {})).encode())) as requests:
        client = ControlClient(place)
        assert client.status() == {"pid": 7}
        assert client.ticket() == "/remotekit/open?ticket=x"
        client.reload_credentials()
        client.reload_certificate()
        client.shutdown()
    assert requests == ["GET /status", "POST /tickets", "POST /credentials", "POST /certificate", "POST /shutdown"]


def test_sessions_are_listed_and_ended(place: Path) -> None:
    row = {"id": "0123abcd"}
    with server(place, lambda line: http("200 OK", json.dumps({"sessions": [row], "ended": []}).encode())) as requests:
        client = ControlClient(place)
        assert client.sessions() == [row]
        assert client.end_session("0123abcd") == []
        assert client.end_sessions() == []
    assert requests == ["GET /sessions", 'POST /sessions/end {"id": "0123abcd"}', 'POST /sessions/end {"all": true}']


@pytest.mark.parametrize("body", [b"{}", b'{"sessions": 1, "ended": {}}', b'{"sessions": ["x"], "ended": [null]}'])
def test_a_list_that_is_none_is_a_failure(place: Path, body: bytes) -> None:
    with server(place, lambda _: http("200 OK", body)):
        client = ControlClient(place)
        for call in (client.sessions, client.end_sessions, lambda: client.end_session("0123abcd")):
            with pytest.raises(Failed, match="cannot be understood"):
                call()


def test_a_very_long_path_works(tmp_path: Path) -> None:
    folder = tmp_path / ("d" * 100) / ("e" * 100)
    folder.mkdir(parents=True)
    place = folder / "remotekit-default.sock"
    assert len(str(place)) > SUN_PATH
    with server(place, lambda _: http("200 OK", b'{"pid": 7}')):
        assert ControlClient(place).status() == {"pid": 7}
    assert ControlClient(place).status() is None


@pytest.mark.parametrize("length", [SUN_PATH - 1, SUN_PATH, SUN_PATH + 1])
def test_paths_about_the_limit_work(tmp_path: Path, length: int) -> None:
    missing = length - len(str(tmp_path)) - len("//s.sock")
    if missing < 1:
        pytest.skip("the temporary folder's own path is too long")
    place = tmp_path / ("d" * missing) / "s.sock"
    place.parent.mkdir()
    assert len(str(place)) == length
    with server(place, lambda _: http("200 OK", b"{}")):
        assert ControlClient(place).status() == {}


def test_nobody_there(place: Path) -> None:
    assert ControlClient(place).status() is None
    assert ControlClient(place.parent / "absent" / "s.sock").status() is None
    with pytest.raises(Failed, match="No server listens") as error:
        ControlClient(place).shutdown()
    assert error.value.problems[0].code == "not-running"


def test_the_socket_of_a_killed_server_is_nobody(place: Path) -> None:
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(place))
    place.chmod(0o600)
    assert ControlClient(place).status() is None


@pytest.mark.parametrize("mode", [0o660, 0o602, 0o755])
def test_a_socket_that_others_can_use_is_not_spoken_to(place: Path, mode: int) -> None:
    with server(place, lambda _: http("200 OK", b"{}")) as requests:
        place.chmod(mode)
        with pytest.raises(Refused, match=format(mode, "04o")) as error:
            ControlClient(place).status()
    assert error.value.problems[0].code == "control-socket-exposed"
    assert requests == []


def test_somebody_elses_socket_is_not_spoken_to(place: Path, foreign_uid: int) -> None:
    with server(place, lambda _: http("200 OK", b"{}")) as requests:
        os.chown(place, foreign_uid, foreign_uid)
        with pytest.raises(Refused):
            ControlClient(place).ticket()
    assert requests == []


def test_a_file_in_its_place_is_not_spoken_to(place: Path) -> None:
    place.write_bytes(b"")
    place.chmod(0o600)
    with pytest.raises(Refused):
        ControlClient(place).status()


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (http("409 Conflict", b'{"message": "kernels are busy"}'), "409 to /shutdown: kernels are busy"),
        (http("500 Internal Server Error", b"<html>"), "500 to /shutdown: <html>"),
        (http("200 OK", b"[]"), "cannot be understood"),
        (b"garbage\r\n\r\n", "does not answer"),
        (b"", "does not answer"),
    ],
)
def test_an_error_is_a_sentence(place: Path, answer: bytes, sentence: str) -> None:
    with server(place, lambda _: answer), pytest.raises(Failed, match=sentence) as error:
        ControlClient(place).shutdown()
    assert error.value.problems[0].code == "control-failed"


@pytest.mark.parametrize("answer", [http("500 Internal Server Error", b"<html>"), http("200 OK", b"[]"), b"garbage\r\n\r\n", b""])
def test_the_status_of_a_server_that_fails_leads_to_its_end_and_not_to_itself(place: Path, answer: bytes) -> None:
    with server(place, lambda _: answer), pytest.raises(Failed) as error:
        ControlClient(place).status()
    assert str(error.value.problems[0].hint) == "jupyter remotekit down"


@pytest.mark.parametrize("body", [b"{}", b'{"path": 7}', b'{"path": "//elsewhere"}', b'{"path": "https://elsewhere"}'])
def test_a_ticket_is_a_path_of_the_server(place: Path, body: bytes) -> None:
    with server(place, lambda _: http("200 OK", body)), pytest.raises(Failed):
        ControlClient(place).ticket()


def test_a_server_that_hangs_is_given_up(place: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(place))
        place.chmod(0o600)
        listener.listen()
        with pytest.raises(Failed) as error:
            ControlClient(place, timeout_s=0.05).status()
    assert error.value.problems[0].code == "control-timeout"
