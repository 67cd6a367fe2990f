"""Paths that lead out: on no route does a file come back that is not below the folder that is served, whoever asks."""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import re
import secrets
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

import pytest

from tests.gate.cases.paths import ROUTES, climbs
from tests.server.conftest import TOKEN, Machine, Server

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
OUTSIDE = "outside.txt"
# Every fifth path by default; all with `REMOTEKIT_LONG=1`.
SAMPLED = 5
SIGNED_IN = {"Authorization": f"token {TOKEN}"}
# `http.client` refuses to send these.
UNSENDABLE = re.compile(r"[\x00-\x20\x7f]")


@dataclass(frozen=True)
class Canaries:
    """What must not come back: the content of a file beside the served folder, and of the instance's own files."""

    file: Path
    texts: tuple[str, ...]

    @property
    def climbs(self) -> list[str]:
        return list(climbs(OUTSIDE, str(self.file)))

    def found_in(self, body: bytes) -> list[str]:
        forms = {text: (text.encode(), base64.b64encode(text.encode())[4:-4]) for text in self.texts}
        return [text for text, spelt in forms.items() if any(form in body for form in spelt)]


@pytest.fixture(scope="module")
def canaries(loopback: tuple[Machine, Server]) -> Canaries:
    machine, _ = loopback
    content = f"canary-{secrets.token_hex(16)}"
    file = machine.home / OUTSIDE
    file.write_text(content * 3)
    (machine.root / "notes.txt").write_text("inside\n")
    (machine.root / "sub").mkdir()
    (machine.home / "elsewhere").mkdir()
    (machine.root / "sub" / "link").symlink_to(machine.home / "elsewhere")
    return Canaries(file, (content, machine.hashed_password, "root:x:0:0"))


class Raw:
    """A connection that sends a target as it is, and is made again when the server ends it."""

    def __init__(self, server: Server) -> None:
        self._address = server.url.partition("//")[2]
        self._connection = http.client.HTTPConnection(self._address, timeout=20)

    def ask(self, method: str, target: str, headers: dict[str, str], body: str | None = None) -> tuple[int, bytes]:
        try:
            self._connection.request(method, target, body=body, headers=headers)
            answer = self._connection.getresponse()
            return answer.status, answer.read()
        except (ConnectionError, http.client.BadStatusLine):
            self._connection.close()
            return 0, b""

    def close(self) -> None:
        self._connection.close()


@pytest.fixture
def raw(loopback: tuple[Machine, Server]) -> Iterator[Raw]:
    with contextlib.closing(Raw(loopback[1])) as made:
        yield made


def test_the_table_is_long_enough(canaries: Canaries) -> None:
    assert len(set(canaries.climbs)) >= 300
    assert not any(UNSENDABLE.search(climb) for climb in canaries.climbs)


def test_what_is_inside_comes_back(raw: Raw, canaries: Canaries) -> None:
    assert raw.ask("GET", "/files/notes.txt", SIGNED_IN) == (200, b"inside\n")
    assert raw.ask("GET", "/files/sub/%2e%2e/notes.txt", SIGNED_IN)[0] in {200, 404}


@pytest.mark.parametrize("route", ROUTES)
def test_no_file_outside_comes_back(route: str, raw: Raw, canaries: Canaries, long: bool, figure: Callable[[str], None]) -> None:
    statuses: Counter[int] = Counter()
    for climb in canaries.climbs[:: 1 if long else SAMPLED]:
        status, body = raw.ask("GET", route.format(climb), SIGNED_IN)
        statuses[status] += 1
        assert canaries.found_in(body) == [], climb
    figure(f"{statuses.total()} paths: {dict(statuses.most_common())}")


@pytest.mark.parametrize("route", ROUTES)
def test_a_stranger_learns_nothing_from_them(route: str, raw: Raw, canaries: Canaries) -> None:
    """Neither the file nor whether there is one."""
    for climb in canaries.climbs[:: len(ROUTES)]:
        status, body = raw.ask("GET", route.format(climb), {})
        absent, _ = raw.ask("GET", route.format(climb.replace(OUTSIDE, "absent.txt")), {})
        assert canaries.found_in(body) == [], climb
        assert status == absent, climb
        assert status < 500, climb


def test_nothing_is_written_outside(raw: Raw, canaries: Canaries, loopback: tuple[Machine, Server], long: bool) -> None:
    machine, _ = loopback
    model = {"type": "file", "format": "text", "content": "planted"}
    before = {path for path in machine.home.rglob("*") if machine.root not in path.parents}
    for climb in canaries.climbs[:: 1 if long else SAMPLED]:
        target = climb.replace(OUTSIDE, "planted.txt")
        raw.ask("PUT", f"/api/contents/{target}", SIGNED_IN, json.dumps(model))
        raw.ask("POST", f"/api/contents/{target}", SIGNED_IN, json.dumps({"type": "file"}))
        decoded = unquote(climb, errors="surrogateescape").encode("utf-8", "replace").decode()
        raw.ask("POST", "/api/contents/sub", SIGNED_IN, json.dumps({"copy_from": decoded}))
        raw.ask("PATCH", "/api/contents/notes.txt", SIGNED_IN, json.dumps({"path": decoded.replace(OUTSIDE, "planted.txt")}))
        raw.ask("DELETE", f"/api/contents/{climb}", SIGNED_IN)
    appeared = {path for path in machine.home.rglob("*") if machine.root not in path.parents} - before
    assert [path for path in appeared if path.is_file() and b"planted" in path.read_bytes()] == []
    assert [path for path in appeared if "planted" in path.name] == []
    assert canaries.file.read_text().startswith(canaries.texts[0])
    copies = [path for path in machine.root.rglob("*") if path.is_file() and canaries.found_in(path.read_bytes())]
    assert copies == []
