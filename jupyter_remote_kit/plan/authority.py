"""A host's private authority as a laptop sees it: what it could vouch for, and whether it is one to trust.

A root certificate in a browser's store can open any connection that its constraints allow, so what a host sends is held to what
`host.certificates.make_authority` makes: for servers alone, by names and addresses of one host each. Whether they are of the host that
was asked is seen by `plan.strangers`.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass
from datetime import datetime

from jupyter_remote_kit import grammar
from jupyter_remote_kit.errors import Refused, WrongUsage
from jupyter_remote_kit.messages import Message, msg
from jupyter_remote_kit.plan.registries import below, is_registry
from jupyter_remote_kit.plan.terminal import printable

# One for a hundred names has 8 KiB.
MAX_PEM = 64 * 1024
SERVER_AUTH = "1.3.6.1.5.5.7.3.1"
_EVERYTHING = ("0.0.0.0/0", "::/0")
_PEM = re.compile(r"-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]*)-----END CERTIFICATE-----")
_DIGEST = re.compile(r"[0-9a-f]{64}\Z|[0-9a-f]{2}(?::[0-9a-f]{2}){31}\Z")
_SLUG = re.compile(r"[^a-z0-9_.]+")
_MAX_SLUG = 40
# The hint where an authority is not, or may not be, the host's own.
COMPARE = msg("Compare it with what the host itself says: jupyter remotekit trust --here")


@dataclass(frozen=True)
class AuthorityFact:
    """What one certificate says. `names` and `networks` are its permitted subtrees, `excluded` the names and networks it excludes.

    `digest` is the SHA-256 of its DER in hex; `thumbprint` the SHA-1, by which the stores of macOS and Windows call it. `is_authority`,
    `constrained`: its basic and its name constraints say so, and are critical. `purposes` are OIDs; `None`: for any purpose.
    """

    pem: str
    digest: str
    thumbprint: str
    not_before: datetime
    not_after: datetime
    is_authority: bool
    signs_itself: bool
    constrained: bool
    names: tuple[str, ...] = ()
    networks: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()
    purposes: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Authority:
    """An authority that may be trusted: it can vouch for these names and addresses, and for nothing else.

    `strange` are those of them that are not known to be the host's.
    """

    pem: str
    digest: str
    thumbprint: str
    names: tuple[str, ...]
    addresses: tuple[str, ...]
    not_after: datetime
    strange: tuple[str, ...] = ()


def fingerprint(digest: str) -> str:
    """A digest in hex as openssl and browsers show it: `AB:CD:…`."""
    return ":".join(digest[at : at + 2] for at in range(0, len(digest), 2)).upper()


def digest_of(text: str) -> str:
    """The digest in hex of a SHA-256 fingerprint as openssl and browsers show it, with colons or without. Raises `WrongUsage`."""
    if _DIGEST.match(text.lower()):
        return text.lower().replace(":", "")
    raise WrongUsage.of(
        "fingerprint",
        msg("{text!r} is not a SHA-256 fingerprint.", text=text),
        msg("Use what the host itself says: jupyter remotekit trust --here"),
    )


def digests_of(pem: str) -> tuple[str, ...]:
    """The SHA-256 of each certificate in a text, in hex and in their order; what is none is passed over."""
    found = []
    for body in _PEM.findall(pem):
        try:
            found.append(hashlib.sha256(base64.b64decode("".join(body.split()), validate=True)).hexdigest())
        except binascii.Error:
            continue
    return tuple(found)


def label(host: str, digest: str) -> str:
    """What the stores of a laptop call the authority of `host`: fit for a file name, an option's value and an NSS nickname anywhere.

    The digits are the certificate's: two of one host never share a name, on whatever file system.
    """
    slug = _SLUG.sub("-", host.lower()).strip("-.")[:_MAX_SLUG].strip("-.")
    return f"{slug or 'host'}-{digest[:8]}"


def bounded(sent: object, host: str) -> bytes:
    """What a host says is its authority, as far as it is text. Raises `Refused` for more than any of ours has."""
    data = sent.encode(errors="replace") if isinstance(sent, str) else b""
    if len(data) <= MAX_PEM:
        return data
    raise _refused("authority-too-large", msg("What {host} sent as its authority is larger than {bytes} bytes.", host=host, bytes=MAX_PEM))


def accept(found: tuple[AuthorityFact, ...], host: str, now: datetime) -> Authority:
    """What a host has sent as its authority. Raises `Refused` for all that could vouch for more than this host, or for nothing.

    `found` are the certificates in it, `host` is its name for sentences, `now` is in UTC.
    """
    if len(found) != 1:
        raise _refused("authority-unreadable", msg("What {host} sent is not one certificate, but {number}.", host=host, number=len(found)))
    fact = found[0]
    if not (fact.is_authority and fact.signs_itself):
        raise _refused("not-an-authority", msg("The certificate of {host} is not that of a certificate authority.", host=host))
    if not fact.not_before <= now < fact.not_after:
        raise Refused.of(
            "authority-out-of-date",
            msg(
                "The authority of {host} is valid from {start} to {end}, and this machine's date is {today}.",
                host=host,
                start=f"{fact.not_before:%Y-%m-%d}",
                end=f"{fact.not_after:%Y-%m-%d}",
                today=f"{now:%Y-%m-%d}",
            ),
            msg("If the date is right, make a new one on the host: jupyter remotekit init"),
        )
    _check_purposes(fact, host)
    _check_reach(fact, host)
    addresses = tuple(network.rpartition("/")[0] for network in fact.networks)
    return Authority(fact.pem, fact.digest, fact.thumbprint, fact.names, addresses, fact.not_after)


def _check_purposes(fact: AuthorityFact, host: str) -> None:
    # Where a store trusts it for mail and code as well (Windows), constraints on hosts would not hold it.
    if fact.purposes != (SERVER_AUTH,):
        raise _refused(
            "authority-unconstrained", msg("The authority of {host} could vouch for more than web sites: it is not trusted.", host=host)
        )


def _check_reach(fact: AuthorityFact, host: str) -> None:
    """RFC 5280, 4.2.1.10: a kind of name of which nothing is permitted and not all is excluded is not constrained at all."""
    families = [any((":" in network) == (":" in every) for network in fact.networks) or every in fact.excluded for every in _EVERYTHING]
    if not fact.constrained or not (fact.names or "" in fact.excluded) or not all(families):
        raise _refused("authority-unconstrained", msg("The authority of {host} could vouch for any site: it is not trusted.", host=host))
    wide = [name for name in fact.names if not _one_host(name, fact.excluded)]
    wide += [network for network in fact.networks if not network.endswith("/128" if ":" in network else "/32")]
    if wide:
        raise _refused(
            "authority-too-broad",
            msg("The authority of {host} could vouch for more than its host: {name}.", host=host, name=printable(wide[0]) or "*"),
        )


def _one_host(name: str, excluded: tuple[str, ...]) -> bool:
    """Whether a permitted `name` is one host's: it may be a registry's as well, where all that is below it is excluded."""
    try:
        return grammar.host_name(name) == name and (not is_registry(name) or below(name) in excluded)
    except WrongUsage:
        return False


def _refused(code: str, sentence: Message) -> Refused:
    return Refused.of(code, sentence, COMPARE)
