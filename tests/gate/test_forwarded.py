"""Who the client behind proxies is: as far as those are trusted, and never a step further."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_remote_kit.grammar import IPAddress, unmapped
from jupyter_remote_kit.plan.forwarded import MAX_HOPS, client_of, is_trusted, scheme_of
from jupyter_remote_kit.plan.networks import UNIX, parse, plain, within
from tests.gate.cases.forwarded import CASES, PROXY, SCHEMES, TRUSTED, Case, SchemeCase

TRUSTED_NETWORKS = parse(TRUSTED)
PROXIES = st.sampled_from(["127.0.0.1", "::1", "10.0.0.1", "10.255.0.9", "fd00:1::7"])
ADDRESSES = st.ip_addresses().map(str)
STRANGERS = ADDRESSES.filter(lambda text: not within(plain(text), TRUSTED_NETWORKS))
GARBAGE = st.text(st.characters(exclude_characters=",")).filter(lambda text: text.strip(" \t") and not readable(text))
HEADERS = st.lists(st.text() | st.lists(PROXIES | ADDRESSES | st.text(max_size=8), max_size=5).map(", ".join), max_size=4)


def readable(text: str) -> bool:
    """Whether a hop, alone, is taken for an address."""
    return client_of(plain(PROXY), [text], TRUSTED_NETWORKS) != plain(PROXY) or plain(PROXY) == _address(text)


def _address(text: str) -> IPAddress | None:
    try:
        return plain(text.strip(" \t"))
    except ValueError:
        return None


def peer_of(text: str) -> IPAddress | None:
    """The other end of a connection, as a table writes it."""
    return None if text == UNIX else plain(text)


def dressed(address: str, port: int | None) -> str:
    """A hop as some proxies write it: with the port."""
    text = f"[{address}]" if ":" in address else address
    return address if port is None else f"{text}:{port}"


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_client_is_who_is_written_beside_the_chain(case: Case) -> None:
    found = client_of(peer_of(case.peer), case.headers, parse(case.trusted))
    assert found == peer_of(case.client)


@pytest.mark.parametrize("case", SCHEMES, ids=lambda case: case.name)
def test_the_scheme_is_what_is_written_beside_the_headers(case: SchemeCase) -> None:
    assert scheme_of(case.own, case.trusted, case.headers) == case.scheme


def test_the_tables_are_of_distinct_cases() -> None:
    for cases in (CASES, SCHEMES):
        assert len({case.name for case in cases}) == len(cases)
    assert len(CASES) >= 80
    assert len({(case.peer, case.headers, case.trusted) for case in CASES}) == len(CASES)


@pytest.mark.parametrize(
    ("peer", "trusted", "expected"),
    [
        ("127.0.0.1", TRUSTED, True),
        ("::ffff:10.1.2.3", TRUSTED, True),
        ("11.0.0.1", TRUSTED, False),
        (UNIX, TRUSTED, True),
        (UNIX, ("::/64",), True),
        (UNIX, ("127.0.0.2/32",), False),
        (UNIX, (), False),
    ],
)
def test_which_peer_is_a_trusted_proxy(peer: str, trusted: Sequence[str], expected: bool) -> None:
    address = None if peer == UNIX else ipaddress.ip_address(peer)
    assert is_trusted(address, parse(trusted)) is expected


@given(ADDRESSES | st.just(UNIX), HEADERS)
def test_whatever_the_headers_are_there_is_a_client(peer: str, headers: list[str]) -> None:
    found = client_of(peer_of(peer), headers, TRUSTED_NETWORKS)
    if found is None:
        assert peer == UNIX
    else:
        assert found == unmapped(found)


@given(STRANGERS, HEADERS)
def test_what_a_stranger_sends_is_not_read(stranger: str, headers: list[str]) -> None:
    assert client_of(plain(stranger), headers, TRUSTED_NETWORKS) == plain(stranger)


@given(HEADERS, STRANGERS, st.lists(PROXIES, max_size=5), PROXIES, st.none() | st.integers(0, 65535))
def test_nothing_left_of_an_untrusted_hop_is_read(forged: list[str], client: str, proxies: list[str], peer: str, port: int | None) -> None:
    honest = ", ".join(dressed(hop, port) for hop in (client, *proxies))
    assert client_of(plain(peer), [*forged, honest], TRUSTED_NETWORKS) == plain(client)
    assert client_of(plain(peer), [", ".join([*forged, honest])], TRUSTED_NETWORKS) == plain(client)


@given(HEADERS, GARBAGE, st.lists(PROXIES, max_size=5), PROXIES)
def test_nothing_left_of_an_unreadable_hop_is_read(forged: list[str], garbage: str, proxies: list[str], peer: str) -> None:
    chain = [*forged, garbage, *proxies]
    assert client_of(plain(peer), [", ".join(chain)], TRUSTED_NETWORKS) == plain(proxies[0] if proxies else peer)


@given(HEADERS, PROXIES)
def test_headers_are_one_list_however_they_are_split(headers: list[str], peer: str) -> None:
    assert client_of(plain(peer), headers, TRUSTED_NETWORKS) == client_of(plain(peer), [",".join(headers)], TRUSTED_NETWORKS)


@given(st.lists(PROXIES, min_size=MAX_HOPS, max_size=2 * MAX_HOPS), STRANGERS)
def test_what_is_further_left_than_anybody_has_proxies_is_not_read(proxies: list[str], client: str) -> None:
    assert client_of(plain(PROXY), [", ".join([client, *proxies])], TRUSTED_NETWORKS) == plain(proxies[-MAX_HOPS])


@given(st.sampled_from(["http", "https"]), st.booleans(), st.lists(st.text()))
def test_a_scheme_is_one_of_two(own: str, trusted: bool, headers: list[str]) -> None:
    assert scheme_of(own, trusted, headers) in {"http", "https"}
