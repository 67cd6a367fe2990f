"""`list` on a laptop: many hosts at once, and none that holds up the rest."""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.connect.stage import Lab, User
from tests.connect.stage.hosts import Host
from tests.connect.stage.machine import KIT

HOSTS = 20
SERVING = ("host3", "host7")
SECONDS = 2


@pytest.fixture(scope="module")
def crowd(lab: Lab) -> dict[str, Host]:
    """Twenty hosts that know alice; two of them serve."""
    hosts = {name: lab.host(name, User("alice")) for name in (f"host{number}" for number in range(HOSTS))}
    for name in hosts:
        lab.laptop.kit("hosts", "add", f"alice@{name}", "--python", f"{sys.prefix}/bin/python", check=True)
    for name in SERVING:
        lab.laptop.kit("start", name, check=True)
    return hosts


def listed(lab: Lab, *words: str) -> dict[str, dict[str, Any]]:
    """What `list` says of each host, by its name."""
    answer = json.loads(lab.laptop.kit("list", "--json", *words, check=True).stdout)
    return {host["name"]: host for host in answer["data"]["hosts"]}


@pytest.fixture
def silent(lab: Lab, crowd: dict[str, Host]) -> Iterator[str]:
    """One of them does not answer at all."""
    with lab.switch.silence(crowd["host5"].plugs[0]):
        yield "host5"


def test_all_known_hosts_side_by_side(lab: Lab, crowd: dict[str, Host], figure: Callable[[str], None]) -> None:
    begun = time.monotonic()
    found = listed(lab)
    figure(f"{HOSTS} hosts, all of which answer: {time.monotonic() - begun:.1f} s in all")
    assert set(found) == set(crowd)
    assert all(host["ok"] for host in found.values())
    serving = {name for name, host in found.items() if host["servers"]}
    assert serving == set(SERVING)
    (server,) = found["host3"]["servers"]
    assert (server["instance"], server["state"], server["kernels"], server["root_dir"]) == ("connect", "running", 0, "/home/alice")
    assert found["host0"]["gpus"] == []


def test_one_host_and_a_host_that_was_never_connected_to(lab: Lab, crowd: dict[str, Host]) -> None:
    assert set(listed(lab, "host3")) == {"host3"}
    assert set(listed(lab, "alice@host4.lab", "host3")) == {"host4.lab", "host3"}


def test_one_that_is_dead_is_told_after_the_others(lab: Lab, silent: str) -> None:
    with lab.laptop.terminal(KIT, "list", "--timeout", "12") as terminal:
        # Rows come in the order in which hosts answer, and are drawn anew with each.
        terminal.until(rf"{silent}\s+-\s+no answer", 60)
        before = terminal.seen.rpartition(silent)[0]
        assert terminal.finish() == 0
    assert set(re.findall(r"host\d+", before)) >= {f"host{number}" for number in range(HOSTS)} - {silent}


def test_one_that_is_slow_does_not_hold_up_the_others(lab: Lab, crowd: dict[str, Host]) -> None:
    crowd["host6"].write("/home/alice/.bash_profile", "sleep 6\n", user="alice")
    try:
        with lab.laptop.terminal(KIT, "list") as terminal:
            terminal.until(r"host6\s", 60)
            before = terminal.seen.rpartition("host6")[0]
            assert terminal.finish() == 0
    finally:
        crowd["host6"].inside("/home/alice/.bash_profile").unlink()
    assert set(re.findall(r"host\d+", before)) >= {f"host{number}" for number in range(HOSTS)} - {"host6"}


def test_reasons_are_told_and_the_rest_is_listed(lab: Lab, crowd: dict[str, Host], silent: str) -> None:
    crowd["host8"].authorize("alice")
    crowd["host9"].stop_serving()
    try:
        done = lab.laptop.kit("list", "--json", "--timeout", str(SECONDS))
    finally:
        crowd["host8"].authorize("alice", lab.laptop.public_key())
        crowd["host9"].serve()
    answer = json.loads(done.stdout)
    assert done.returncode == 0
    assert {problem["code"] for problem in answer["problems"]} == {"ssh-failed", "ssh-refused"}
    codes = {host["name"]: host.get("problem") for host in answer["data"]["hosts"] if not host["ok"]}
    assert codes == {silent: "ssh-failed", "host8": "ssh-refused", "host9": "ssh-failed"}


def test_a_host_that_was_asked_for_alone_and_is_not_there_is_a_failure(lab: Lab, crowd: dict[str, Host]) -> None:
    done = lab.laptop.kit("list", "nowhere")
    assert done.returncode == 1
    assert done.stderr.count("error:") == 1
    assert "nowhere" in done.stderr
