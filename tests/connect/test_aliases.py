"""An alias of ~/.ssh/config, whatever it is called, in every command of the laptop: as a file's name, in a URL, in the list, in a hint."""

from __future__ import annotations

import json
import shlex
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.connect.stage import Host, Lab, User
from tests.connect.stage.connection import FINDS_KIT, connected
from tests.connect.stage.machine import KIT

ALIASES = {"aws/something/1": "alice", "gpu+a100": "bob", "实验室": "carol", "gpu:1": "dan", "a" * 900: "erin"}
# What the names above could be taken for.
NEIGHBOURS = ("aws-something-1", "gpu-a100", "host")


@pytest.fixture(scope="module")
def gpu(lab: Lab) -> Host:
    host = lab.host("gpu", *(User(name) for name in ALIASES.values()))
    rows = [*ALIASES.items(), *((alias, "alice") for alias in NEIGHBOURS)]
    lab.laptop.configure("".join(f"Host {alias}\n  HostName gpu\n  User {user}\n  HostKeyAlias gpu\n" for alias, user in rows))
    return host


def asked(lab: Lab, *words: str) -> dict[str, Any]:
    """The `data` of a command that has succeeded."""
    done = lab.laptop.kit(*words, "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    data: dict[str, Any] = json.loads(done.stdout)["data"]
    return data


def test_every_command_takes_every_alias(lab: Lab, gpu: Host) -> None:
    names = []
    for alias in ALIASES:
        started = asked(lab, "start", alias, *FINDS_KIT)
        assert started["changed"] is True
        names.append(started["name"])
    assert len(set(names)) == len(ALIASES)
    listed = asked(lab, "list", *ALIASES)["hosts"]
    assert [row["name"] for row in listed] == names
    assert [row["user"] for row in listed] == [*ALIASES.values()]
    # An alias is never taken for the name that was made for another.
    for alias in NEIGHBOURS:
        assert asked(lab, "connect", alias, "--dry-run")["host"] == alias
    for alias, name in zip(ALIASES, names, strict=True):
        assert asked(lab, "hosts", "set", alias, "--no-browser")["host"]["name"] == name
        assert asked(lab, "stop", alias, *FINDS_KIT)["changed"] is True
    assert asked(lab, "hosts", "rename", "实验室", "lab")["host"]["name"] == "lab"
    assert asked(lab, "hosts", "remove", "gpu+a100")["changed"] is True
    assert asked(lab, "hosts", "add", "gpu+a100", "--name", "a100")["host"]["name"] == "a100"


@pytest.mark.parametrize("alias", [*ALIASES])
def test_a_line_is_held_to_it(lab: Lab, gpu: Host, alias: str) -> None:
    with connected(lab.laptop, alias) as connection:
        assert connection.answers()
        assert connection.data["host"] in {alias, f"[{alias}]"}
        host = urlsplit(connection.url).hostname
        assert host is not None
        assert host.isascii()
        assert len(host) <= 253
        assert max(map(len, host.split("."))) <= 63
        # A second one finds the first by its file.
        again = asked(lab, "connect", alias, "--no-browser", *FINDS_KIT)
        assert again["port"] == connection.port
    assert asked(lab, "stop", alias, *FINDS_KIT)["changed"] is True


def test_what_is_printed_for_it_can_be_pasted(lab: Lab, gpu: Host) -> None:
    done = lab.laptop.kit("start", "aws/something/1", *FINDS_KIT)
    assert done.returncode == 0, done.stderr
    command = next(line for line in done.stdout.splitlines() if " connect " in line).partition(": ")[2]
    assert shlex.split(command) == [KIT, "connect", "aws/something/1"]
    assert asked(lab, "stop", "aws/something/1", *FINDS_KIT)["changed"] is True
