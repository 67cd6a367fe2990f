"""What a laptop opens: one URL for each address that reaches the host, for people and for IDEs, and the plain ssh line."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from urllib.parse import urlencode

from jupyter_remote_kit.plan.answers import WILDCARDS
from jupyter_remote_kit.plan.certificates import LOOPBACK_NAMES
from jupyter_remote_kit.plan.facts import Facts
from jupyter_remote_kit.secret import Secret
from jupyter_remote_kit.settings import Access, Settings


@dataclass(frozen=True)
class Urls:
    """`lab` is for browsers, best first; `token` (with the token in it) for PyCharm and VS Code; `ssh` is the line for a terminal."""

    lab: tuple[str, ...]
    token: tuple[Secret, ...]
    ssh: str


def plan_urls(settings: Settings, facts: Facts, token: Secret, base_url: str = "/") -> Urls:
    """The URLs of an instance. With `ssh` and `relay` the browser speaks to the near end of the tunnel, `localhost`.

    `base_url` is jupyter_server's, as the running server tells it: it begins and ends with a slash.
    """
    bases = tuple(f"{settings.scheme}://{authority(host, settings.port)}{base_url}" for host in reachable_hosts(settings, facts))
    query = urlencode({"token": token.reveal()})
    return Urls(
        lab=tuple(f"{base}lab" for base in bases),
        token=tuple(Secret(f"{base}?{query}") for base in bases),
        ssh=ssh_line(settings, facts),
    )


def reachable_hosts(settings: Settings, facts: Facts) -> tuple[str, ...]:
    """Names and addresses that a laptop could use, addresses first: a name needs a resolver that knows it."""
    if settings.access is not Access.LAN:
        return LOOPBACK_NAMES
    if settings.ip not in WILDCARDS:
        return tuple(dict.fromkeys((settings.ip, *settings.allow_hosts)))
    hosts = (*facts.addresses, *settings.allow_hosts, *facts.names)
    return tuple(dict.fromkeys(host for host in hosts if host not in LOOPBACK_NAMES)) or LOOPBACK_NAMES


def ssh_line(settings: Settings, facts: Facts) -> str:
    """The plain ssh command that forwards the port to the laptop."""
    hosts = [*facts.addresses, *(name for name in facts.names if name not in LOOPBACK_NAMES)]
    target = settings.ip if settings.ip and settings.ip not in WILDCARDS else "127.0.0.1"
    login = shlex.quote(f"{facts.user}@{hosts[0] if hosts else 'HOST'}")
    return f"ssh -N -L {settings.port}:{authority(target, settings.port)} {login}"


def authority(host: str, port: int) -> str:
    """`host:port` as a URL has it: an IPv6 address in brackets."""
    return f"{bracketed(host)}:{port}"


def bracketed(host: str) -> str:
    """An IPv6 address in brackets, anything else as it is."""
    return f"[{host}]" if ":" in host else host
