"""A `connect` that runs on the laptop, and whoever works through it."""

from __future__ import annotations

import contextlib
import json
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx

from tests.connect.stage.laptop import Laptop
from tests.connect.stage.machine import KIT
from tests.e2e.stage import ides
from tests.e2e.stage.waiting import until

FINDS_KIT = ("--python", f"{sys.prefix}/bin/python")
READY_SECONDS = 90.0
ANSWER_SECONDS = 2.0
CELL_SECONDS = 60.0
ENDS_SECONDS = 30.0


@dataclass
class Connection:
    """`connect --json` that has said that it is ready: `data` of the one object that it has printed."""

    laptop: Laptop
    process: subprocess.Popen[str]
    data: dict[str, Any]
    said: Path

    # -- what it says --------------------------------------------------------------------------------------------------------------

    @property
    def port(self) -> int:
        """The local port."""
        port: int = self.data["port"]
        return port

    @property
    def url(self) -> str:
        """What a person's browser is given."""
        url: str = self.data["url"]
        return url

    @property
    def token(self) -> str:
        """What the URL for IDEs has."""
        return parse_qs(urlsplit(self.data["token_url"]).query)["token"][0]

    def words(self) -> list[str]:
        """The lines on standard error so far."""
        return self.said.read_text(errors="replace").splitlines()

    def wait_for_words(self, beyond: int, seconds: float = 60.0) -> list[str]:
        """Wait until there are more than `beyond` lines; those after it."""
        return until(lambda: self.words()[beyond:], "connect to say more", seconds)

    def stop(self, number: int = signal.SIGINT) -> int:
        """Send it a signal, and wait for its end; the exit code. What it has printed meanwhile must be nothing."""
        self.process.send_signal(number)
        rest, _ = self.process.communicate(timeout=ENDS_SECONDS)
        assert rest == ""
        return self.process.returncode

    # -- an IDE that works through it ----------------------------------------------------------------------------------------------

    @property
    def headers(self) -> dict[str, str]:
        """What an IDE sends."""
        return {"Authorization": f"token {self.token}"}

    def ask(self, method: str, path: str, seconds: float = ANSWER_SECONDS, **options: Any) -> httpx.Response:
        """One request on a connection of its own. Raises `httpx.TransportError`."""
        with self.laptop.network():
            base = f"http://127.0.0.1:{self.port}"
            return httpx.request(method, f"{base}{path}", headers=self.headers, timeout=seconds, trust_env=False, **options)

    def answers(self) -> bool:
        """Whether the server can be reached through it just now."""
        try:
            return self.ask("GET", "/api/status").status_code == httpx.codes.OK
        except httpx.TransportError:
            return False

    def new_kernel(self) -> str:
        """Start a kernel; its identity."""
        answer = self.ask("POST", "/api/kernels", CELL_SECONDS, json={})
        assert answer.status_code == httpx.codes.CREATED, answer.text
        identity: str = answer.json()["id"]
        return identity

    def execute(self, kernel: str, code: str) -> str:
        """Run `code` in the kernel, over a websocket of its own; the text of its result."""
        with self.laptop.network():
            return ides.execute(f"ws://127.0.0.1:{self.port}/api/kernels/{kernel}/channels", self.headers, code, None, CELL_SECONDS)


@contextlib.contextmanager
def connected(
    laptop: Laptop,
    target: str,
    *options: str,
    browser: bool = False,
    program: tuple[str | Path, ...] = (KIT,),
    **who: Any,
) -> Iterator[Connection]:
    """`connect --json` of `program`, until it is ready; it ends with the block. `who` is the `user` and the `env` of `Machine.popen`.

    Raises `AssertionError` with what it said when it ends before it is ready.
    """
    opens = () if browser else ("--no-browser",)
    argv = (*program, "connect", target, "--json", *opens, *FINDS_KIT, *options)
    with tempfile.TemporaryDirectory(prefix="rk-connect-said-") as folder:
        said = Path(folder, "stderr")
        with said.open("w") as stderr:
            process = laptop.popen(*argv, **who, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=stderr)
        try:
            yield Connection(laptop, process, _ready(process, said), said)
        finally:
            process.terminate()
            try:
                process.communicate(timeout=ENDS_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.communicate()


def _ready(process: subprocess.Popen[str], said: Path) -> dict[str, Any]:
    assert process.stdout is not None
    begun = time.monotonic()
    line = process.stdout.readline() if select.select([process.stdout], [], [], READY_SECONDS)[0] else ""
    assert line, f"connect said nothing on standard output for {time.monotonic() - begun:.0f} s, but:\n{said.read_text()}"
    envelope = json.loads(line)
    assert envelope["ok"] is True, line
    assert envelope["command"] == "connect"
    data: dict[str, Any] = envelope["data"]
    return data
