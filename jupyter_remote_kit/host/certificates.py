"""The private certificate authority, the leaves it issues, and what certificates on disk say.

The CA is one that a laptop can trust without much thought: it can vouch for this host's names and addresses and nothing else.
"""

from __future__ import annotations

import errno
import ipaddress
import os
import re
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes, PublicKeyTypes
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from jupyter_remote_kit.errors import Failed
from jupyter_remote_kit.host import trouble
from jupyter_remote_kit.messages import msg
from jupyter_remote_kit.plan.commandline import own_command
from jupyter_remote_kit.plan.facts import CertificateFact
from jupyter_remote_kit.plan.registries import to_exclude
from jupyter_remote_kit.settings import DEFAULT_INSTANCE

AUTHORITY_LIFETIME = timedelta(days=3650)
# Browsers accept no server certificate of more than 398 days (CA/Browser Forum ballot SC31, Apple's 103769).
LEAF_LIFETIME = timedelta(days=397)
# Laptops' clocks are wrong; one that is behind would find a certificate of this minute not valid yet.
CLOCK_SKEW = timedelta(hours=1)
MAX_COMMON_NAME = 64
MAX_PEM = 1024 * 1024

_EVERY_IPV4 = ipaddress.ip_network("0.0.0.0/0")
_EVERY_IPV6 = ipaddress.ip_network("::/0")
_PEM_KEY = re.compile(rb"-----BEGIN ([A-Z0-9 ]*)PRIVATE KEY-----.*?-----END \1PRIVATE KEY-----", re.DOTALL)
# What cryptography raises for a certificate that is none, or says what it may not.
UNREADABLE = (ValueError, TypeError, UnsupportedAlgorithm, x509.DuplicateExtension, x509.UnsupportedGeneralNameType)


def make_authority(names: Iterable[str], addresses: Iterable[str], now: datetime, *, another: bool = False) -> bytes:
    """A new CA as PEM, key first, then its certificate; valid for 10 years for servers of these names and addresses only.

    `names` and `addresses` are in the form of `grammar.host_name`; the first name appears in the CA's own name. `now` is in UTC.
    `another`: it takes the place of one for this host, which it can vouch for.
    """
    dns, hosts = tuple(names), tuple(ipaddress.ip_address(text) for text in addresses)
    key = ec.generate_private_key(ec.SECP256R1())
    # Verifiers look an issuer up by its name first: two of one host are told apart.
    number = f"CA {x509.SubjectKeyIdentifier.from_public_key(key.public_key()).digest[:4].hex()}" if another else "CA"
    subject = _common_name(f"jupyter-remote-kit {number} of {(dns or tuple(map(str, hosts)) or ('this host',))[0]}")
    certificate = (
        _builder(key.public_key(), now - CLOCK_SKEW, now + AUTHORITY_LIFETIME)
        .subject_name(subject)
        .issuer_name(subject)
        .add_extension(x509.BasicConstraints(ca=True, path_length=1 if another else 0), critical=True)
        .add_extension(_usage("key_cert_sign", "crl_sign"), critical=True)
        # A laptop's store may trust a CA for mail and code as well, which name constraints on hosts do not cover.
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(_constraints(dns, hosts), critical=True)
        .sign(key, hashes.SHA256())
    )
    return _key_pem(key) + _pem(certificate)


def issue_leaf(
    authority_pem: bytes, names: Iterable[str], addresses: Iterable[str], now: datetime, vouched_by: bytes | None = None
) -> bytes:
    """A server certificate as PEM: the leaf, the CA's certificate, the leaf's key; `ssl.SSLContext.load_cert_chain` takes the one file.

    With `vouched_by`, another CA, the chain holds the first CA as that one signs it, and that one: whoever trusts either accepts it.
    Raises `Failed` when `authority_pem` is not a CA with its key.
    """
    key, issuer = _authority(authority_pem)
    # A clock that is before its authority's is wrong, and a certificate of that day would have ended by the right one.
    now = max(now, issuer.not_valid_before_utc + CLOCK_SKEW)
    dns, hosts = tuple(names), tuple(ipaddress.ip_address(text) for text in addresses)
    sans = [*map(x509.DNSName, dns), *map(x509.IPAddress, hosts)]
    leaf_key = ec.generate_private_key(ec.SECP256R1())
    not_after = min(now + LEAF_LIFETIME, issuer.not_valid_after_utc)
    certificate = (
        _builder(leaf_key.public_key(), now - CLOCK_SKEW, not_after)
        # An address as common name would be held to the constraints on DNS names by OpenSSL (v3_ncons.c), and violate them.
        .subject_name(_common_name(dns[0] if dns else "jupyter-remote-kit server"))
        .issuer_name(issuer.subject)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage("digital_signature"), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False)
        .add_extension(x509.SubjectAlternativeName(sans), critical=False)
        .sign(key, hashes.SHA256())
    )
    chain = _pem(issuer) if vouched_by is None else _cross_signed(issuer, *_authority(vouched_by))
    return _pem(certificate) + chain + _key_pem(leaf_key)


