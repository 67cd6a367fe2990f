"""`--port auto`: a free port that stays, as long as nobody else has it."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from jupyter_remote_kit.commands import freeport as choosing
from jupyter_remote_kit.errors import Failed
from jupyter_remote_kit.plan import freeport
from jupyter_remote_kit.settings import Access, Settings
from tests.commands.background import begun, ended_after, outcome
from tests.commands.host import LAN, PASSWORD, SSH, Host
from tests.e2e.stage.waiting import until

AUTO = (*SSH, "--port", "auto")


@contextmanager
def taken(port: int) -> Iterator[None]:
    """Somebody else listens on the port of loopback."""
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", port))
        other.listen()
        yield


def port_of(host: Host, name: str = "default") -> int:
    """What the instance file says."""
    port: int = host.instance(name)["ServerApp"]["port"]
    return port


def test_an_instance_keeps_its_port_until_somebody_else_has_it(host: Host) -> None:
    host.must("init", *AUTO)
    first = port_of(host)
    assert first in freeport.candidates(str(os.geteuid()), "default", ())
    assert host.run("init", *AUTO, "--json").data["changed"] is False
    with taken(first):
        host.must("init", *AUTO)
        second = port_of(host)
        assert second != first
    # Not back again: the laptop's next connection would find another one each time.
    host.must("init", *AUTO)
    assert port_of(host) == second


def test_a_port_that_was_named_once_is_kept_as_well(host: Host) -> None:
    host.must("init", *SSH, "--port", "9123")
    host.must("init", *AUTO)
    assert port_of(host) == 9123


def test_a_port_that_another_instance_declares_is_left_to_it(host: Host) -> None:
    first = freeport.candidates(str(os.geteuid()), "b", ())[0]
    host.must("init", *SSH, "--instance", "a", "--port", str(first))
    host.must("init", *AUTO, "--instance", "b")
    assert port_of(host, "b") != first


@pytest.mark.parametrize("access", ["lan", "relay"])
def test_urls_of_others_stay_where_they_are(host: Host, access: str) -> None:
    before = host.tree()
    wrong = host.run("init", "--access", access, "--port", "auto", "--json")
    assert (wrong.code, wrong.codes) == (2, ["contradiction"])
    assert host.tree() == before
    host.must("init", *LAN, "--access", access, stdin=PASSWORD)
    refused = host.run("init", "--port", "auto", "--json")
    assert (refused.code, refused.codes) == (78, ["contradiction"])
    assert port_of(host) == 8800


def test_no_port_that_is_free_is_a_sentence(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(freeport, "COUNT", 1)
    settings = Settings(host.home, "default", Access.SSH, "127.0.0.1")
    other = Settings(host.home, "other", Access.SSH, "127.0.0.1", freeport.FIRST)
    with pytest.raises(Failed, match="Every port from 18800 to 18800 is taken") as caught:
        choosing.choose(settings, None, [other], host.layout)
    assert str(caught.value.problems[0].hint) == "Name another: --port 18801"


def test_a_server_whose_port_is_taken_while_it_starts_moves_to_another(host: Host) -> None:
    file = host.layout.instance_file("default")
    with ended_after(host, "default"), begun(host, "up", "--detach", "--json", *AUTO) as starting:
        until(file.exists, "the instance to be written", every=0.005)
        first = port_of(host)
        # Before the server is there to bind it: it takes a second to start.
        with taken(first):
            found = outcome(starting)
        assert found.code == 0, found.everything
        assert port_of(host) == found.data["settings"]["port"] != first
        assert found.data["lab"] == [f"http://localhost:{port_of(host)}/lab"]
        status = host.must("status", "--json").data
        assert (status["pid"], status["port"]) == (found.data["pid"], port_of(host))


def test_a_server_whose_own_port_is_taken_while_it_starts_says_so(host: Host) -> None:
    host.must("init", *AUTO)
    record = host.layout.runtime_file("default")
    with ended_after(host, "default"), begun(host, "up", "--detach", "--json", *SSH) as starting:
        until(host.layout.start_lock("default").exists, "the server to be started", every=0.005)
        until(record.exists, "the server to be started", every=0.005)
        with taken(port_of(host)):
            found = outcome(starting)
        assert (found.code, found.codes) == (1, ["not-ready"])
        assert not record.exists()
