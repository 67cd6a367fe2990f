"""The port and the name that a first connection takes, and gives back where there was none."""

from __future__ import annotations

import socket
from dataclasses import replace
from pathlib import Path

import pytest

from jupyter_remote_kit.commands.connecting import reserving
from jupyter_remote_kit.commands.connecting.wish import Wish, known_host
from jupyter_remote_kit.host import addressbook
from jupyter_remote_kit.plan import target
from jupyter_remote_kit.plan.addressbook import AddressBook, KnownHost, Options
from jupyter_remote_kit.plan.layout import Layout


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """A laptop that knows no host."""
    return Layout(tmp_path / "config", tmp_path / "data", tmp_path / "runtime")


def wish(layout: Layout, text: str = "alice@gpu") -> Wish:
    known = known_host(addressbook.load(layout), text, target.parse(text))
    return Wish(known, known.options)


def book(layout: Layout) -> tuple[KnownHost, ...]:
    return addressbook.load(layout).hosts


def test_a_host_that_is_new_is_forgotten_again(layout: Layout) -> None:
    reservation = reserving.reserve(layout, wish(layout), None)
    (known,) = book(layout)
    assert known.ports == {"connect": reservation.port}
    reservation.give_back(layout)
    assert book(layout) == ()


def test_a_host_that_somebody_has_added_stays(layout: Layout) -> None:
    added = KnownHost("gpu", target.parse("alice@gpu"))
    addressbook.change(layout, lambda before: before.with_host(added))
    reserving.reserve(layout, wish(layout), None).give_back(layout)
    assert book(layout) == (added,)


def test_the_port_that_a_server_had_is_its_own_again(layout: Layout) -> None:
    had = KnownHost("gpu", target.parse("alice@gpu"), Options(), {"connect": 26000, "connect-2": 26001})
    addressbook.change(layout, lambda before: before.with_host(had))
    reservation = reserving.reserve(layout, wish(layout), 27000)
    assert book(layout)[0].ports == {"connect": 27000, "connect-2": 26001}
    reservation.give_back(layout)
    assert book(layout) == (had,)


def test_what_others_have_told_of_it_meanwhile_is_kept(layout: Layout) -> None:
    reservation = reserving.reserve(layout, wish(layout), 27000)

    def found(before: AddressBook) -> AddressBook:
        return before.with_host(replace(before.hosts[0], kit="/opt/kit"))

    addressbook.change(layout, found)
    reservation.give_back(layout)
    assert book(layout)[0].kit == "/opt/kit"

    addressbook.change(layout, lambda before: before.with_host(replace(before.hosts[0], ports={"connect": 27001})))
    reservation.give_back(layout)
    assert book(layout)[0].ports == {"connect": 27001}


def test_a_port_that_is_taken_is_left_to_whoever_has_it(layout: Layout) -> None:
    first = reserving.reserve(layout, wish(layout), None)
    first.give_back(layout)
    with socket.create_server(("127.0.0.1", first.port)):
        assert reserving.reserve(layout, wish(layout), None).port != first.port