def _cross_signed(issuer: x509.Certificate, key: ec.EllipticCurvePrivateKey, other: x509.Certificate) -> bytes:
    """The CA `issuer` with a certificate of the CA `other`, and that one: its key, its limits, another signature (RFC 4158, 1.5)."""
    builder = (
        x509.CertificateBuilder()
        .public_key(issuer.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(other.not_valid_before_utc)
        .not_valid_after(min(issuer.not_valid_after_utc, other.not_valid_after_utc))
        .subject_name(issuer.subject)
        .issuer_name(other.subject)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False)
    )
    for extension in issuer.extensions:
        if not isinstance(extension.value, x509.AuthorityKeyIdentifier | x509.BasicConstraints):
            builder = builder.add_extension(extension.value, critical=extension.critical)
    # Below that of a third there would be one more.
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    return _pem(builder.sign(key, hashes.SHA256())) + _pem(other)


def certificate_of(authority_pem: bytes) -> bytes:
    """The CA's certificate alone, as PEM. Raises `Failed` when there is none."""
    return _pem(_authority(authority_pem)[1])


def read_authority(pem: bytes) -> CertificateFact | None:
    """What a CA file says, its permitted names and addresses as `names` and `addresses`; `None` when it is none of ours."""
    try:
        certificate = x509.load_pem_x509_certificates(pem)[0]
        if not certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca:
            return None
        constraints = certificate.extensions.get_extension_for_class(x509.NameConstraints).value
        permitted = constraints.permitted_subtrees or []
        names = tuple(entry.value for entry in permitted if isinstance(entry, x509.DNSName))
        excluded = tuple(entry.value for entry in constraints.excluded_subtrees or [] if isinstance(entry, x509.DNSName) and entry.value)
        # A single address is written as its network of full length.
        subtrees = [str(entry.value) for entry in permitted if isinstance(entry, x509.IPAddress)]
        addresses = tuple(subtree.removesuffix("/128" if ":" in subtree else "/32") for subtree in subtrees)
        return replace(_fact(certificate, names, addresses, _key_fits(certificate, pem), issuer=""), excluded=excluded)
    except (*UNREADABLE, x509.ExtensionNotFound):
        return None


def read_leaf(pem: bytes) -> CertificateFact | None:
    """What a leaf file says; `None` when it is not a certificate. `issuer_digest` is set when the chain in it really signed it."""
    try:
        certificate, *chain = x509.load_pem_x509_certificates(pem)
        names, addresses = _subject_names(certificate)
        issuer = next((_digest(above) for above in chain if _issued(certificate, above)), "")
        fact = _fact(certificate, names, addresses, _key_fits(certificate, pem), issuer)
        whole = all(_issued(below, above) for below, above in pairwise((certificate, *chain)))
        return replace(fact, root_digest=_digest(chain[-1]) if chain and whole else "")
    except UNREADABLE:
        return None


def read_own(certfile: Path, keyfile: Path | None) -> CertificateFact:
    """What the user's own certificate says; `keyfile` may be `None` when the key is in `certfile`.

    `key_fits` is False when the key belongs to another certificate. Raises `Failed` that names the file which cannot be read, holds no
    certificate, or no key that a server can use.
    """
    pem = _read(certfile)
    fact = read_leaf(pem)
    if fact is None:
        raise _no_certificate(certfile)
    place = keyfile or certfile
    key_pem = _read(place) if keyfile else pem
    if _private_key(key_pem) is None:
        if b"ENCRYPTED" in key_pem:
            raise Failed.of(
                "key-encrypted",
                msg(
                    "The private key in {path} is encrypted; a server that starts by itself cannot ask for its passphrase.",
                    path=place,
                ),
                msg("openssl pkey -in {path} -out {path}.plain && chmod 600 {path}.plain", path=trouble.quoted(place)),
            )
        raise Failed.of(
            "key-unreadable",
            msg("{path} holds no private key in PEM form.", path=place),
            msg("Look at it: openssl pkey -in {path} -noout", path=trouble.quoted(place)),
        )
    certificate = x509.load_pem_x509_certificates(pem)[0]
    names, addresses = _subject_names(certificate)
    return _fact(certificate, names, addresses, _key_fits(certificate, key_pem), fact.issuer_digest)


def read_names(certfile: Path) -> tuple[str, ...]:
    """The names and addresses that the first certificate in `certfile` is for. A key is not looked at: to check one takes milliseconds.

    Raises `Failed` that names the file which cannot be read or holds no certificate.
    """
    try:
        names, addresses = _subject_names(x509.load_pem_x509_certificates(_read(certfile))[0])
    except UNREADABLE as error:
        raise _no_certificate(certfile) from error
    return (*names, *addresses)


