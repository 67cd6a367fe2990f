"""Which certificate an instance needs, and whether the one on disk still serves."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta

from jupyter_remote_kit.errors import Problem, Refused
from jupyter_remote_kit.messages import msg
from jupyter_remote_kit.plan.answers import WILDCARDS
from jupyter_remote_kit.plan.commandline import own_command
from jupyter_remote_kit.plan.facts import CertificateFact, Facts, FileKind
from jupyter_remote_kit.plan.model import ExportAuthority, IssueAuthority, IssueLeaf, Step
from jupyter_remote_kit.plan.registries import to_exclude
from jupyter_remote_kit.settings import Settings

RENEW_BEFORE = timedelta(days=30)
LOOPBACK_NAMES = ("localhost",)
LOOPBACK_ADDRESSES = ("127.0.0.1", "::1")


def subjects(facts: Facts, *instances: Settings) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The names and the addresses by which a laptop may reach these instances, each without repetition, the most telling first."""
    hosts = [host for settings in instances for host in (*settings.allow_hosts, *_bound(settings))]
    names = [*facts.names, *(host for host in hosts if not is_address(host)), *LOOPBACK_NAMES]
    addresses = [*facts.addresses, *(host for host in hosts if is_address(host)), *LOOPBACK_ADDRESSES]
    return tuple(dict.fromkeys(names)), tuple(dict.fromkeys(addresses))


def steps(settings: Settings, facts: Facts, others: Iterable[Settings] = ()) -> Iterator[Step]:
    """Issue what is missing, runs out within 30 days, or lacks a name; the CA is kept while its constraints fit.

    All instances share the CA: a new one is made for the names of the `others` as well, and issues their certificates anew.
    """
    if not settings.private_ca:
        return
    layout = facts.layout
    sharers = [other for other in others if other.private_ca]
    ca_names, ca_addresses = subjects(facts, settings, *sharers)
    names, addresses = subjects(facts, settings)
    renew_ca = facts.ca is None or not _serves(facts.ca, facts) or not _permits(facts.ca, ca_names, ca_addresses)
    if renew_ca:
        yield IssueAuthority(layout.ca_file, layout.ca_certificate_file, ca_names, ca_addresses)
    elif facts.file(layout.ca_certificate_file).kind is FileKind.ABSENT:
        yield ExportAuthority(layout.ca_file, layout.ca_certificate_file)
    leaf = facts.leaf
    fits = leaf is not None and set(names) <= set(leaf.names) and set(addresses) <= set(leaf.addresses)
    issued_by_ca = leaf is not None and facts.ca is not None and leaf.issuer_digest == facts.ca.digest
    if renew_ca or not fits or not issued_by_ca or not _serves(leaf, facts):
        yield IssueLeaf(layout.ca_file, layout.leaf_file(settings.instance), names, addresses)
    if renew_ca:
        for other in sharers:
            yield IssueLeaf(layout.ca_file, layout.leaf_file(other.instance), *subjects(facts, other))


def check_own(settings: Settings, facts: Facts) -> tuple[Problem, ...]:
    """What is wrong with the user's own certificate. A key that does not fit or a date that is past raises `Refused`."""
    if settings.certfile is None or facts.own_certificate is None:
        return ()
    certificate, file = facts.own_certificate, settings.certfile
    if not certificate.key_fits:
        raise Refused.of(
            "key-does-not-fit",
            msg("The key in {key} does not belong to the certificate in {file}.", key=settings.keyfile or file, file=file),
            msg("Give a certificate and the key that belongs to it: --certfile CERT.pem --keyfile KEY.pem"),
        )
    if certificate.not_after <= facts.now or certificate.not_before > facts.now:
        raise Refused.of(
            "certificate-out-of-date",
            msg("The certificate in {file} is valid from {start} to {end} only.", file=file, **_dates(certificate)),
            msg("Renew it, or use the private certificate authority: --private-ca"),
        )
    problems = []
    if certificate.not_after - facts.now < RENEW_BEFORE:
        problems.append(
            Problem(
                "certificate-ends-soon",
                msg("The certificate in {file} is valid until {end}.", file=file, end=_dates(certificate)["end"]),
                msg("Renew it; a running server takes the new one after: {command}", command=own_command(settings.instance, "init")),
            )
        )
    names, addresses = subjects(facts, settings)
    reachable = [host for host in (*names, *addresses) if host not in (*LOOPBACK_NAMES, *LOOPBACK_ADDRESSES)]
    if not any(covers(certificate, host) for host in reachable):
        problems.append(
            Problem(
                "certificate-names",
                msg(
                    "The certificate in {file} is for {names}, none of which is known as a name of this host.",
                    file=file,
                    names=", ".join(certificate.names + certificate.addresses) or "-",
                ),
                msg("If the laptop reaches the host by such a name, add it: --allow-host NAME"),
            )
        )
    return tuple(problems)


def covers(certificate: CertificateFact, host: str) -> bool:
    """Whether a browser accepts `certificate` for `host`: RFC 6125, a wildcard stands for one label."""
    if is_address(host):
        return host in certificate.addresses
    wildcard = "*." + host.partition(".")[2]
    return host in certificate.names or wildcard in certificate.names


def is_address(host: str) -> bool:
    """Whether `host`, in the form of `grammar.host_name`, is an address: no name ends in a number or contains a colon."""
    return ":" in host or host.rpartition(".")[2].isdigit()


def _bound(settings: Settings) -> tuple[str, ...]:
    return () if settings.ip in WILDCARDS else (settings.ip,)


def _serves(certificate: CertificateFact | None, facts: Facts) -> bool:
    """Whether it is there, has its key, and lasts another 30 days."""
    if certificate is None or not certificate.key_fits:
        return False
    return certificate.not_before <= facts.now and certificate.not_after - facts.now >= RENEW_BEFORE


def _permits(ca: CertificateFact, names: tuple[str, ...], addresses: tuple[str, ...]) -> bool:
    """Whether the CA's name constraints (RFC 5280, 4.2.1.10) allow every name and address, and no more than laptops accept."""
    within = all(any(name == permitted or name.endswith("." + permitted) for permitted in ca.names) for name in names)
    held = not any(name.endswith(every) for name in names for every in ca.excluded)
    return within and held and set(to_exclude(ca.names)) <= set(ca.excluded) and set(addresses) <= set(ca.addresses)


def _dates(certificate: CertificateFact) -> dict[str, str]:
    return {"start": f"{certificate.not_before:%Y-%m-%d}", "end": f"{certificate.not_after:%Y-%m-%d}"}
