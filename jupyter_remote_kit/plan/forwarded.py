"""Who speaks through a proxy, and over what: `X-Forwarded-For` and `X-Forwarded-Proto`, believed as far as proxies are trusted."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Sequence

from jupyter_remote_kit import grammar
from jupyter_remote_kit.grammar import IPAddress, IPNetwork
from jupyter_remote_kit.plan.networks import plain, within

# A chain of proxies is short; what stands further left in a long header cost its sender nothing, and is not worth our time.
MAX_HOPS = 32
OPTIONAL_WHITESPACE = " \t"  # RFC 9110, 5.6.3
LOOPBACK = (ipaddress.IPv4Address("127.0.0.1"), ipaddress.IPv6Address("::1"))

# Traefik writes the websocket's own scheme for an upgrade.
SCHEMES = {"http": "http", "https": "https", "ws": "http", "wss": "https"}

# Some proxies add the port, Azure's gateways among them; a bare IPv6 address has colons of its own.
_DRESSED = re.compile(r"(?:\[(?P<v6>[0-9A-Fa-f:.]+(?:%[^\]]*)?)\]|(?P<v4>[0-9.]+))(?::(?P<port>[0-9]{1,5}))?\Z")


def client_of(peer: IPAddress | None, forwarded_for: Sequence[str], trusted: Sequence[IPNetwork]) -> IPAddress | None:
    """The rightmost address of the chain that is not a trusted proxy; `peer`, at its end, is where the connection comes from.

    `forwarded_for` are the values of the X-Forwarded-For headers in order. What a hop that nobody trusts wrote down is never read, nor
    what is left of a hop that cannot be read: the last one that could be is then the client. `None` is a UNIX socket's peer.
    """
    client = peer
    hops = _elements(forwarded_for)
    while is_trusted(client, trusted):
        address = _address(next(hops, ""))
        if address is None:
            break
        client = address
    return client


def is_trusted(peer: IPAddress | None, trusted: Sequence[IPNetwork]) -> bool:
    """Whether `peer` is a trusted proxy; a UNIX socket's is where loopback is trusted, since it is on this machine too."""
    if peer is None:
        return any(within(address, trusted) for address in LOOPBACK)
    return within(grammar.unmapped(peer), trusted)


def scheme_of(own: str, peer_trusted: bool, forwarded_proto: Sequence[str]) -> str:
    """`https` or `http`, as the client speaks it: the last that X-Forwarded-Proto says, where the peer is trusted, else our `own`."""
    if not peer_trusted:
        return own
    return SCHEMES.get(next(_elements(forwarded_proto), "").lower(), own)


def _elements(values: Sequence[str]) -> Iterator[str]:
    """The elements of a list header, the last first; empty ones mean nothing (RFC 9110, 5.6.1)."""
    elements = ",".join(values).rsplit(",", MAX_HOPS)[-MAX_HOPS:]
    return (element for raw in reversed(elements) if (element := raw.strip(OPTIONAL_WHITESPACE)))


def _address(hop: str) -> IPAddress | None:
    """The address of a hop: bare, in brackets where it is IPv6, or with a port."""
    match = _DRESSED.match(hop)
    if match and int(match["port"] or 0) > grammar.MAX_PORT:
        return None
    try:
        if match and match["v6"]:
            return grammar.unmapped(ipaddress.IPv6Address(match["v6"]))
        return plain(match["v4"] if match else hop)
    except ValueError:
        return None