def _no_certificate(certfile: Path) -> Failed:
    return Failed.of(
        "certificate-unreadable",
        msg("{path} holds no certificate in PEM form.", path=certfile),
        msg("Look at it: openssl x509 -in {path} -noout -text", path=trouble.quoted(certfile)),
    )


def _constraints(names: tuple[str, ...], hosts: tuple[ipaddress.IPv4Address | ipaddress.IPv6Address, ...]) -> x509.NameConstraints:
    """Permit these hosts, forbid all others; what is below a registry's name as well.

    RFC 5280, 4.2.1.10: a type of name of which nothing is permitted is not constrained at all, so it is excluded as a whole. With IPv4
    permitted alone OpenSSL, Go, Chromium and mozilla::pkix refuse IPv6 as well, since both are one type; others go by family, and the
    CA/Browser Forum's baseline requirements (7.1.2.10.8) ask for the exclusion of the family in so many words.
    """
    permitted: list[x509.GeneralName] = [x509.DNSName(name) for name in names]
    permitted += [x509.IPAddress(ipaddress.ip_network(host)) for host in hosts]
    excluded: list[x509.GeneralName] = [x509.DNSName(name) for name in to_exclude(names)] if names else [x509.DNSName("")]
    present = {host.version for host in hosts}
    excluded += [x509.IPAddress(every) for every in (_EVERY_IPV4, _EVERY_IPV6) if every.version not in present]
    return x509.NameConstraints(permitted or None, excluded or None)


def _builder(key: ec.EllipticCurvePublicKey, not_before: datetime, not_after: datetime) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(not_before)
        .not_valid_after(not_after)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _usage(*purposes: str) -> x509.KeyUsage:
    known = (
        "digital_signature",
        "content_commitment",
        "key_encipherment",
        "data_encipherment",
        "key_agreement",
        "key_cert_sign",
        "crl_sign",
        "encipher_only",
        "decipher_only",
    )
    return x509.KeyUsage(**{purpose: purpose in purposes for purpose in known})


def _common_name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text[:MAX_COMMON_NAME])])


def _authority(pem: bytes) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
    with suppress(*UNREADABLE):
        certificate, key = x509.load_pem_x509_certificates(pem)[0], _private_key(pem)
        if isinstance(key, ec.EllipticCurvePrivateKey) and key.public_key() == certificate.public_key():
            return key, certificate
    raise Failed.of(
        "authority-unreadable",
        msg("The private certificate authority cannot be used: it is not a certificate with its key."),
        msg("{command}", command=own_command(DEFAULT_INSTANCE, "init")),
    )


def _subject_names(certificate: x509.Certificate) -> tuple[tuple[str, ...], tuple[str, ...]]:
    try:
        sans = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return (), ()
    names = tuple(name.lower().rstrip(".") for name in sans.get_values_for_type(x509.DNSName))
    return names, tuple(str(address) for address in sans.get_values_for_type(x509.IPAddress))


def _fact(
    certificate: x509.Certificate, names: tuple[str, ...], addresses: tuple[str, ...], key_fits: bool, issuer: str
) -> CertificateFact:
    return CertificateFact(
        names,
        addresses,
        certificate.not_valid_before_utc,
        certificate.not_valid_after_utc,
        key_fits,
        _digest(certificate),
        issuer,
    )


def _issued(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (InvalidSignature, *UNREADABLE):
        return False
    return True


def _digest(certificate: x509.Certificate) -> str:
    return certificate.fingerprint(hashes.SHA256()).hex()


def _private_key(pem: bytes) -> PrivateKeyTypes | None:
    match = _PEM_KEY.search(pem)
    if match is None:
        return None
    with suppress(*UNREADABLE):
        return serialization.load_pem_private_key(match.group(), password=None)
    return None


def _key_fits(certificate: x509.Certificate, pem: bytes) -> bool:
    key = _private_key(pem)
    return key is not None and _spki(key.public_key()) == _spki(certificate.public_key())


def _spki(key: PublicKeyTypes) -> bytes:
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def _read(path: Path) -> bytes:
    with trouble.os_errors(path):
        if not path.is_file():
            # The user has named it. Nothing in the way of the name is moved, as what is in the way of our own files is.
            if not path.exists():
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
            path.stat()
            raise Failed.of(
                "not-a-file",
                msg("{path} is not a regular file.", path=path),
                msg("Name the file in it: find {path} -maxdepth 2 -name '*.pem'", path=trouble.quoted(path)),
            )
        with path.open("rb") as file:
            return file.read(MAX_PEM)


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
