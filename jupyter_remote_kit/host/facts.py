"""Gathers the facts of this machine that a plan is made from. Reads only; asks no name server and no other machine."""

from __future__ import annotations

import ipaddress
import os
import re
import socket
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import datetime, timezone
from pathlib import Path

import psutil

from jupyter_remote_kit import grammar
from jupyter_remote_kit.errors import WrongUsage
from jupyter_remote_kit.host import whoami
from jupyter_remote_kit.host.files import file_fact
from jupyter_remote_kit.host.manifest import read_manifest
from jupyter_remote_kit.host.paths import user_config_paths
from jupyter_remote_kit.plan.facts import CertificateFact, ConfigText, Facts, FileFact
from jupyter_remote_kit.plan.layout import Layout
from jupyter_remote_kit.words import LANGUAGE_VARIABLE

HOSTS_FILE = Path("/etc/hosts")
IPV6_TABLE = Path("/proc/net/if_inet6")
INTERFACES = Path("/sys/class/net")

# Bridges that container engines and virtual machines leave behind; no laptop is on the other side.
_BRIDGE = re.compile(
    r"(docker[0-9]+|docker_gwbridge|br-[0-9a-f]{12}|virbr[0-9]+(-nic)?|lxcbr[0-9]+|lxdbr[0-9]+|cni[0-9]+|cni-podman[0-9]+|podman[0-9]+"
    r"|flannel[.0-9]*|cali[0-9a-f]*)\Z"
)
# Linux, include/uapi/linux/if_addr.h: a temporary address (RFC 8981) is gone tomorrow, a deprecated one is not to be used anew, and one
# that failed duplicate detection is somebody else's.
_IFA_F_TEMPORARY = 0x01
_IFA_F_DADFAILED = 0x08
_IFA_F_DEPRECATED = 0x20
_UNUSABLE = _IFA_F_TEMPORARY | _IFA_F_DADFAILED | _IFA_F_DEPRECATED
_IF_INET6_COLUMNS = 6


def gather(  # noqa: PLR0913  # each is a separate fact to look for
    layout: Layout,
    *,
    paths: Iterable[Path],
    instance: str,
    root_dir: Path,
    certfile: Path | None = None,
    keyfile: Path | None = None,
    with_user_config: bool = True,
    with_authority: bool = True,
) -> Facts:
    """One look at this machine.

    `paths` are those that the plan may write; the root directory's fact is that of what it leads to, since a link is a usual way to
    have it on another disk. `certfile` and `keyfile` are the user's own. Raises `Failed` when they cannot be read.

    Without `with_authority` nothing is told of the private CA, and of what it has issued.
    """
    files = {path: file_fact(path) for path in paths}
    home = _home()
    files[home] = file_fact(home.resolve(), with_content=False)
    files[root_dir] = file_fact(root_dir.resolve(), with_content=False)
    uid = os.geteuid()
    authority, previous = (_authority(layout.ca_file), _authority(layout.previous_ca_file)) if with_authority else (None, None)
    return Facts(
        layout=layout,
        uid=uid,
        user=whoami.user_name(uid),
        home=home,
        now=datetime.now(timezone.utc),
        names=host_names(),
        addresses=host_addresses(),
        # As it was called: resolved, the link of a virtual environment would lead to the interpreter outside of it.
        python=Path(sys.executable),
        local_addresses=local_addresses(),
        files=files,
        manifest=read_manifest(layout.manifest_file(instance)),
        ca=authority,
        leaf=_leaf(layout.leaf_file(instance)) if with_authority else None,
        # A kill between the two files of a change leaves the same in both.
        previous_ca=previous if previous is None or authority is None or previous.digest != authority.digest else None,
        previous_leaf=_leaf(layout.previous_leaf_file(instance)) if with_authority else None,
        own_certificate=_own(certfile, keyfile) if certfile else None,
        user_config=tuple(_config_texts()) if with_user_config else (),
    )


def host_names() -> tuple[str, ...]:
    """This host's names in the form of `grammar.host_name`: its own, the full one of /etc/hosts, the mDNS one, and localhost."""
    own = socket.gethostname()
    candidates = [own, *_full_names(own)]
    if own and "." not in own and own.lower() != "localhost":
        candidates.append(f"{own}.local")
    candidates.append("localhost")
    names = (_valid_name(candidate) for candidate in candidates)
    return tuple(dict.fromkeys(name for name in names if name and name != "localhost.localdomain"))


