"""What dies, and what comes back: the server, its kernels, a loop that hangs, a configuration that is broken, a crash at every start."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from tests.e2e.stage.waiting import until
from tests.service.served import SYSTEM, USER, Figure, Kernel, Served, kit
from tests.service.stage import Machine

LONG = bool(os.environ.get("REMOTEKIT_LONG"))
SERVER_KILLS = 20 if LONG else 1
KERNEL_KILLS = 50 if LONG else 6
# Fewer than five starts in a minute, as with a server that crashes now and then.
KILLS_APART_S = 15.0
TOLD_WITHIN_S = 10.0
LONGER_THAN_A_RESTART_S = 8.0
# jupyter_client's restarter gives up on a kernel that dies again within ten seconds, five times in a row.
KERNELS_AT_ONCE = 5
Boot = Callable[..., Machine]


# Quick to crash: five starts that each take ten seconds are no crash loop to systemd.
CRASH = "crash-at-start"
CRASHING = """
import os, pathlib, signal
if pathlib.Path.home().joinpath({file!r}).exists():
    os.kill(os.getpid(), signal.SIGSEGV)
"""


@pytest.fixture(scope="module", params=[USER, SYSTEM], ids=lambda place: place.scope)
def served(request: pytest.FixtureRequest) -> Iterator[Served]:
    """Both kinds of service, running."""
    with Machine() as machine:
        served = Served(machine, request.param)
        _give(served, served.home / "site/sitecustomize.py", CRASHING.format(file=CRASH))
        with machine.login(served.place.user) as login:
            served.install(login, "--now", env={"PYTHONPATH": f"{machine.person(served.place.user).home}/site"})
        yield served


@pytest.mark.timeout(120 + SERVER_KILLS * 45)
def test_a_killed_server_is_back_each_time_and_people_stay_signed_in(served: Served, figure: Figure) -> None:
    cookies = served.sign_in()
    took: list[float] = []
    with served.kernel() as kernel:
        own = int(kernel.run("import os; print(os.getpid())"))
    for _ in range(SERVER_KILLS):
        pid = served.pid
        killed = time.monotonic()
        served.machine.run("kill", "-KILL", str(pid))
        until(lambda before=pid: served.pid not in {0, before}, "another process", 30)
        served.wait_until_answers()
        took.append(time.monotonic() - killed)
        assert served.signed_in(cookies)
        # Its kernels ended with it.
        assert served.machine.run("kill", "-0", str(own), check=False).returncode != 0
        with served.kernel() as kernel:
            own = int(kernel.run("import os; print(os.getpid())"))
        until(lambda since=killed: time.monotonic() - since >= KILLS_APART_S, "the next", 60)
    assert int(served.says("NRestarts")) >= SERVER_KILLS
    figure(f"killed {SERVER_KILLS} times; answers again after {min(took):.1f} to {max(took):.1f} s")


@pytest.mark.timeout(120 + KERNEL_KILLS * 15)
def test_a_killed_kernel_takes_nothing_with_it_and_its_client_is_told(served: Served, figure: Figure) -> None:
    served.wait_until_answers()
    server = served.pid
    told: list[float] = []
    # Who does not listen answers no ping, and is hung up on after a while.
    with served.kernel() as bystander:
        bystander.run("kept = 42")
    for _ in range(-(-KERNEL_KILLS // KERNELS_AT_ONCE)):
        told += _kill_kernels(served, min(KERNELS_AT_ONCE, KERNEL_KILLS - len(told)))
    with contextlib.closing(Kernel(served, bystander.id)) as again:
        assert again.run("print(kept)") == "42"
    assert served.pid == server
    assert len(told) == KERNEL_KILLS
    assert max(told) <= TOLD_WITHIN_S
    figure(f"{len(told)} kernels killed; their clients told after {min(told):.1f} to {max(told):.1f} s")


def _kill_kernels(served: Served, number: int) -> list[float]:
    """How long it took until the client of each was told, in seconds."""
    with served.client() as client:
        kernels = [Kernel(served, str(client.post("/api/kernels", json={}).json()["id"])) for _ in range(number)]
        pids = [kernel.run("import os; print(os.getpid())") for kernel in kernels]
        killed = time.monotonic()
        served.machine.run("kill", "-KILL", *pids)
        told = []
        for kernel in kernels:
            kernel.wait_for_state("restarting", TOLD_WITHIN_S)
            told.append(time.monotonic() - killed)
            # The one in its place works.
            kernel.wait_until_answers()
            kernel.close()
            client.delete(f"/api/kernels/{kernel.id}")
    return told


def test_a_broken_configuration_gives_one_start_and_a_line_that_says_what_to_do(served: Served) -> None:
    broken = served.home / ".jupyter/jupyter_server_config.py"
    broken.write_text("c.ServerApp.allow_origin = missing\n")
    try:
        with served.machine.login(served.place.user) as login:
            done = kit(login, "service", "restart", user=served.place.user)
            assert done.returncode == 78, done.stdout + done.stderr
            assert "jupyter_server_config.py" in done.stderr
        assert served.says("ActiveState") == "failed"
        assert served.says("ExecMainStatus") == "78"
        assert served.says("SubState") == "failed"
        assert served.says("RestartUSec") == "5s"
        begun = _starts(served)
        assert begun
        with pytest.raises(TimeoutError):
            until(lambda: _starts(served) != begun, "another start", LONGER_THAN_A_RESTART_S, every=0.5)
        invocation = served.says("InvocationID")
        said = [entry["MESSAGE"] for entry in served.journal() if entry.get("_SYSTEMD_INVOCATION_ID") == invocation]
        assert [line for line in said if "refused [config-broken]" in str(line) and "jupyter_server_config.py" in str(line)]
        assert not [line for line in said if "Traceback" in str(line)]
    finally:
        broken.unlink()
        with served.machine.login(served.place.user) as login:
            served.service(login, "start")
    served.wait_until_answers()


def test_a_crash_at_every_start_stops_after_five(served: Served) -> None:
    """As where a library that the interpreter loads is broken."""
    crashing = served.home / CRASH
    crashing.touch()
    try:
        with served.machine.login(served.place.user) as login:
            served.service(login, "stop")
            # The starts of the tests before this one are none of its five.
            served.systemctl("reset-failed", served.place.unit)
            begun = _starts(served)
            done = kit(login, "service", "start", user=served.place.user)
            assert done.returncode == 1, done.stdout + done.stderr
            until(lambda: served.says("ActiveState") == "failed", "systemd to give up", 60)
            assert _starts(served) - begun == 5
    finally:
        crashing.unlink()
        with served.machine.login(served.place.user) as login:
            # Whoever has mended it need not wait for the minute to end.
            served.service(login, "start")
    served.wait_until_answers()


def _starts(served: Served) -> int:
    return len([entry for entry in served.journal() if str(entry["MESSAGE"]).startswith("Starting jupyter-remotekit@")])


HOOK = """
import time
from jupyter_server.base.handlers import JupyterHandler
from tornado import web

