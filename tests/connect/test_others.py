"""Other accounts of the laptop: the port on which a host's server is reached is not for them."""

from __future__ import annotations

import json
import stat
import sys

from tests.connect.stage import Lab, User
from tests.connect.stage.connection import connected
from tests.connect.stage.machine import KIT, Machine
from tests.e2e.stage.waiting import until

ASK = """
import http.client, sys
try:
    connection = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]), timeout=20)
    connection.request("GET", "/remotekit/api/health")
    print(connection.getresponse().status)
except (ConnectionError, http.client.HTTPException) as error:
    print("refused")
"""
# Nothing is waited for: a socket that is closed has no user any more.
SEND_AND_CLOSE = """
import socket, struct, sys
for number in range(40):
    peer = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
    peer.sendall(f"GET /api/kernels?token={sys.argv[2]}{number} HTTP/1.1\\r\\nHost: 127.0.0.1\\r\\n\\r\\n".encode())
    if number % 2:
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    peer.close()
"""


def test_only_its_owner_comes_through_the_port(lab: Lab) -> None:
    host = lab.host("gpu", User("alice"))
    lab.laptop.add(User("eve"))
    with connected(lab.laptop, "alice@gpu") as connection:
        near = list(lab.laptop.inside("/tmp").glob("rk-*/*"))
        assert {stat.S_IMODE(path.stat().st_mode) for path in near if path.is_socket()} == {0o600}
        assert {stat.S_IMODE(path.parent.stat().st_mode) for path in near} == {0o700}
        program = [sys.executable, "-I", "-c"]
        lab.laptop.run(*program, SEND_AND_CLOSE, str(connection.port), "of-eve", user="eve")
        answers = {user: lab.laptop.run(*program, ASK, str(connection.port), user=user).stdout.strip() for user in ("dana", "root", "eve")}
        # The one of its own that the audit holds comes after all of the others.
        lab.laptop.run(*program, GUESS, str(connection.port), user="dana")
        recorded = until(lambda: _guesses(host), "the guess of the port's owner to be recorded")
    assert answers == {"dana": "200", "root": "200", "eve": "refused"}
    assert len(recorded) == 1, recorded


GUESS = """
import http.client, sys
connection = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]), timeout=20)
connection.request("GET", "/api/kernels?token=of-dana")
connection.getresponse()
"""


def _guesses(host: Machine) -> list[str]:
    folder = host.inside("/home/alice/.local/share/jupyter/remotekit/instances")
    return [line for file in folder.glob("*/audit.jsonl") for line in file.read_text().splitlines() if "refused-guess" in line]


THIEF = """
import os, socket, sys, time
port, said = int(sys.argv[1]), sys.argv[2]
deadline = time.monotonic() + 60
while True:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
        listener.listen()
        break
    except OSError:
        listener.close()
        if time.monotonic() > deadline:
            raise
        time.sleep(0.01)
open(said, "wb").write(b"listening ")
while True:
    peer, _ = listener.accept()
    with open(said, "ab") as record:
        record.write(peer.recv(65536))
    peer.close()
"""


def test_whoever_takes_the_port_of_a_server_that_has_died_is_sent_nothing(lab: Lab) -> None:
    host = lab.host("shared", User("alice"), User("mallory"))
    with connected(lab.laptop, "alice@shared") as connection:
        assert connection.answers()
        (server,) = json.loads(host.run(KIT, "list", "--here", "--json", user="alice").stdout)["data"]["servers"]
        thief = host.popen(sys.executable, "-I", "-c", THIEF, str(server["port"]), "/tmp/said", user="mallory")
        try:
            host.run("kill", "-9", str(server["pid"]), user="alice")
            said = host.inside("/tmp/said")
            until(said.exists, "the port to be taken")
            # As a page and an IDE do, which try again and again.
            until(lambda: connection.answers() or connection.process.poll() is not None, "connect to see that the server has ended", 60)
            assert connection.process.poll() == 1
        finally:
            thief.kill()
            thief.wait()
        assert connection.token.encode() not in said.read_bytes()
        assert said.read_bytes() == b"listening "
