"""Other accounts of the laptop: the port on which a host's server is reached is not for them."""

from __future__ import annotations

import json
import sys

from tests.connect.stage import Lab, User
from tests.connect.stage.connection import connected
from tests.connect.stage.machine import KIT
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


def test_only_its_owner_comes_through_the_port(lab: Lab) -> None:
    lab.host("gpu", User("alice"))
    lab.laptop.add(User("eve"))
    with connected(lab.laptop, "alice@gpu") as connection:
        asked = [sys.executable, "-I", "-c", ASK, str(connection.port)]
        answers = {user: lab.laptop.run(*asked, user=user).stdout.strip() for user in ("dana", "root", "eve")}
    assert answers == {"dana": "200", "root": "200", "eve": "refused"}


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