class Hang(JupyterHandler):
    @web.authenticated
    def post(self):
        time.sleep(120)

def _jupyter_server_extension_points():
    return [{"module": "hang_hook"}]

def _load_jupyter_server_extension(app):
    app.web_app.add_handlers(".*", [("/hang", Hang)])
"""


def test_a_hung_loop_is_restarted_where_that_was_asked_for(machine_with: Boot) -> None:
    """The time is set shorter than the kit accepts, as `systemctl edit` could."""
    served = Served(machine_with(), USER)
    with served.machine.login("alice") as login:
        served.install(login, "--watchdog", "10", env={"PYTHONPATH": _hook(served)})
        assert "WatchdogSec=600" in served.unit_file.read_text()
        _give(served, served.unit_file.with_name(f"{served.unit_file.name}.d") / "sooner.conf", "[Service]\nWatchdogSec=12s\n")
        served.systemctl("daemon-reload")
        served.service(login, "start")
    before = served.pid
    with served.client() as client, pytest.raises(httpx.ReadTimeout):
        client.post("/hang", timeout=2)
    until(lambda: served.pid not in {0, before}, "systemd to restart it", 60)
    served.wait_until_answers()
    assert served.says("NRestarts") == "1"
    said = [str(entry["MESSAGE"]) for entry in served.journal()]
    warned = next(index for index, line in enumerate(said) if "time.sleep(120)" in line)
    killed = next(index for index, line in enumerate(said) if "Watchdog timeout" in line)
    assert warned < killed


def _hook(served: Served) -> str:
    """An extension of the test's, which hangs when it is asked to; the folder in which it is."""
    folder = served.home / "hook"
    _give(served, folder / "hang_hook.py", HOOK)
    _give(served, served.home / ".jupyter/jupyter_server_config.json", '{"ServerApp": {"jpserver_extensions": {"hang_hook": true}}}')
    return f"{served.machine.person(served.place.user).home}/hook"


def _give(served: Served, path: Path, text: str) -> None:
    """A file of the user's."""
    uid, gid = served.machine.ids(served.place.user)
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    for owned in (path, path.parent):
        os.chown(owned, uid, gid)
