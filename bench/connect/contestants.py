"""Ways from a laptop to JupyterLab on a host: the kit's `connect`, jupyter-forward, and ssh by hand."""

from __future__ import annotations

import contextlib
import http.client
import re
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.connect import peer
from bench.connect.scene import HOST, PREFIX, WITH_KIT, WITHOUT_KIT, Scene, end_all, environment
from bench.contestants import LOOPBACK, OK, READY_WITHIN_S
from bench.sandbox import SHOWN_CHARACTERS, BenchError
from tests.connect.stage.machine import KIT
from tests.connect.stage.processes import Process, descendants

POLL_S = 0.005
ENDS_WITHIN_S = 10.0
ASK_WITHIN_S = 2.0
CONNECT, FORWARD, BY_HAND = "connect", "jupyter-forward", "ssh -L by hand"
FORWARD_PORT, HAND_PORT = 8888, 8889
OURS, OTHERS = f"{WITH_KIT}@{HOST}", f"{WITHOUT_KIT}@{HOST}"
# What a user types in two windows, typed at once. The tunnel leads nowhere until the server listens.
HAND = f"""\
ssh {OTHERS} '. ./.profile; exec jupyter lab --no-browser --port={HAND_PORT}' &
ssh -N -L {HAND_PORT}:localhost:{HAND_PORT} {OTHERS} &
wait
"""
HAND_URL = re.compile(r"http://localhost:(\d+)/lab\?token=(\w+)")
HAND_NOTICES = re.compile("closed by remote host|Timeout, server|Broken pipe")


@dataclass(frozen=True)
class Contestant:
    """A command: `url` finds in its words the port and the token, `notices` that the line is gone."""

    name: str
    argv: tuple[str, ...]
    url: re.Pattern[str]
    notices: re.Pattern[str]


def connect() -> Contestant:
    """The kit's."""
    argv = (KIT, "connect", OURS, "--json", "--no-browser", "--python", f"{PREFIX}/bin/python")
    return Contestant(CONNECT, argv, re.compile(r'"token_url": "http://127\.0\.0\.1:(\d+)/\?token=(\w+)"'), re.compile("○"))


def forward(port: int = FORWARD_PORT) -> Contestant:
    """jupyter-forward. 2025.1.16 ends at once where no environment is named, and any name does where the host has no conda."""
    argv = (peer.program(), OTHERS, "--conda-env", "kit", "--port", str(port))
    return Contestant(FORWARD, argv, re.compile(r"Lab URL: http://localhost:(\d+)/\?token=(\w+)"), re.compile("Terminated the network"))


def by_hand() -> Contestant:
    """A server in the foreground of one ssh, and a tunnel by another."""
    return Contestant(BY_HAND, ("sh", "-c", HAND), HAND_URL, HAND_NOTICES)


def tunnel(port: int, far_port: int, token: str) -> Contestant:
    """A tunnel to the kit's server, for somebody who knows its port and its token."""
    told = f'echo "http://localhost:{port}/lab?token={token}"; exec ssh -N -L {port}:127.0.0.1:{far_port} {OURS}'
    return Contestant(BY_HAND, ("sh", "-c", told), HAND_URL, HAND_NOTICES)


@dataclass
class Session:
    """A contestant that has been started on the laptop; `begun` is when, by `time.perf_counter`."""

    scene: Scene
    contestant: Contestant
    process: subprocess.Popen[str]
    said: Path
    begun: float
    port: int = 0
    token: str = ""

    def wait_until_it_answers(self) -> float:
        """Seconds from the command to the first 200 with the token that it has printed. Raises `BenchError` with its last words."""
        while not self._has_told() or not self.answers():
            late = time.perf_counter() - self.begun > READY_WITHIN_S
            if late or self.ended:
                state = "did not answer in time" if late else f"ended with {self.process.returncode}"
                message = f"{self.contestant.name} {state}:\n{self.words()[-SHOWN_CHARACTERS:]}"
                raise BenchError(message)
            time.sleep(POLL_S)
        return time.perf_counter() - self.begun

    @property
    def ended(self) -> bool:
        """Whether the command is over."""
        return self.process.poll() is not None

    def words(self) -> str:
        """What it has said so far."""
        return self.said.read_text(errors="replace")

    def answers(self) -> bool:
        """Whether the server can be reached through it just now."""
        try:
            with self.asked("GET", "/api/status", ASK_WITHIN_S) as answer:
                answer.read()
                return answer.status == OK
        except (OSError, http.client.HTTPException):
            return False

    @contextlib.contextmanager
    def asked(self, method: str, path: str, seconds: float) -> Iterator[http.client.HTTPResponse]:
        """The answer to one request on a connection of its own."""
        headers = {"Authorization": f"token {self.token}", "Accept-Encoding": "identity"}
        with self.scene.laptop.network(), contextlib.closing(http.client.HTTPConnection(LOOPBACK, self.port, timeout=seconds)) as client:
            client.request(method, path, body="{}" if method == "POST" else None, headers=headers)
            yield client.getresponse()

    def processes(self) -> list[Process]:
        """What it runs on the laptop."""
        return descendants(self.process.pid, self.scene.laptop.processes())

    def end(self) -> None:
        """Ctrl-C, and an end to whatever is left of it."""
        running = [process.pid for process in self.processes()]
        self.process.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(ENDS_WITHIN_S)
        self.process.kill()
        self.process.wait()
        end_all(self.scene.laptop, running)

    def _has_told(self) -> bool:
        if not self.token and (match := self.contestant.url.search(self.words())):
            self.port, self.token = int(match[1]), match[2]
        return bool(self.token)


@contextlib.contextmanager
def started(scene: Scene, contestant: Contestant) -> Iterator[Session]:
    """Start it; it is ended with the context, its server is not."""
    with tempfile.TemporaryDirectory(prefix="remotekit-bench-") as folder:
        said = Path(folder, "said")
        with said.open("w") as stream:
            begun = time.perf_counter()
            process = scene.laptop.popen(
                *contestant.argv, env=environment(), stdin=subprocess.DEVNULL, stdout=stream, stderr=subprocess.STDOUT
            )
        session = Session(scene, contestant, process, said, begun)
        try:
            yield session
        finally:
            session.end()


@contextlib.contextmanager
def ready(scene: Scene, *contestants: Contestant) -> Iterator[list[Session]]:
    """Start them all, until each answers."""
    with contextlib.ExitStack() as stack:
        sessions = [stack.enter_context(started(scene, contestant)) for contestant in contestants]
        for session in sessions:
            session.wait_until_it_answers()
        yield sessions


def far_port(scene: Scene) -> int:
    """The port of the kit's server on the host."""
    told = scene.host.run(KIT, "status", "--json", "--instance", "connect", user=WITH_KIT).stdout
    match = re.search(r'"url": "http://[^"]*:(\d+)/', told)
    if match is None:
        message = f"the kit's server on the host tells no port: {told}"
        raise BenchError(message)
    return int(match[1])