def host_addresses() -> tuple[str, ...]:
    """The addresses that another machine could use, IPv4 first, then in the kernel's order of interfaces."""
    unusable = _unusable_ipv6()
    found = [address for interface, address in _interface_addresses() if not _is_bridge(interface)]
    usable = [
        address
        for address in found
        if not (address.is_loopback or address.is_link_local or address.is_multicast or address.is_unspecified or address in unusable)
    ]
    return tuple(dict.fromkeys(str(address) for address in sorted(usable, key=lambda address: address.version)))


def local_addresses() -> tuple[str, ...]:
    """Every address that this host has, loopback and link-local ones too."""
    return tuple(str(address) for _, address in _interface_addresses())


def _interface_addresses() -> Iterator[tuple[str, grammar.IPAddress]]:
    """Every address of an interface that is up, with the interface's name."""
    up = {name for name, state in psutil.net_if_stats().items() if state.isup}
    for interface, entries in psutil.net_if_addrs().items():
        for entry in entries:
            if interface in up and entry.family in {socket.AF_INET, socket.AF_INET6}:
                with suppress(ValueError):
                    yield interface, ipaddress.ip_address(entry.address.partition("%")[0])


def locale(environment: Mapping[str, str]) -> str:
    """The language of messages, as JupyterLab names it: over ssh the laptop's, else what POSIX says: the first variable that is set."""
    text = next((environment[name] for name in (LANGUAGE_VARIABLE, "LC_ALL", "LC_MESSAGES", "LANG") if environment.get(name)), "en")
    try:
        return grammar.language(text)
    except WrongUsage:
        return "en"


def _home() -> Path:
    try:
        return Path.home()
    except RuntimeError:
        return Path("/")


def _valid_name(text: str) -> str | None:
    try:
        name = grammar.host_name(text)
        ipaddress.ip_address(name)
    except WrongUsage:
        return None
    except ValueError:
        return name
    return None


def _full_names(own: str) -> Iterator[str]:
    # socket.getfqdn() would ask the name server, which on a host without one blocks for many seconds.
    try:
        lines = HOSTS_FILE.read_text(errors="replace").splitlines()
    except OSError:
        return
    for line in lines:
        words = line.partition("#")[0].lower().split()[1:]
        if own.lower() in words:
            yield from (word for word in words if word.startswith(f"{own.lower()}."))


def _is_bridge(interface: str) -> bool:
    # A container's own eth0 is a veth as well; the host's ends of such pairs sit in a bridge.
    enslaved = interface.startswith("veth") and (INTERFACES / interface / "master").exists()
    return enslaved or bool(_BRIDGE.match(interface))


def _unusable_ipv6() -> set[grammar.IPAddress]:
    try:
        rows = [line.split() for line in IPV6_TABLE.read_text().splitlines()]
    except OSError:
        return set()
    return {ipaddress.IPv6Address(int(row[0], 16)) for row in rows if len(row) >= _IF_INET6_COLUMNS and int(row[4], 16) & _UNUSABLE}


def _authority(path: Path) -> CertificateFact | None:
    content = file_fact(path).content
    if not content:
        return None
    from jupyter_remote_kit.host import certificates  # cryptography takes 50 ms to import, and an instance over ssh has no certificate

    return certificates.read_authority(content)


def _leaf(path: Path) -> CertificateFact | None:
    content = file_fact(path).content
    if not content:
        return None
    from jupyter_remote_kit.host import certificates

    return certificates.read_leaf(content)


def _own(certfile: Path, keyfile: Path | None) -> CertificateFact:
    from jupyter_remote_kit.host import certificates

    return certificates.read_own(certfile, keyfile)


def _config_texts() -> Iterator[ConfigText]:
    for path in user_config_paths():
        # A link is the user's own choice here, and the server follows it.
        content = _followed(path).content
        if content is not None:
            yield ConfigText(path, content)


def _followed(path: Path) -> FileFact:
    return file_fact(path.resolve())
