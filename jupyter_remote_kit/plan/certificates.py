"""Which certificate an instance needs, and whether the one on disk still serves."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta, timezone

from jupyter_remote_kit.errors import Failed, Problem, Refused
from jupyter_remote_kit.messages import msg
from jupyter_remote_kit.plan.answers import WILDCARDS
from jupyter_remote_kit.plan.authority import digests_of
from jupyter_remote_kit.plan.commandline import own_command
from jupyter_remote_kit.plan.facts import CertificateFact, Facts, FileKind
from jupyter_remote_kit.plan.model import ExportAuthority, IssueAuthority, IssueLeaf, RemoveFile, Step
from jupyter_remote_kit.plan.policy import ServedCertificate
from jupyter_remote_kit.plan.registries import to_exclude
from jupyter_remote_kit.settings import Settings

RENEW_BEFORE = timedelta(days=30)
# A board without a battery begins in 1970, or when its image was made, until the network has told it the time. Before this kit was made it
# says nothing of what is past.
CLOCK_SET = datetime(2025, 1, 1, tzinfo=timezone.utc)
LOOPBACK_NAMES = ("localhost",)
LOOPBACK_ADDRESSES = ("127.0.0.1", "::1")


def subjects(facts: Facts, *instances: Settings) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The names and the addresses by which a laptop may reach these instances, each without repetition, the most telling first."""
    hosts = [host for settings in instances for host in (*settings.allow_hosts, *_bound(settings))]
    names = [*facts.names, *(host for host in hosts if not is_address(host)), *LOOPBACK_NAMES]
    addresses = [*facts.addresses, *(host for host in hosts if is_address(host)), *LOOPBACK_ADDRESSES]
    return tuple(dict.fromkeys(names)), tuple(dict.fromkeys(addresses))


def steps(settings: Settings, facts: Facts, others: Iterable[Settings] = (), *, new_authority: bool = False) -> Iterator[Step]:
    """Issue what is missing, runs out within 30 days, or lacks a name that the CA may vouch for.

    Laptops trust the CA, so that it stays while it can: for names and addresses outside of its constraints, or where the clock says that
    it is not valid yet, another one is made with `new_authority` alone. That one is for all that the one before is for as well, which
    stays beside it: an address that comes back needs no third. All instances share the CA: a new one is made for the names of the
    `others` as well, and issues their certificates.
    """
    if not settings.private_ca:
        return
    sharers = [other for other in others if other.private_ca]
    wanted = subjects(facts, settings, *sharers)
    ca = _usable(facts)
    if ca is None or (new_authority and (beyond(ca, *wanted) or _is_early(ca, facts))):
        yield from _another_authority(settings, facts, sharers, wanted)
    else:
        yield from _leaves(settings, facts, ca)


def upkeep(settings: Settings, facts: Facts) -> Iterator[Step]:
    """What a running server does by itself: its own leaf follows time and addresses, under the CA that is there."""
    ca = _usable(facts)
    if settings.private_ca and ca is not None:
        yield from _leaves(settings, facts, ca)


def beyond(ca: CertificateFact, names: Iterable[str], addresses: Iterable[str]) -> tuple[str, ...]:
    """Those of the addresses and names that the CA's name constraints (RFC 5280, 4.2.1.10) do not allow."""
    return (*(host for host in addresses if host not in ca.addresses), *(name for name in names if not _permits(ca, name)))


def is_settled(settings: Settings, facts: Facts) -> bool:
    """Whether the leaf is for everything and lasts, so that nothing is to be issued, whatever the CA says."""
    return facts.leaf is not None and _is_for(facts.leaf, *subjects(facts, settings)) and _serves(facts.leaf, facts)


def uncertified(settings: Settings, facts: Facts) -> tuple[str, ...]:
    """The addresses and names of this host that no certificate of the private CA that stays can be for."""
    ca = _usable(facts)
    return beyond(ca, *_reached(settings, facts)) if settings.private_ca and ca is not None else ()


def early(settings: Settings, facts: Facts) -> tuple[Problem, ...]:
    """What is said where the clock is behind the beginning of the private CA that stays."""
    ca = _usable(facts)
    if not settings.private_ca or ca is None or not _is_early(ca, facts):
        return ()
    message = msg(
        "The private certificate authority is valid from {start} on, and this host's clock says {now}: it is kept.",
        start=_day(ca.not_before),
        now=_day(facts.now),
    )
    renewal = own_command(settings.instance, "init --new-authority")
    return (
        Problem("certificate-early", message, msg("Set the clock; if it is right, make another authority: {command}", command=renewal)),
    )


