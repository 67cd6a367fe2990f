"""Other accounts of the laptop: the port on which a host's server is reached is not for them."""

from __future__ import annotations

import sys

from tests.connect.stage import Lab, User
from tests.connect.stage.connection import connected

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
