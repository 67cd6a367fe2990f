"""Lines that are cut: noticed, mended, and everything where it was.

`REMOTEKIT_DROPS` is how often each kind is tried: 1 by default, 25 in the long form, which makes a hundred.
"""

from __future__ import annotations

import contextlib
import math
import os
import signal
import socket
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest
import websocket

from tests.connect.stage import KIT, Host, Lab, User, faults
from tests.connect.stage.connection import CELL_SECONDS, Connection, connected
from tests.e2e.stage.laptop import Lab as Screen
from tests.e2e.stage.waiting import until

DROPS = int(os.environ.get("REMOTEKIT_DROPS", "1"))
# No figure: what takes longer is not mended at all.
MENDED_SECONDS = 90.0
NOTICED_SECONDS = 60.0


@dataclass
class Scene:
    """A line to a kernel that counts: each cell tells how many there were before it."""

    lab: Lab
    host: Host
    connection: Connection
    kernel: str
    cells: int = 0
    back: dict[str, list[float]] = field(default_factory=dict)

    def count(self) -> None:
        """Run a cell on the kernel; it must know of all that were run before."""
        self.cells += 1
        assert self.connection.execute(self.kernel, "cells += 1; cells") == str(self.cells)

    def bound(self) -> bool:
        """Whether the local listener takes connections."""
        with self.lab.laptop.network(), contextlib.closing(socket.create_connection(("127.0.0.1", self.connection.port), 5)):
            return True

    def answers(self) -> bool:
        """Whether the server is reached; the listener has to be there in any case."""
        return self.bound() and self.connection.answers()


@contextlib.contextmanager
def ssh_killed(scene: Scene) -> Iterator[None]:
    """The laptop's ssh of this line, with SIGKILL."""
    assert faults.kill_ssh(scene.lab.laptop, scene.connection.process.pid) >= 1
    yield


@contextlib.contextmanager
def server_side_killed(scene: Scene) -> Iterator[None]:
    """The host's sshd processes of this line, with SIGKILL."""
    assert scene.host.kill_sessions() >= 2
    yield


def link_down(scene: Scene) -> contextlib.AbstractContextManager[None]:
    """The laptop's interface."""
    return faults.unplugged(scene.lab.laptop)


def dropped_silently(scene: Scene) -> contextlib.AbstractContextManager[None]:
    """Every packet from and to the host, on the way."""
    return scene.lab.switch.silence(scene.host.plugs[0])


@contextlib.contextmanager
def readdressed(scene: Scene) -> Iterator[None]:
    """The laptop has another address, as after a change of networks, and keeps it until the line is mended."""
    with faults.readdressed(scene.lab.laptop):
        until(scene.answers, "the line from the new address", MENDED_SECONDS)
        scene.count()
        yield


Fault = Callable[[Scene], contextlib.AbstractContextManager[None]]
KINDS: tuple[Fault, ...] = (ssh_killed, link_down, dropped_silently, server_side_killed)
AT_ONCE = frozenset({ssh_killed, server_side_killed})


@pytest.fixture(scope="module")
def gpu(lab: Lab) -> Host:
    return lab.host("gpu", User("alice"), User("bob"))


@pytest.fixture(scope="module")
def scene(lab: Lab, gpu: Host) -> Iterator[Scene]:
    """One line for all of this module, as somebody keeps one for weeks. In the end it has printed nothing but its one object."""
    with connected(lab.laptop, "alice@gpu") as connection:
        kernel = connection.new_kernel()
        assert connection.execute(kernel, "cells = 0; cells") == "0"
        yield Scene(lab, gpu, connection, kernel)
        assert connection.stop() == 0


def drop(scene: Scene, fault: Fault, further_tries: int) -> tuple[float, float]:
    """Cut the line and have it mended; seconds until it was noticed, and from then on that it could be mended until a cell has run.

    What lasts does so until it was noticed and so many tries have failed.
    """
    connection = scene.connection
    said, begun = len(connection.words()), time.monotonic()
    with fault(scene):
        connection.wait_for_words(said, NOTICED_SECONDS)
        noticed = time.monotonic() - begun
        assert scene.bound()
        for _ in range(0 if fault in AT_ONCE else further_tries):
            connection.wait_for_words(len(connection.words()), NOTICED_SECONDS)
            assert scene.bound()
    healed = begun if fault in AT_ONCE else time.monotonic()
    until(scene.answers, "the line to be mended", MENDED_SECONDS)
    scene.count()
    return noticed, time.monotonic() - healed


def told(seconds: list[float]) -> str:
    """Median, 95th percentile and the longest."""
    p95 = sorted(seconds)[math.ceil(0.95 * len(seconds)) - 1]
    return f"median {statistics.median(seconds):.1f} s, p95 {p95:.1f} s, longest {max(seconds):.1f} s"


