"""Which networks a server talks to, and by what an address is counted."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache

from jupyter_remote_kit import grammar
from jupyter_remote_kit.settings import Access

IPAddress = grammar.IPAddress
IPNetwork = grammar.IPNetwork

ANY = grammar.ANY_NETWORK
UNIX = "unix"
EVERYTHING: tuple[IPNetwork, ...] = (ipaddress.IPv4Network("0.0.0.0/0"), ipaddress.IPv6Network("::/0"))

LINK_LOCAL = ipaddress.IPv6Network("fe80::/10")
# Where a LAN is: RFC 1918, RFC 4193, and what an interface gives itself (RFC 3927, RFC 4291). Tailscale and other overlays hand out the
# shared space of RFC 6598.
LAN_NETWORKS: tuple[IPNetwork, ...] = (
    ipaddress.IPv4Network("10.0.0.0/8"),
    ipaddress.IPv4Network("172.16.0.0/12"),
    ipaddress.IPv4Network("192.168.0.0/16"),
    ipaddress.IPv4Network("169.254.0.0/16"),
    ipaddress.IPv4Network("100.64.0.0/10"),
    ipaddress.IPv6Network("fc00::/7"),
    LINK_LOCAL,
)

# A /64 is the least that a household or a rented machine is given (RFC 7421), and its every address is theirs.
SOURCE_PREFIX = 64
# And a /48 is the most (RFC 6177).
SITE_PREFIX = 48


@dataclass(frozen=True)
class Allowed:
    """Who may talk to a server; loopback always may. With `on_link` so may whoever shares a link with one of the host's interfaces."""

    networks: tuple[IPNetwork, ...] = ()
    on_link: bool = False

    def admits(self, address: IPAddress | None, links: Callable[[], Iterable[IPNetwork]]) -> bool:
        """Whether `address` may; `None` is a UNIX socket's peer, which is on this machine. `links` is asked only where it matters."""
        if address is None:
            return True
        client = grammar.unmapped(address)
        if client.is_loopback or within(client, self.networks):
            return True
        return self.on_link and within(client, links())


def allowed(access: Access, declared: tuple[str, ...], *, behind_proxy: bool) -> Allowed:
    """Who may talk to a server that is reached by `access`; what is `declared` takes its place, or adds to it with the word `default`.

    The clients of a relay come from anywhere, once a trusted proxy tells where; without one its tunnel ends on loopback.
    Raises `WrongUsage` when what is declared is no network.
    """
    if declared and grammar.DEFAULT not in declared:
        return Allowed(parse(declared))
    if access is Access.LAN:
        return Allowed((*LAN_NETWORKS, *parse(declared)), on_link=True)
    return Allowed(EVERYTHING if access is Access.RELAY and behind_proxy else parse(declared))


def parse(declared: Iterable[str]) -> tuple[IPNetwork, ...]:
    """The networks that are named; `any` stands for both families, `default` names none. Raises `WrongUsage` for what is no network."""
    found: list[IPNetwork] = []
    for text in declared:
        if text != grammar.DEFAULT:
            found += EVERYTHING if text == ANY else [grammar.network(text)]
    return tuple(found)


def plain(text: str) -> IPAddress:
    """The address, an IPv4-mapped one as IPv4, without a zone: it means something on one machine only. Raises `ValueError`."""
    return grammar.unmapped(ipaddress.ip_address(text))


def source_of(address: IPAddress | None) -> str:
    """By what a client is counted: an IPv4 address, an IPv6 /64, or `unix`. Link-local neighbours, all of one /64, count one by one."""
    if address is None:
        return UNIX
    client = grammar.unmapped(address)
    if client.version == 4 or client.is_link_local:
        return str(client)
    return str(ipaddress.IPv6Network((int(client), SOURCE_PREFIX), strict=False))


@lru_cache(1024)
def wide_source_of(source: str) -> str | None:
    """With what others `source`, as `source_of` gives it, is counted once more; whatever follows a blank in it makes no difference.

    The /48 of an IPv6 /64, and for link-local neighbours all of them: one machine takes as many such addresses as it likes. `None` where
    the source is all that one client can have.
    """
    text = source.partition(" ")[0]
    if ":" not in text:
        return None
    address = ipaddress.IPv6Address(text.partition("/")[0])
    if address in LINK_LOCAL:
        return str(LINK_LOCAL)
    # Not by an IPv6Network, which takes 10 µs to make: every request that guesses asks this.
    host_bits = 128 - SITE_PREFIX
    return f"{ipaddress.IPv6Address(int(address) >> host_bits << host_bits)}/{SITE_PREFIX}"


def within(address: IPAddress, networks: Iterable[IPNetwork]) -> bool:
    """Whether one of `networks` holds `address`."""
    return any(address in network for network in networks)


def covers_a_family(networks: Iterable[IPNetwork]) -> bool:
    """Whether `networks`, halves put together, hold all of IPv4 or all of IPv6."""
    both = tuple(networks)
    v4 = [network for network in both if isinstance(network, ipaddress.IPv4Network)]
    v6 = [network for network in both if isinstance(network, ipaddress.IPv6Network)]
    whole_v4 = any(network.prefixlen == 0 for network in ipaddress.collapse_addresses(v4))
    return whole_v4 or any(network.prefixlen == 0 for network in ipaddress.collapse_addresses(v6))
