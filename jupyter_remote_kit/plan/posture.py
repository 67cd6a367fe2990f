"""The posture that an instance declares before its server runs; the server itself computes its own from what is in force."""

from __future__ import annotations

from collections.abc import Iterable

from jupyter_remote_kit.errors import Problem
from jupyter_remote_kit.plan import networks
from jupyter_remote_kit.plan.answers import is_loopback
from jupyter_remote_kit.plan.hashes import hash_kind
from jupyter_remote_kit.plan.policy import Finding, Mode, Posture, Severity
from jupyter_remote_kit.settings import Credentials, Settings


def declared(settings: Settings, credentials: Credentials, *, as_root: bool, exposed_paths: Iterable[tuple[str, str, str]] = ()) -> Posture:
    """The posture of a managed instance, as far as its own file tells."""
    return Posture(
        mode=Mode.MANAGED,
        instance=settings.instance,
        access=settings.access,
        loopback=is_loopback(settings.ip),
        tls=settings.tls,
        plain_http_chosen=settings.plain_http,
        token_length=len(credentials.token),
        hash_kind=hash_kind(credentials.hashed_password.reveal() if credentials.hashed_password else ""),
        every_proxy_named=networks.covers_a_family(networks.parse(settings.trusted_proxies)),
        open_to_any_network=networks.covers_a_family(networks.parse(settings.allow_networks)),
        as_root=as_root,
        root_allowed=settings.allow_root,
        exposed_paths=tuple(exposed_paths),
    )


def problem(finding: Finding) -> Problem:
    """A finding as commands report it."""
    return Problem(finding.code, finding.message, finding.fix)


def shown(findings: Iterable[Finding]) -> tuple[Problem, ...]:
    """Those that a user should see beside a success: warnings, not the merely listed."""
    return tuple(problem(finding) for finding in findings if finding.severity is not Severity.INFO)
