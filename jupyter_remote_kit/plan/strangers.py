"""Which names of an authority have nothing to do with the host that was asked for it, as far as this laptop knows that host.

Whoever has broken into a host can have it send an authority for a bank. A person is shown such names and asked; where nobody is asked,
only a fingerprint that was known before lets them pass.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace

from jupyter_remote_kit import grammar
from jupyter_remote_kit.errors import Problem, Refused, WrongUsage
from jupyter_remote_kit.messages import msg
from jupyter_remote_kit.plan.answers import is_loopback
from jupyter_remote_kit.plan.authority import COMPARE, Authority, fingerprint
from jupyter_remote_kit.plan.networks import LAN_NETWORKS, plain, within

# Names that mean something within one network only: RFC 6762, what routers give out, ICANN's of 2024, RFC 8375, RFC 6761.
_LOCAL_DOMAINS = ("local", "lan", "internal", "home.arpa", "localhost")
_TOLD = 5


def known_as(words: Iterable[str]) -> tuple[str, ...]:
    """What this laptop knows of the host, such as the name that ssh was told and the address where it came to, as certificates have it.

    What is neither a name nor an address, as some `Host` of ~/.ssh/config is, is left out.
    """
    found = []
    for word in words:
        try:
            found.append(grammar.host_name(word.partition("%")[0]))
        except WrongUsage:
            continue
    return tuple(dict.fromkeys(found))


def judged(authority: Authority, known: Collection[str]) -> Authority:
    """The authority, with what it could vouch for besides the host that is `known` by these names and addresses."""
    names = [name for name in authority.names if not _may_be_its_name(name, known)]
    addresses = [address for address in authority.addresses if not _may_be_its_address(address, known)]
    return replace(authority, strange=(*names, *addresses))


def findings(authority: Authority, host: str) -> tuple[Problem, ...]:
    """What a person is told before the question, and what is refused where nobody is asked."""
    if not authority.strange:
        return ()
    told = ", ".join((*authority.strange[:_TOLD], *(["…"] if len(authority.strange) > _TOLD else [])))
    return (
        Problem(
            "authority-strange",
            msg("The authority of {host} could vouch for what does not seem to be {host}: {names}.", host=host, names=told),
            msg(
                "Compare its fingerprint with what the host itself says: jupyter remotekit trust --here; then answer the question, "
                "or name it: --fingerprint SHA256"
            ),
        ),
    )


def check(authority: Authority, host: str, digest: str | None, *, asks: bool) -> None:
    """Raises `Refused` where it is not the one of that `digest`, or where without one nobody is asked about what is strange."""
    if digest is not None and digest != authority.digest:
        raise Refused.of(
            "authority-other",
            msg("The authority of {host} has another fingerprint: {fingerprint}.", host=host, fingerprint=fingerprint(authority.digest)),
            COMPARE,
        )
    if authority.strange and digest is None and not asks:
        raise Refused(*findings(authority, host))


def _may_be_its_name(name: str, known: Collection[str]) -> bool:
    # Not what is above the host: its neighbours are below that as well, such as all customers of a provider.
    domains = (*_LOCAL_DOMAINS, *(word for word in known if "." in word))
    return "." not in name or any(f".{name}".endswith(f".{domain}") for domain in domains)


def _may_be_its_address(address: str, known: Collection[str]) -> bool:
    found = plain(address)
    return str(found) in known or is_loopback(str(found)) or within(found, LAN_NETWORKS)
