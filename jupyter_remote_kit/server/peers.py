"""Where requests come from and what they call this host: the rules of `plan` with the facts of this machine, which change as it roams."""

from __future__ import annotations

import ipaddress
import socket
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import psutil

from jupyter_remote_kit.host import facts
from jupyter_remote_kit.plan import forwarded, hosts, networks
from jupyter_remote_kit.server.visits import Peer
from jupyter_remote_kit.settings import Access

if TYPE_CHECKING:
    from tornado.httputil import HTTPHeaders, HTTPServerRequest

    from jupyter_remote_kit.grammar import IPAddress
    from jupyter_remote_kit.plan.networks import IPNetwork

T = TypeVar("T")

# A laptop on a new network waits this long at most; a flood of foreign names has the interfaces read no more often than this.
FRESH_S = 5.0


class Fresh(Generic[T]):
    """A fact of this machine, read again when it is asked for after `FRESH_S` seconds."""

    def __init__(self, read: Callable[[], T], clock: Callable[[], float] = time.monotonic) -> None:
        self._read, self._clock = read, clock
        self._until = float("-inf")

    def __call__(self) -> T:
        if self._clock() >= self._until:
            self._value = self._read()
            self._until = self._clock() + FRESH_S
        return self._value


@dataclass(frozen=True)
class Declared:
    """What the instance says of its clients, as `Settings` has it.

    `certificate_names` gives the SANs of a certificate of the user's own. It is asked for each request, so that it must know them.
    """

    access: Access = Access.LAN
    allow_networks: tuple[str, ...] = ()
    allow_hosts: tuple[str, ...] = ()
    trusted_proxies: tuple[str, ...] = ()
    certificate_names: Callable[[], Collection[str]] = tuple


class Peers:
    """Tells who sent a request, and whether that address, and the name it used, are served."""

    def __init__(self, declared: Declared) -> None:
        self._declared = declared
        self._trusted = networks.parse(declared.trusted_proxies)
        self._allowed = networks.allowed(declared.access, declared.allow_networks, behind_proxy=bool(self._trusted))
        self._links = Fresh(on_link)
        self._names = Fresh(lambda: frozenset(facts.host_names()))
        self._addresses = Fresh(own_addresses)

    def of(self, request: HTTPServerRequest) -> Peer:
        """The client of `request`. Call it before `request.remote_ip` or `request.protocol` is changed."""
        socket_peer = connected_peer(request)
        trusted = self.is_trusted(socket_peer)
        if not trusted:
            return _peer(socket_peer, secure=request.protocol == "https")
        headers = request.headers
        client = self.client_of(socket_peer, headers)
        scheme = forwarded.scheme_of(request.protocol, peer_trusted=True, forwarded_proto=headers.get_list("X-Forwarded-Proto"))
        return _peer(client, secure=scheme == "https")

    def client_of(self, socket_peer: IPAddress | None, headers: HTTPHeaders) -> IPAddress | None:
        """For whom the other end of a connection speaks, by the headers of one request."""
        return forwarded.client_of(socket_peer, headers.get_list("X-Forwarded-For"), self._trusted)

    def is_trusted(self, address: IPAddress | None) -> bool:
        """Whether `address` is a proxy that is believed; whoever reaches a UNIX socket counts as loopback."""
        return forwarded.is_trusted(address, self._trusted)

    def admits(self, peer: Peer) -> bool:
        """Whether `peer`'s address is served."""
        return self._allowed.admits(peer.address, self._links)

    def admits_host(self, header: str | None) -> bool:
        """Whether this host is meant by a `Host` header."""
        host = hosts.host_of(header) if header else None
        if host in self._declared.allow_hosts or hosts.admits(host, self._declared.certificate_names(), ()):
            return True
        # The machine is asked only when neither what was declared nor the meaning of loopback settles it.
        return host is not None and hosts.admits(host, self._names(), self._addresses())


def connected_peer(request: HTTPServerRequest) -> IPAddress | None:
    """The other end of the request's connection; `None` for a UNIX socket, which tornado calls `0.0.0.0`.

    Raises `AttributeError` where there is no telling: who it is decides what he may, so that then nobody is anybody.
    """
    context: Any = request.connection.context  # type: ignore[union-attr]  # HTTP1Connection's
    return None if context.address_family == socket.AF_UNIX else _parsed(context.address[0])


def on_link() -> tuple[IPNetwork, ...]:
    """The prefixes of this host's interfaces that are up: whoever has an address of them is on the same cable."""
    up = {name for name, state in psutil.net_if_stats().items() if state.isup}
    found = []
    for name, entries in psutil.net_if_addrs().items():
        for entry in entries:
            if name in up and entry.family in {socket.AF_INET, socket.AF_INET6} and entry.netmask:
                address = entry.address.partition("%")[0]
                found.append(ipaddress.ip_network(f"{address}/{_prefix_length(entry.netmask)}", strict=False))
    return tuple(dict.fromkeys(found))


def own_addresses() -> frozenset[str]:
    """Every address of this host, in its shortest form."""
    return frozenset(facts.local_addresses())


def _prefix_length(netmask: str) -> int:
    # psutil gives an IPv6 mask as an address; `ipaddress` reads such masks for IPv4 only.
    return int(ipaddress.ip_address(netmask)).bit_count()


@lru_cache(maxsize=1024)
def _parsed(text: str) -> IPAddress:
    return networks.plain(text)


# The same few clients ask all the time, and to say who one of them is takes 10 µs.
@lru_cache(maxsize=1024)
def _peer(address: IPAddress | None, *, secure: bool) -> Peer:
    return Peer(address, networks.source_of(address), secure)
