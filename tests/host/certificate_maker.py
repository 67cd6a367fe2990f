"""Certificates as hosts may send them: the kit's own authority, and each way in which one can be something else."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

NOW = datetime.now(timezone.utc).replace(microsecond=0)
NAMES = ("gpu1", "gpu1.local", "localhost")
NETWORKS = ("192.168.0.107/32", "127.0.0.1/32", "fd00::2/128", "::1/128")


@dataclass(frozen=True)
class Recipe:
    """An authority such as the kit makes. `None` leaves an extension out; `critical` is that of its basic and its name constraints."""

    names: Sequence[str] | None = NAMES
    networks: Sequence[str] = NETWORKS
    excluded: Sequence[x509.GeneralName] = ()
    ca: bool | None = True
    critical: tuple[bool, bool] = (True, True)
    purposes: Sequence[x509.ObjectIdentifier] | None = (ExtendedKeyUsageOID.SERVER_AUTH,)
    not_before: datetime = NOW - timedelta(hours=1)
    not_after: datetime = NOW + timedelta(days=3650)
    common_name: str = "jupyter-remote-kit CA of gpu1"
    by_another: bool = False


def made(**changes: Any) -> str:
    """The PEM of a certificate that differs from the kit's own by `changes`."""
    recipe = replace(Recipe(), **changes)
    key, other = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, recipe.common_name)])
    builder = (
        x509.CertificateBuilder()
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .subject_name(subject)
        .issuer_name(subject)
        .not_valid_before(recipe.not_before)
        .not_valid_after(recipe.not_after)
    )
    if recipe.ca is not None:
        builder = builder.add_extension(x509.BasicConstraints(ca=recipe.ca, path_length=None), critical=recipe.critical[0])
    if recipe.names is not None:
        permitted: list[x509.GeneralName] = [x509.DNSName(name) for name in recipe.names]
        permitted += [x509.IPAddress(ipaddress.ip_network(network)) for network in recipe.networks]
        constraints = x509.NameConstraints(permitted or None, list(recipe.excluded) or None)
        builder = builder.add_extension(constraints, critical=recipe.critical[1])
    if recipe.purposes is not None:
        builder = builder.add_extension(x509.ExtendedKeyUsage(list(recipe.purposes)), critical=False)
    return builder.sign(other if recipe.by_another else key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()


HOSTILE = {
    "without constraints": (made(names=None), "authority-unconstrained"),
    "constraints that a browser may overlook": (made(critical=(True, False)), "authority-unconstrained"),
    "any address": (made(networks=()), "authority-unconstrained"),
    "any name": (made(names=()), "authority-unconstrained"),
    "all of .com": (made(names=("com",)), "authority-too-broad"),
    "every name in so many words": (made(names=("",)), "authority-too-broad"),
    "a name with control characters": (made(names=("gpu1\x1b]0;owned\x07",)), "authority-too-broad"),
    "a network": (made(networks=("0.0.0.0/0", "::/0")), "authority-too-broad"),
    "for any purpose": (made(purposes=None), "authority-unconstrained"),
    "for code": (made(purposes=[ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CODE_SIGNING]), "authority-unconstrained"),
    "a leaf": (made(ca=False), "not-an-authority"),
    "a leaf of old": (made(ca=None), "not-an-authority"),
    "not critical": (made(critical=(False, True)), "not-an-authority"),
    "signed by another": (made(by_another=True), "not-an-authority"),
    "expired": (made(not_before=NOW - timedelta(days=2), not_after=NOW - timedelta(days=1)), "authority-out-of-date"),
    "of tomorrow": (made(not_before=NOW + timedelta(days=1)), "authority-out-of-date"),
    "two": (made() + made(), "authority-unreadable"),
    "one and a damaged one": (made() + made()[:-60] + "\n-----END CERTIFICATE-----\n", "authority-unreadable"),
    "garbage": ("garbage \x1b[2J\u202e", "authority-unreadable"),
    "nothing": ("", "authority-unreadable"),
    "a private key": ("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "authority-unreadable"),
    "128 KiB": ("#" * (1 << 17), "authority-too-large"),
    "128 KiB after it": (made() + "#" * (1 << 17), "authority-too-large"),
}
"""What a host could send in place of its authority, and the code of the refusal."""
