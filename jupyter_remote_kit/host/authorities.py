"""Reads what a host says is its authority. It reads only: `plan.authority` judges."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization

from jupyter_remote_kit.host.certificates import UNREADABLE
from jupyter_remote_kit.plan.authority import AuthorityFact

Kind = TypeVar("Kind", bound=x509.ExtensionType)


def read(pem: bytes) -> tuple[AuthorityFact, ...]:
    """What each certificate in `pem` says; nothing where there is one that cannot be read."""
    try:
        return tuple(_fact(certificate) for certificate in x509.load_pem_x509_certificates(pem))
    except UNREADABLE:
        return ()


def _fact(certificate: x509.Certificate) -> AuthorityFact:
    basic = _extension(certificate, x509.BasicConstraints)
    limits = _extension(certificate, x509.NameConstraints)
    purposes = _extension(certificate, x509.ExtendedKeyUsage)
    permitted = limits.value.permitted_subtrees or [] if limits else []
    excluded = limits.value.excluded_subtrees or [] if limits else []
    return AuthorityFact(
        # Written anew: whatever else was in the text comes into no store.
        pem=certificate.public_bytes(serialization.Encoding.PEM).decode(),
        digest=certificate.fingerprint(hashes.SHA256()).hex(),
        thumbprint=certificate.fingerprint(hashes.SHA1()).hex(),  # noqa: S303  # a name in a store, and proof of nothing
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
        is_authority=basic is not None and basic.critical and basic.value.ca,
        signs_itself=_signs_itself(certificate),
        constrained=limits is not None and limits.critical,
        names=_names(permitted),
        networks=_networks(permitted),
        excluded=(*_names(excluded), *_networks(excluded)),
        purposes=tuple(purpose.dotted_string for purpose in purposes.value) if purposes else None,
    )


def _extension(certificate: x509.Certificate, kind: type[Kind]) -> x509.Extension[Kind] | None:
    with suppress(x509.ExtensionNotFound):
        return certificate.extensions.get_extension_for_class(kind)
    return None


def _signs_itself(certificate: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(certificate)
    except (InvalidSignature, *UNREADABLE):
        return False
    return True


def _names(subtrees: Iterable[x509.GeneralName]) -> tuple[str, ...]:
    return tuple(subtree.value for subtree in subtrees if isinstance(subtree, x509.DNSName))


def _networks(subtrees: Iterable[x509.GeneralName]) -> tuple[str, ...]:
    """In CIDR notation; a single address is its network of full length."""
    return tuple(str(subtree.value) for subtree in subtrees if isinstance(subtree, x509.IPAddress))
