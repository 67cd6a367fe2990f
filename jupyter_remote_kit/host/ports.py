"""Whether a port is free, and who holds it."""

from __future__ import annotations

import errno
import ipaddress
import socket
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from jupyter_remote_kit.host import whoami

_TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
_LISTEN = "0A"


@dataclass(frozen=True)
class PortHolder:
    """A process that listens; a field is `None` where the kernel does not tell this user. `command` is the program's name, no argv."""

    pid: int | None = None
    user: str | None = None
    command: str | None = None


def port_holder(ip: str, port: int) -> PortHolder | None:
    """Who keeps us from listening on `port` of `ip`, an address or empty for all; `None` when it is free.

    What counts is the kernel's word: a socket is bound as the server will bind it, so wildcard against loopback and one family against
    the other come out as they will. Only then the holder is looked up. An address that this host lacks, and a port that needs
    privileges, are held by nobody.
    """
    if is_free(ip, port):
        return None
    return _listener(ip, port) or PortHolder(user=_owner_by_table(port))


def is_free(ip: str, port: int) -> bool:
    """Whether a server could listen on `port` of `ip` now."""
    return not any(_taken(family, address, port) for family, address in _bindings(ip))


def is_local(ip: str) -> bool:
    """Whether a server could listen on `ip` now; not yet while the kernel looks whether an IPv6 address is another host's as well."""
    return all(_bindable(family, address) for family, address in _bindings(ip))


def _bindable(family: socket.AddressFamily, address: str) -> bool:
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.bind((address, 0))
    except OSError as error:
        return error.errno != errno.EADDRNOTAVAIL
    return True


def _bindings(ip: str) -> Iterator[tuple[socket.AddressFamily, str]]:
    """As tornado's `bind_sockets` does: every family on its own for the empty address."""
    if ip in {"", "*"}:
        yield socket.AF_INET, "0.0.0.0"  # noqa: S104  # a probe that never listens
        yield socket.AF_INET6, "::"
    else:
        yield (socket.AF_INET6 if ":" in ip else socket.AF_INET), ip


def _taken(family: socket.AddressFamily, address: str, port: int) -> bool:
    with suppress(OSError), socket.socket(family, socket.SOCK_STREAM) as probe:
        # With it connections in TIME_WAIT do not count, listeners do.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family is socket.AF_INET6:
            probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        try:
            probe.bind((address, port))
        except OSError as error:
            return error.errno == errno.EADDRINUSE
    return False


def _listener(ip: str, port: int) -> PortHolder | None:
    try:
        connections = psutil.net_connections(kind="tcp")
    except (psutil.Error, OSError):
        return None
    for connection in connections:
        if connection.status != psutil.CONN_LISTEN or not connection.laddr or not connection.pid:
            continue
        if connection.laddr.port == port and _overlap(ip, connection.laddr.ip):
            return _described(connection.pid)
    return None


def _overlap(wanted: str, held: str) -> bool:
    if wanted in {"", "*"}:
        return True
    with suppress(ValueError):
        ours, theirs = ipaddress.ip_address(wanted), ipaddress.ip_address(held.partition("%")[0])
        mapped = getattr(theirs, "ipv4_mapped", None)
        # A listener on :: takes IPv4 as well, unless it asked not to.
        return ours.is_unspecified or theirs.is_unspecified or ours in {theirs, mapped}
    return False


def _described(pid: int) -> PortHolder:
    user = command = None
    with suppress(psutil.Error, KeyError):
        process = psutil.Process(pid)
        user, command = process.username(), process.name()
    return PortHolder(pid, user, command)


def _owner_by_table(port: int) -> str | None:
    """The user of a listener whose process the kernel hides from us: the table of sockets tells the user id of each."""
    for table in _TABLES:
        with suppress(OSError):
            for line in table.read_text().splitlines()[1:]:
                columns = line.split()
                if columns[3] == _LISTEN and int(columns[1].rpartition(":")[2], 16) == port:
                    return whoami.user_name(int(columns[7]))
    return None
