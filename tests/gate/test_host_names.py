"""Names by which requests call a host: only its own are served, however they are spelt."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from jupyter_remote_kit import grammar
from jupyter_remote_kit.errors import WrongUsage
from jupyter_remote_kit.plan.certificates import is_address
from jupyter_remote_kit.plan.hosts import admits, host_of
from tests.gate.cases.hosts import ADDRESSES, CASES, NAMES, WILDCARD_CASES, WILDCARD_NAMES, Case

PIECES = st.text(st.sampled_from("gpuboxGPUBOX019.-_:[]%@/\\,; \t\0\x7f\xfc計"), max_size=20)
HEADERS = st.one_of(
    st.text(),
    PIECES,
    st.builds("{}:{}".format, st.sampled_from([*NAMES, "localhost", "127.0.0.1", "[::1]"]), st.integers(-1, 70000)),
    st.builds("{}{}{}".format, PIECES, st.sampled_from([*NAMES, *ADDRESSES, "localhost", "127.0.0.1", "[::1]"]), PIECES),
)
ADDRESS = st.ip_addresses().filter(lambda address: not grammar.unmapped(address).is_unspecified)


def spelt(address: ipaddress.IPv4Address | ipaddress.IPv6Address | str) -> str:
    """As a browser writes it in `Host`."""
    return f"[{address}]" if ":" in str(address) else str(address)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_spelling_is_read_and_served_as_written_beside_it(case: Case) -> None:
    host = host_of(case.header)
    assert host == case.host
    assert admits(host, NAMES, ADDRESSES) is case.served


@pytest.mark.parametrize("case", WILDCARD_CASES, ids=lambda case: case.name)
def test_a_wildcard_of_a_certificate_is_one_label(case: Case) -> None:
    host = host_of(case.header)
    assert host == case.host
    assert admits(host, WILDCARD_NAMES, ()) is case.served


@pytest.mark.parametrize("name", WILDCARD_NAMES)
def test_nobody_can_declare_a_wildcard(name: str) -> None:
    with pytest.raises(WrongUsage):
        grammar.host_name(name)


def test_the_table_is_one_of_distinct_cases() -> None:
    assert len({case.name for case in CASES}) == len({case.header for case in CASES}) == len(CASES)
    assert len(CASES) >= 60
    assert sum(case.served for case in CASES) >= 20


@pytest.mark.parametrize("name", NAMES)
def test_names_and_addresses_of_the_table_are_in_the_form_that_is_kept(name: str) -> None:
    assert grammar.host_name(name) == name
    assert not is_address(name)
    assert all(is_address(address) for address in ADDRESSES)


def test_an_empty_header_names_nothing() -> None:
    assert host_of("") is None
    assert not admits(None, NAMES, ADDRESSES)


def test_without_a_name_of_its_own_a_host_is_loopback_alone() -> None:
    assert admits("localhost", (), ())
    assert admits("::1", (), ())
    assert not admits("gpubox", (), ())
    assert not admits("192.0.2.107", (), ())


def test_names_may_be_told_one_after_another() -> None:
    assert admits("gpubox.lab.example", iter(NAMES), iter(ADDRESSES))
    assert admits("2001:db8::107", iter(NAMES), iter(ADDRESSES))


@given(HEADERS)
@example("gpubox:8800\n")
@example("[::1]:8800\n")
def test_any_header_names_a_host_in_its_kept_form_or_nothing(header: str) -> None:
    host = host_of(header)
    if host is None:
        return
    assert grammar.host_name(host) == host
    assert host_of(spelt(host)) == host
    assert host_of(f"{spelt(host)}:8800") == host


@given(HEADERS)
def test_what_is_served_is_one_of_its_own_names_addresses_or_loopback(header: str) -> None:
    host = host_of(header)
    if not admits(host, NAMES, ADDRESSES):
        return
    assert host is not None
    if host in (*NAMES, *ADDRESSES, "localhost") or host.endswith(".localhost"):
        return
    assert ipaddress.ip_address(host).is_loopback


@given(st.from_regex(r"\A[a-z][a-z0-9-]{0,9}[a-z](\.[a-z]{1,9}){0,3}\Z"), st.integers(1, 65535))
def test_case_port_and_trailing_dot_make_no_difference(name: str, port: int) -> None:
    assert {host_of(text) for text in (name, name.upper(), f"{name}.", f"{name}:{port}", f"{name.title()}.:{port}")} == {name}


@given(ADDRESS, st.integers(1, 65535))
def test_every_spelling_of_an_address_is_that_address(address: ipaddress.IPv4Address | ipaddress.IPv6Address, port: int) -> None:
    expected = str(grammar.unmapped(address))
    assert host_of(spelt(address)) == expected
    assert host_of(f"{spelt(address.exploded)}:{port}") == expected
    if address.version == 4:
        assert host_of(f"[::ffff:{address}]:{port}") == expected