def served(settings: Settings, facts: Facts) -> ServedCertificate | None:
    """How the certificate on the disk stands; `None` where there is none."""
    leaf = facts.leaf if settings.private_ca else facts.own_certificate
    if leaf is None or not settings.tls:
        return None
    lacking: tuple[str, ...] = ()
    warned: tuple[str, ...] = ()
    if settings.private_ca:
        names, addresses = _reached(settings, facts)
        lacking = (*(host for host in addresses if host not in leaf.addresses), *(name for name in names if name not in leaf.names))
        if facts.previous_ca is not None:
            warned = tuple(host for host in beyond(facts.previous_ca, names, addresses) if host not in lacking)
    return ServedCertificate(
        _day(leaf.not_after),
        (leaf.not_after - facts.now).days,
        settings.private_ca,
        lacking,
        warned,
        _day(facts.previous_ca.not_before) if facts.previous_ca else "",
        _day(leaf.not_before) if _is_early(leaf, facts) else "",
        _end_of_change_over(facts),
    )


def _end_of_change_over(facts: Facts) -> str:
    """The date from which on laptops that trust nothing but the CA before this one are served no more, where it is near."""
    before = facts.previous_ca
    near = before is not None and _lives(before, facts) and not _serves(before, facts)
    return _day(before.not_after) if before is not None and near else ""


def _another_authority(
    settings: Settings, facts: Facts, sharers: Iterable[Settings], wanted: tuple[tuple[str, ...], tuple[str, ...]]
) -> Iterator[Step]:
    layout, names, addresses = facts.layout, *wanted
    before = facts.ca if facts.ca is not None and _lives(facts.ca, facts) and _is_accepted(facts.ca) else None
    if before is not None:
        # One that holds for the addresses of yesterday needs no third when they come back.
        names, addresses = tuple(dict.fromkeys((*names, *before.names))), tuple(dict.fromkeys((*addresses, *before.addresses)))
    kept = layout.previous_ca_file if before else None
    yield IssueAuthority(layout.ca_file, layout.ca_certificate_file, names, addresses, kept)
    for one in (settings, *sharers):
        yield IssueLeaf(layout.ca_file, layout.leaf_file(one.instance), *subjects(facts, one))
        if before is not None:
            yield _previous_leaf(one, facts, before)


def _leaves(settings: Settings, facts: Facts, ca: CertificateFact) -> Iterator[Step]:
    layout = facts.layout
    exported = facts.file(layout.ca_certificate_file)
    # What laptops fetch. A folder in its way is for its user to look at.
    if exported.kind in {FileKind.ABSENT, FileKind.FILE} and ca.digest not in digests_of(
        (exported.content or b"").decode(errors="replace")
    ):
        yield ExportAuthority(layout.ca_file, layout.ca_certificate_file)
    leaf, hosts = facts.leaf, _within(ca, *subjects(facts, settings))
    if leaf is None or not (_is_for(leaf, *hosts) and leaf.issuer_digest == ca.digest and _serves(leaf, facts)):
        yield IssueLeaf(layout.ca_file, layout.leaf_file(settings.instance), *hosts)
    yield from _change_over(settings, facts, ca)


def _change_over(settings: Settings, facts: Facts, ca: CertificateFact) -> Iterator[Step]:
    """While laptops may trust the CA before this one alone, they are shown a leaf of that one."""
    before, leaf, layout = facts.previous_ca, facts.previous_leaf, facts.layout
    if before is not None and _lives(before, facts):
        step = _previous_leaf(settings, facts, before)
        lasts = leaf is not None and (_serves(leaf, facts) or (leaf.key_fits and leaf.not_after >= before.not_after))
        if leaf is None or not (lasts and _is_for(leaf, step.names, step.addresses) and leaf.root_digest == ca.digest):
            yield step
        return
    if before is not None:
        yield RemoveFile(layout.previous_ca_file)
    if leaf is not None:
        yield RemoveFile(layout.previous_leaf_file(settings.instance))


def _previous_leaf(settings: Settings, facts: Facts, before: CertificateFact) -> IssueLeaf:
    """A server learns from a connection the name that was asked for, or else its own address, not the one before a translation (NAT).

    Where the CA is not for one such address, a connection without a name may be meant for that.
    """
    names, addresses = subjects(facts, settings)
    translated = set(addresses) - {*facts.addresses, *facts.local_addresses, *LOOPBACK_ADDRESSES}
    within = _within(before, names, addresses)
    if not translated <= set(before.addresses):
        within = within[0], tuple(host for host in within[1] if host in LOOPBACK_ADDRESSES)
    layout = facts.layout
    return IssueLeaf(layout.previous_ca_file, layout.previous_leaf_file(settings.instance), *within, vouched_by=layout.ca_file)


