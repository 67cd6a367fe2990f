"""`start` and `stop`: exactly one server, and no other of that user's, or of anybody's."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from tests.connect.stage import KIT, Host, Lab, User
from tests.connect.stage.connection import FINDS_KIT
from tests.connect.stage.remains import nothing_more, running
from tests.e2e.stage.waiting import until

PLAIN_PORT = 18888
# An ordinary server of somebody who has never heard of the kit; its name holds all that a careless pattern could look for.
PLAIN_LAB = (sys.executable, "-m", "jupyter", "lab", "--no-browser", f"--port={PLAIN_PORT}", "--IdentityProvider.token=remotekit-connect")


@pytest.fixture(scope="module")
def gpu(lab: Lab) -> Host:
    return lab.host("gpu", User("alice"), User("bob"), User("erin"))


def asked(lab: Lab, verb: str, *words: str) -> dict[str, Any]:
    """What `verb` has done, in JSON."""
    done = lab.laptop.kit(verb, "--json", *words, *FINDS_KIT)
    assert done.returncode == 0, done.stdout + done.stderr
    envelope: dict[str, Any] = json.loads(done.stdout)
    assert envelope["ok"] is True
    return envelope["data"] | {"messages": envelope["messages"]}


def pids(host: Host, user: str) -> set[int]:
    """The processes of a user, as the tests count them."""
    return {process.pid for process in host.processes() if process.uid == host.person(user).uid}


def servers(host: Host, user: str) -> dict[str, int]:
    """The kit's servers of a user: instance and process, as the host counts."""
    told = json.loads(host.run(KIT, "list", "--here", "--json", user=user).stdout)["data"]["servers"]
    return {server["instance"]: server["pid"] for server in told}


@pytest.fixture
def plain_lab(gpu: Host) -> Iterator[set[int]]:
    """An ordinary `jupyter lab` of alice's, which the kit has not started; its process."""
    process = gpu.popen(*PLAIN_LAB, user="alice", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until(lambda: PLAIN_PORT in gpu.listeners(), "the plain server", 60.0)
        yield {found.pid for found in gpu.processes() if PLAIN_LAB[-1] in found.argv}
    finally:
        process.terminate()
        process.wait(30)


def test_stop_ends_its_own_server_and_no_other(lab: Lab, gpu: Host, plain_lab: set[int]) -> None:
    own = asked(lab, "start", "alice@gpu")
    asked(lab, "start", "bob@gpu")
    gpu.run(KIT, "up", "--detach", "--yes", "--access", "ssh", "--port", "auto", "--instance", "connect2", user="alice")
    alices, bobs = servers(gpu, "alice"), servers(gpu, "bob")
    assert alices == {**alices, "connect": own["pid"]}
    assert alices.keys() == {"connect", "connect2"}
    stopped = asked(lab, "stop", "alice@gpu")
    assert (stopped["changed"], stopped["instance"], stopped["name"]) == (True, "connect", own["name"])
    assert servers(gpu, "alice") == {name: pid for name, pid in alices.items() if name != "connect"}
    assert servers(gpu, "bob") == bobs
    assert len(plain_lab & pids(gpu, "alice")) == 1
    assert PLAIN_PORT in gpu.listeners()
    assert asked(lab, "stop", "alice@gpu", "--instance", "connect2")["changed"] is True
    until(lambda: pids(gpu, "alice") == plain_lab, "all but the plain server to end")


def test_stop_of_what_does_not_run_has_nothing_to_do(lab: Lab, gpu: Host) -> None:
    for words in (("erin@gpu",), ("erin@gpu", "--instance", "never"), ("erin@gpu", "--project-dir", "~/never")):
        with nothing_more(lab):
            done = lab.laptop.kit("stop", *words, *FINDS_KIT)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.startswith("Nothing to do: no server ")
    assert asked(lab, "stop", "erin@gpu")["changed"] is False
    assert not (gpu.home("erin") / "never").exists()


def test_stop_of_what_has_died_has_nothing_to_do(lab: Lab, gpu: Host) -> None:
    asked(lab, "start", "erin@gpu")
    killed = pids(gpu, "erin")
    gpu.run("kill", "-9", *map(str, servers(gpu, "erin").values()), user="erin")
    until(lambda: not killed & pids(gpu, "erin"), "the server to be gone")
    assert asked(lab, "stop", "erin@gpu")["changed"] is False


def test_start_twice_starts_one(lab: Lab, gpu: Host) -> None:
    first = asked(lab, "start", "bob@gpu")
    before = pids(gpu, "bob")
    second = asked(lab, "start", "bob@gpu")
    assert second["changed"] is False
    assert second["pid"] == first["pid"]
    assert second["messages"][0].startswith("Nothing to do: ")
    until(lambda: pids(gpu, "bob") <= before, "the second start to leave nothing")


def test_two_starts_at_the_same_time_start_one(lab: Lab, gpu: Host) -> None:
    argv = (KIT, "start", "erin@gpu", "--json", *FINDS_KIT)
    both = [lab.laptop.popen(*argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(2)]
    told = [(process.communicate(timeout=60), process.returncode) for process in both]
    assert [code for _, code in told] == [0, 0], told
    data = [json.loads(out)["data"] for (out, _), _ in told]
    assert len({row["pid"] for row in data}) == 1
    assert sorted(row["changed"] for row in data) == [False, True]
    assert servers(gpu, "erin") == {"connect": data[0]["pid"]}
    assert asked(lab, "stop", "erin@gpu")["changed"] is True


@pytest.mark.parametrize("verb", ["connect", "start", "stop"])
def test_a_dry_run_changes_nothing(lab: Lab, gpu: Host, verb: str) -> None:
    log, kept = gpu.log(), sorted(lab.laptop.home().rglob("*"))
    before = running(lab)
    done = lab.laptop.kit(verb, "alice@gpu", "--project-dir", "~/dry", "--dry-run", *FINDS_KIT)
    assert done.returncode == 0, done.stderr
    assert "would be done" in done.stdout
    assert running(lab) == before
    # It did not even ask the host.
    assert gpu.log() == log
    assert sorted(lab.laptop.home().rglob("*")) == kept
    assert not (gpu.home("alice") / "dry").exists()


def test_each_project_has_a_server_of_its_own(lab: Lab, gpu: Host) -> None:
    folders = ("~/vision", "~/speech", "/home/erin/my project")
    started = {folder: asked(lab, "start", "erin@gpu", "--project-dir", folder) for folder in folders}
    assert len({data["instance"] for data in started.values()}) == len(folders)
    assert servers(gpu, "erin") == {data["instance"]: data["pid"] for data in started.values()}
    assert all((gpu.home("erin") / folder.rpartition("/")[2]).is_dir() for folder in folders)
    # The same folder is the same server.
    assert asked(lab, "start", "erin@gpu", "--project-dir", "~/vision/")["pid"] == started["~/vision"]["pid"]
    stopped = asked(lab, "stop", "erin@gpu", "--project-dir", "~/speech")
    assert (stopped["changed"], stopped["instance"]) == (True, started["~/speech"]["instance"])
    assert servers(gpu, "erin").keys() == {started[folder]["instance"] for folder in folders if folder != "~/speech"}
    for folder in folders:
        asked(lab, "stop", "erin@gpu", "--project-dir", folder)
    until(lambda: not pids(gpu, "erin"), "all of them to end")
