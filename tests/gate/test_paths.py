"""Paths that lead out: on no route does a file come back that is not below the folder that is served, whoever asks."""

from __future__ import annotations

import base64
import contextlib
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
from tests.gate.raw import Line
from tests.server.conftest import TOKEN, Machine, Server

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
OUTSIDE = "outside.txt"
# Every fifth path by default; all with `REMOTEKIT_LONG=1`.
SAMPLED = 5
SIGNED_IN = ("Authorization", f"token {TOKEN}")
HUNG_UP = 0
# No client sends these, and they would end the request line.
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


class Visitor:
    """Whoever asks on one connection, and counts how often the server hung up instead of answering."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._line = Line(server)
        self.statuses: Counter[int] = Counter()

    def ask(self, method: str, target: str, *fields: tuple[str, str], model: dict[str, str] | None = None) -> tuple[int, bytes]:
        body = b"" if model is None else json.dumps(model).encode()
        answer = self._line.ask(target, [("Host", self._server.url.partition("//")[2]), *fields], method=method, body=body)
        self.statuses[answer.status] += 1
        return answer.status, answer.body

    def close(self) -> None:
        self._line.close()


@pytest.fixture
def visitor(loopback: tuple[Machine, Server], canaries: Canaries) -> Iterator[Visitor]:
    """Fails afterwards when the server has hung up on any question, or died of one."""
    with contextlib.closing(Visitor(loopback[1])) as made:
        yield made
        assert HUNG_UP not in made.statuses, made.statuses
        assert made.ask("GET", "/files/notes.txt", SIGNED_IN) == (200, b"inside\n")


def test_the_table_is_long_enough(canaries: Canaries) -> None:
    assert len(set(canaries.climbs)) >= 300
    assert not any(UNSENDABLE.search(climb) for climb in canaries.climbs)


def test_what_is_inside_comes_back(visitor: Visitor, canaries: Canaries) -> None:
    assert visitor.ask("GET", "/files/notes.txt", SIGNED_IN) == (200, b"inside\n")
    assert visitor.ask("GET", "/files/sub/%2e%2e/notes.txt", SIGNED_IN)[0] in {200, 404}


@pytest.mark.parametrize("route", ROUTES)
def test_no_file_outside_comes_back(route: str, visitor: Visitor, canaries: Canaries, long: bool, figure: Callable[[str], None]) -> None:
    for climb in canaries.climbs[:: 1 if long else SAMPLED]:
        _, body = visitor.ask("GET", route.format(climb), SIGNED_IN)
        assert canaries.found_in(body) == [], climb
    figure(f"{visitor.statuses.total()} paths: {dict(visitor.statuses.most_common())}")


@pytest.mark.parametrize("route", ROUTES)
def test_a_stranger_learns_nothing_from_them(route: str, visitor: Visitor, canaries: Canaries) -> None:
    """Neither the file nor whether there is one."""
    for climb in canaries.climbs[:: len(ROUTES)]:
        status, body = visitor.ask("GET", route.format(climb))
        absent, _ = visitor.ask("GET", route.format(climb.replace(OUTSIDE, "absent.txt")))
        assert canaries.found_in(body) == [], climb
        assert status == absent, climb
        assert status < 500, climb


def test_nothing_is_written_outside(visitor: Visitor, canaries: Canaries, loopback: tuple[Machine, Server], long: bool) -> None:
    machine, _ = loopback
    model = {"type": "file", "format": "text", "content": "planted"}
    before = {path for path in machine.home.rglob("*") if machine.root not in path.parents}
    for climb in canaries.climbs[:: 1 if long else SAMPLED]:
        target = climb.replace(OUTSIDE, "planted.txt")
        visitor.ask("PUT", f"/api/contents/{target}", SIGNED_IN, model=model)
        visitor.ask("POST", f"/api/contents/{target}", SIGNED_IN, model={"type": "file"})
        decoded = unquote(climb, errors="surrogateescape").encode("utf-8", "replace").decode()
        visitor.ask("POST", "/api/contents/sub", SIGNED_IN, model={"copy_from": decoded})
        # Some of these are names within the folder, and the file is gone from its old one.
        (machine.root / "movable.txt").write_text("planted")
        visitor.ask("PATCH", "/api/contents/movable.txt", SIGNED_IN, model={"path": decoded.replace(OUTSIDE, "planted.txt")})
        visitor.ask("DELETE", f"/api/contents/{climb}", SIGNED_IN)
    appeared = {path for path in machine.home.rglob("*") if machine.root not in path.parents} - before
    assert [path for path in appeared if path.is_file() and b"planted" in path.read_bytes()] == []
    assert [path for path in appeared if "planted" in path.name] == []
    assert canaries.file.read_text().startswith(canaries.texts[0])
    copies = [path for path in machine.root.rglob("*") if path.is_file() and canaries.found_in(path.read_bytes())]
    assert copies == []