def check_own(settings: Settings, facts: Facts, before: Settings | None = None) -> tuple[Problem, ...]:
    """What is wrong with the user's own certificate. A key that does not fit or a date that is past raises `Refused`.

    Others renew the one that the instance had `before`, at any time, and a service that is refused is not started again: its date is said
    as a running server says it, and a key that does not fit raises `Failed`.
    """
    if settings.certfile is None or facts.own_certificate is None:
        return ()
    certificate, file = facts.own_certificate, settings.certfile
    known = before is not None and before.certfile == file
    if not certificate.key_fits:
        apart = Problem(
            "key-does-not-fit",
            msg("The key in {key} does not belong to the certificate in {file}.", key=settings.keyfile or file, file=file),
            msg("Give a certificate and the key that belongs to it: --certfile CERT.pem --keyfile KEY.pem"),
        )
        raise Failed(apart) if known else Refused(apart)
    problems = []
    if certificate.not_after <= facts.now or _is_early(certificate, facts):
        out_of_date = Problem(
            "certificate-out-of-date",
            msg("The certificate in {file} is valid from {start} to {end} only.", file=file, **_dates(certificate)),
            msg("Renew it, or use the private certificate authority: --private-ca"),
        )
        if not known:
            raise Refused(out_of_date)
        problems.append(out_of_date)
    elif certificate.not_after - facts.now < RENEW_BEFORE:
        problems.append(
            Problem(
                "certificate-ends-soon",
                msg("The certificate in {file} is valid until {end}.", file=file, end=_dates(certificate)["end"]),
                msg("Renew it in its place; a running server takes the new one by itself."),
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


def _reached(settings: Settings, facts: Facts) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Those of the `subjects` at which a server may be reached: one that listens on one address, or on loopback, not at the others."""
    names, addresses = subjects(facts, settings)
    if settings.ip in WILDCARDS:
        return names, addresses
    reached = {*settings.allow_hosts, *_bound(settings), *LOOPBACK_ADDRESSES}
    return names, tuple(address for address in addresses if address in reached)


def _bound(settings: Settings) -> tuple[str, ...]:
    return () if settings.ip in WILDCARDS else (settings.ip,)


def _serves(certificate: CertificateFact | None, facts: Facts) -> bool:
    """Whether it is there, has its key, and lasts another 30 days."""
    if certificate is None or not certificate.key_fits or not _clock_is_set(facts):
        return certificate is not None and certificate.key_fits
    return certificate.not_before <= facts.now and certificate.not_after - facts.now >= RENEW_BEFORE


def _usable(facts: Facts) -> CertificateFact | None:
    """The CA, where it can go on to issue certificates."""
    return facts.ca if facts.ca is not None and _serves(facts.ca, facts) and _is_accepted(facts.ca) else None


def _lives(certificate: CertificateFact, facts: Facts) -> bool:
    """Whether it has its key, and has not run out."""
    return certificate.key_fits and (not _clock_is_set(facts) or certificate.not_before <= facts.now < certificate.not_after)


def _clock_is_set(facts: Facts) -> bool:
    """Whether the clock can tell what is past. One behind the beginning of this host's own CA cannot.

    systemd starts a board without a battery at the date of its own build (TIME_EPOCH), fake-hwclock at that of the last hour.
    """
    return facts.now >= CLOCK_SET and (facts.ca is None or not _is_early(facts.ca, facts))


def _is_early(certificate: CertificateFact, facts: Facts) -> bool:
    """Whether it is not valid yet, by a clock that seems to be set."""
    return CLOCK_SET <= facts.now < certificate.not_before


def _is_accepted(ca: CertificateFact) -> bool:
    """Whether laptops take it: one for the host `ai` that could vouch for all that is below that name they refuse."""
    return set(to_exclude(ca.names)) <= set(ca.excluded)


def _permits(ca: CertificateFact, name: str) -> bool:
    within = any(name == permitted or name.endswith("." + permitted) for permitted in ca.names)
    return within and not any(name.endswith(every) for every in ca.excluded)


def _within(ca: CertificateFact, names: Iterable[str], addresses: Iterable[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Those of the names and addresses that the CA's name constraints allow. A leaf with one more is refused as a whole."""
    return tuple(name for name in names if _permits(ca, name)), tuple(host for host in addresses if host in ca.addresses)


def _is_for(leaf: CertificateFact, names: Iterable[str], addresses: Iterable[str]) -> bool:
    return set(names) <= set(leaf.names) and set(addresses) <= set(leaf.addresses)


def _dates(certificate: CertificateFact) -> dict[str, str]:
    return {"start": _day(certificate.not_before), "end": _day(certificate.not_after)}


def _day(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d}"