@pytest.mark.parametrize("fault", KINDS, ids=lambda fault: fault.__name__)
def test_a_line_that_is_cut_is_mended(scene: Scene, fault: Fault, figure: Callable[[str], None]) -> None:
    noticed, back = [], []
    for number in range(DROPS):
        seconds = drop(scene, fault, number % 3)
        noticed.append(seconds[0])
        back.append(seconds[1])
    scene.back[fault.__name__] = back
    figure(f"{DROPS} drops, noticed: {told(noticed)}; back: {told(back)}")
    assert scene.connection.process.poll() is None


def test_a_laptop_in_another_network_comes_back(scene: Scene) -> None:
    drop(scene, readdressed, 0)


def test_a_line_that_goes_silent_while_it_is_made_is_noticed(scene: Scene, figure: Callable[[str], None]) -> None:
    with ssh_killed(scene):
        looking = until(lambda: [found for found in scene.host.processes() if "--handover" in found.argv], "the host's kit", every=0.01)
        for process in looking:
            os.kill(process.pid, signal.SIGSTOP)
        with dropped_silently(scene):
            begun, said = time.monotonic(), len(scene.connection.words())
            until(lambda: "not responding" in " ".join(scene.connection.words()[said:]), "ssh to notice", NOTICED_SECONDS)
            figure(f"noticed after {time.monotonic() - begun:.1f} s")
            assert scene.bound()
    for process in looking:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGCONT)
    until(scene.answers, "the line to be mended", MENDED_SECONDS)
    scene.count()


def test_a_temporary_folder_that_is_cleaned_up_is_made_anew(scene: Scene) -> None:
    scene.lab.laptop.run("sh", "-c", "rm -rf /tmp/rk-*")
    with ssh_killed(scene):
        until(scene.answers, "the line to be mended", MENDED_SECONDS)
    scene.count()


def test_a_process_that_may_open_few_files_outlives_a_crowd_and_a_drop(scene: Scene) -> None:
    limited = ("prlimit", "--nofile=160:160", KIT)
    with connected(scene.lab.laptop, "bob@gpu", "--stop-on-exit", program=limited) as connection:
        address = ("127.0.0.1", connection.port)
        with scene.lab.laptop.network(), contextlib.ExitStack() as crowd:
            for _ in range(200):
                crowd.enter_context(socket.create_connection(address, 5))
            assert faults.kill_ssh(scene.lab.laptop, connection.process.pid) >= 1
            connection.wait_for_words(len(connection.words()), NOTICED_SECONDS)
        until(connection.answers, "the line to be mended", MENDED_SECONDS)
        assert "Traceback" not in "\n".join(connection.words())
        assert connection.stop() == 0


def test_drops_leave_nothing_behind(scene: Scene, figure: Callable[[str], None]) -> None:
    together = [seconds for kind in scene.back.values() for seconds in kind]
    figure(f"{len(together)} drops of {len(scene.back)} kinds, back: {told(together)}")
    user = scene.host.person("alice").uid

    def sessions() -> set[str]:
        """The marks of the sessions: the loop that answers requests has it, and the process that waits for the login profile."""
        lines = (process.argv for process in scene.host.processes() if process.uid == user)
        return {word for argv in lines for word in argv if word.startswith("remotekit-")}

    until(lambda: len(sessions()) == 1, "the sessions of lines that were cut to end")
    assert len(faults.ssh_of(scene.lab.laptop, scene.connection.process.pid)) == 1


def read_to_its_end(channel: websocket.WebSocket) -> None:
    """Take what comes. Raises when the other end is gone, as it does when nothing comes for long."""
    while True:
        channel.recv()


def test_what_was_open_is_closed_so_that_it_comes_again(scene: Scene) -> None:
    said = len(scene.connection.words())
    with scene.lab.laptop.network():
        url = f"ws://127.0.0.1:{scene.connection.port}/api/kernels/{scene.kernel}/channels"
        headers = [f"{name}: {value}" for name, value in scene.connection.headers.items()]
        channel = websocket.create_connection(url, header=headers, suppress_origin=True, timeout=CELL_SECONDS)
    with contextlib.closing(channel), dropped_silently(scene):
        scene.connection.wait_for_words(said, NOTICED_SECONDS)
        with pytest.raises((websocket.WebSocketConnectionClosedException, ConnectionError)):
            read_to_its_end(channel)
    until(scene.answers, "the line to be mended", MENDED_SECONDS)
    scene.count()


@pytest.mark.usefixtures("browser")
def test_a_page_goes_on_by_itself(lab: Lab, gpu: Host) -> None:
    with connected(lab.laptop, "bob@gpu", browser=True, env=lab.laptop.recording_browser()) as connection, lab.laptop.page() as page:
        screen = Screen(page)
        screen.open(lab.laptop.opened())
        screen.new_notebook()
        assert screen.run("x = 41; x") == "41"
        before, said = page.url, len(connection.words())
        with lab.switch.silence(gpu.plugs[0]):
            connection.wait_for_words(said, NOTICED_SECONDS)
        assert screen.run("x + 1", cell=1) == "42"
        assert page.url == before
        assert faults.kill_ssh(lab.laptop, connection.process.pid) >= 1
        assert screen.run("x + 2", cell=2) == "43"
        assert page.url == before
