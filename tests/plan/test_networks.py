"""Which networks a server talks to, and by what an address is counted."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_remote_kit.errors import WrongUsage
from jupyter_remote_kit.plan.networks import (
    EVERYTHING,
    LAN_NETWORKS,
    UNIX,
    Allowed,
    IPNetwork,
    allowed,
    covers_a_family,
    parse,
    plain,
    source_of,
    wide_source_of,
)
from jupyter_remote_kit.settings import Access

LINKS = ("203.0.113.0/24", "2001:db8:5::/64")


def links() -> Iterable[IPNetwork]:
    return parse(LINKS)


def unasked() -> Iterable[IPNetwork]:
    message = "the interfaces were read for nothing"
    raise AssertionError(message)


def of(access: Access, *declared: str, behind_proxy: bool = False) -> Allowed:
    return allowed(access, declared, behind_proxy=behind_proxy)


LOOPBACK = ("127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1")
PRIVATE = ("10.0.0.0", "10.255.255.255", "172.16.0.1", "172.31.255.255", "192.168.0.107", "169.254.7.7", "::ffff:192.168.0.7")
OVERLAY = ("100.64.0.0", "100.127.255.255")
LOCAL_V6 = ("fc00::1", "fdff:ffff::1", "fe80::1", "fe80::1%eth0", "febf::1")
ON_LINK = ("203.0.113.0", "203.0.113.255", "2001:db8:5::7", "::ffff:203.0.113.7")
OUTSIDE = (
    "9.255.255.255",
    "11.0.0.0",
    "172.15.255.255",
    "172.32.0.0",
    "192.167.255.255",
    "192.169.0.0",
    "100.63.255.255",
    "100.128.0.0",
    "203.0.112.255",
    "203.0.114.0",
    "8.8.8.8",
    "0.0.0.0",
    "255.255.255.255",
    "2001:db8:6::7",
    "2001:db8::1",
    "fec0::1",
    "fe00::1",
    "::",
    "::ffff:8.8.8.8",
    # Not the IPv4 address that their last bytes spell.
    "::10.0.0.1",
    "64:ff9b::10.0.0.1",
    "2002:0a00:0001::1",
)


@pytest.mark.parametrize("address", [*LOOPBACK, *PRIVATE, *OVERLAY, *LOCAL_V6])
def test_a_lan_is_private_local_and_overlay_networks(address: str) -> None:
    assert of(Access.LAN).admits(ipaddress.ip_address(address), unasked)


@pytest.mark.parametrize("address", ON_LINK)
def test_a_lan_is_whatever_is_on_link_too(address: str) -> None:
    assert of(Access.LAN).admits(ipaddress.ip_address(address), links)
    assert not of(Access.LAN).admits(ipaddress.ip_address(address), tuple)


@pytest.mark.parametrize("address", OUTSIDE)
def test_what_is_outside_of_a_lan_is_not_served(address: str) -> None:
    assert not of(Access.LAN).admits(ipaddress.ip_address(address), links)


@pytest.mark.parametrize("access", Access)
@pytest.mark.parametrize("behind_proxy", [True, False])
@pytest.mark.parametrize("declared", [(), ("203.0.113.0/24",), ("any",)], ids=str)
@pytest.mark.parametrize("address", [*LOOPBACK, None])
def test_loopback_and_unix_sockets_are_served_always(
    access: Access, behind_proxy: bool, declared: tuple[str, ...], address: str | None
) -> None:
    peer = ipaddress.ip_address(address) if address else None
    assert allowed(access, declared, behind_proxy=behind_proxy).admits(peer, unasked)


@pytest.mark.parametrize(
    ("access", "behind_proxy", "served"), [(Access.SSH, False, False), (Access.SSH, True, False), (Access.RELAY, False, False)]
)
@pytest.mark.parametrize("address", ["10.0.0.1", "203.0.113.7", "8.8.8.8", "fe80::1", "2001:db8::1"])
def test_over_ssh_and_without_a_proxy_there_is_loopback_alone(access: Access, behind_proxy: bool, served: bool, address: str) -> None:
    assert of(access, behind_proxy=behind_proxy).admits(ipaddress.ip_address(address), unasked) is served


@pytest.mark.parametrize("address", [*PRIVATE, *ON_LINK, *OUTSIDE])
def test_the_clients_of_a_relay_come_from_anywhere(address: str) -> None:
    assert of(Access.RELAY, behind_proxy=True).admits(ipaddress.ip_address(address), unasked)


@pytest.mark.parametrize("access", Access)
def test_what_is_declared_takes_the_place_of_the_default(access: Access) -> None:
    chosen = of(access, "203.0.113.0/28", "2001:db8:5::7", behind_proxy=True)
    served = {text for text in (*PRIVATE, *OVERLAY, *LOCAL_V6, *ON_LINK, *OUTSIDE) if chosen.admits(ipaddress.ip_address(text), unasked)}
    assert served == {"203.0.113.0", "2001:db8:5::7", "::ffff:203.0.113.7"}


@pytest.mark.parametrize("access", [Access.LAN, Access.SSH])
def test_what_is_declared_with_the_default_adds_to_it(access: Access) -> None:
    both = of(access, "default", "203.0.113.0/28")
    alone = of(access)
    asked = [ipaddress.ip_address(text) for text in (*PRIVATE, *OVERLAY, *LOCAL_V6)]
    assert [both.admits(address, unasked) for address in asked] == [alone.admits(address, unasked) for address in asked]
    assert both.admits(ipaddress.ip_address("203.0.113.3"), unasked)
    assert both.on_link is alone.on_link


def test_link_local_neighbours_count_each_for_itself() -> None:
    assert source_of(plain("fe80::1%eth0")) != source_of(plain("fe80::2%eth0"))


@pytest.mark.parametrize("address", [*PRIVATE, *LOCAL_V6, *ON_LINK, *OUTSIDE])
def test_any_network_is_any(address: str) -> None:
    assert of(Access.LAN, "any").admits(ipaddress.ip_address(address), unasked)


def test_a_family_that_is_open_does_not_open_the_other() -> None:
    assert not of(Access.LAN, "0.0.0.0/0").admits(plain("2001:db8::1"), unasked)
    assert not of(Access.LAN, "::/0").admits(plain("192.0.2.1"), unasked)
    # As IPv6 it would be in `::/0`; it is none.
    assert not of(Access.LAN, "::/0").admits(ipaddress.ip_address("::ffff:192.0.2.1"), unasked)


def test_networks_are_parsed_in_order_and_any_is_both_families() -> None:
    assert parse([]) == ()
    assert parse(["10.1.2.3/8", "any", "fd00::7"]) == (
        ipaddress.ip_network("10.0.0.0/8"),
        *EVERYTHING,
        ipaddress.ip_network("fd00::7/128"),
    )


@pytest.mark.parametrize("text", ["", "none", "gpu", "10.0.0", "fe80::%eth0/64"])
def test_what_is_no_network_is_named(text: str) -> None:
    with pytest.raises(WrongUsage, match="is not a network"):
        parse(["10.0.0.0/8", text])
    with pytest.raises(WrongUsage, match="is not a network"):
        of(Access.LAN, text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("::FFFF:c000:207", "192.0.2.7"),
        ("2001:DB8::0007", "2001:db8::7"),
        ("fe80::7%eth0", "fe80::7"),
        ("fe80::7%25", "fe80::7"),
        ("::192.0.2.7", "::c000:207"),
    ],
)
def test_a_plain_address(text: str, expected: str) -> None:
    assert plain(text) == ipaddress.ip_address(expected)
    assert str(plain(text)) == expected


@pytest.mark.parametrize(
    "text", ["", "unix", "gpu", "192.0.2", "192.0.2.7%eth0", "192.0.2.7:80", "[::1]", "::1/128", "fe80::7%", "1", " ::1"]
)
def test_what_is_no_address_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        plain(text)


@pytest.mark.parametrize(
    ("text", "source"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2::7", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff:ffff:ffff:ffff", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::", "2001:db8:1:3::/64"),
        ("fe80::7%eth0", "fe80::7"),
        ("::1", "::/64"),
    ],
)
def test_by_what_a_client_is_counted(text: str, source: str) -> None:
    assert source_of(ipaddress.ip_address(text)) == source


def test_a_unix_sockets_peer_is_counted_as_such() -> None:
    assert source_of(None) == UNIX == "unix"


@given(st.ip_addresses(v=6), st.integers(0, 2**64 - 1))
def test_a_prefix_counts_as_one_however_many_addresses_it_takes(address: ipaddress.IPv6Address, suffix: int) -> None:
    other = ipaddress.IPv6Address(int(address) >> 64 << 64 | suffix)
    if address.ipv4_mapped or other.ipv4_mapped:
        return
    assert (source_of(address) == source_of(other)) is (address == other or not address.is_link_local)
    assert source_of(ipaddress.IPv6Address(int(address) ^ 1 << 64)) != source_of(address)


@pytest.mark.parametrize(
    ("text", "wide"),
    [
        ("192.0.2.7", None),
        ("::ffff:192.0.2.7", None),
        ("2001:db8:1:2::7", "2001:db8:1::/48"),
        ("2001:db8:1:ffff::7", "2001:db8:1::/48"),
        ("2001:db8:2::7", "2001:db8:2::/48"),
        ("fd00:1:2:3::7", "fd00:1:2::/48"),
        ("fe80::7%eth0", "fe80::/10"),
        ("febf:1:2:3::9", "fe80::/10"),
        ("fec0::9", "fec0::/48"),
    ],
)
def test_with_whom_a_client_is_counted_once_more(text: str, wide: str | None) -> None:
    source = source_of(ipaddress.ip_address(text))
    assert wide_source_of(source) == wide_source_of(f"{source} cross-site") == wide


def test_a_unix_socket_is_counted_with_nobody() -> None:
    assert wide_source_of(UNIX) is None


@given(st.ip_addresses(v=6), st.integers(0, 2**80 - 1))
def test_a_site_counts_as_one_whichever_of_its_prefixes_it_uses(address: ipaddress.IPv6Address, suffix: int) -> None:
    other = ipaddress.IPv6Address(int(address) >> 80 << 80 | suffix)
    if address.ipv4_mapped or other.ipv4_mapped:
        return
    assert wide_source_of(source_of(address)) == wide_source_of(source_of(other)) is not None


@given(st.ip_addresses(v=4))
def test_an_ipv4_address_counts_for_itself_in_either_dress(address: ipaddress.IPv4Address) -> None:
    assert source_of(address) == source_of(ipaddress.IPv6Address(f"::ffff:{address}")) == str(address)


@pytest.mark.parametrize(
    ("declared", "expected"),
    [
        ((), False),
        (("any",), True),
        (("0.0.0.0/0",), True),
        (("10.0.0.0/8", "::/0"), True),
        (("0.0.0.0/1", "128.0.0.0/1"), True),
        (("0.0.0.0/1", "128.0.0.0/2", "192.0.0.0/2"), True),
        (("0.0.0.0/1", "128.0.0.0/2"), False),
        (("::/1", "8000::/1"), True),
        (("::/1", "128.0.0.0/1"), False),
        (("::ffff:0:0/96",), True),
        (("10.0.0.0/8", "fd00::/8"), False),
    ],
)
def test_networks_that_hold_all_of_a_family(declared: tuple[str, ...], expected: bool) -> None:
    assert covers_a_family(iter(parse(declared))) is expected


def test_the_lan_does_not_hold_all_of_a_family() -> None:
    assert not covers_a_family(LAN_NETWORKS)
    assert covers_a_family(EVERYTHING)
