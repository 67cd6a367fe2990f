"""What may be served to whom: posture in, findings out. The one table of the kit's policy.

The posture is what an instance declares (access, scheme, credentials), not only the address that it binds: a server on loopback behind a
tunnel is exposed as well. `init` shows the findings, `up` and the identity provider refuse on them, `status` and the page list them.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from enum import Enum

from jupyter_remote_kit import invocation
from jupyter_remote_kit.messages import Message, msg
from jupyter_remote_kit.plan.commandline import own_command
from jupyter_remote_kit.plan.extensions import FailedExtension, SkippedFile
from jupyter_remote_kit.settings import MIN_TOKEN_LENGTH, Access

# Ours is renewed at 30 days, so that one which tells of its end could not be.
TELL_DAYS = 21


class Mode(str, Enum):
    """Started for an instance; merely installed; or in a JupyterHub, whose business identity is."""

    MANAGED = "managed"
    UNMANAGED = "unmanaged"
    HUB = "hub"


class Severity(str, Enum):
    """`REFUSE` keeps a managed server from starting; `WARN` is shown; `INFO` is listed."""

    REFUSE = "refuse"
    WARN = "warn"
    INFO = "info"


class HashKind(str, Enum):
    """What the password hash is. Only argon2id with readable parameters and digest is accepted."""

    NONE = "none"
    ARGON2ID = "argon2id"
    WEAK_ARGON2ID = "weak-argon2id"
    OTHER = "other"
    BROKEN = "broken"


@dataclass(frozen=True)
class ServedCertificate:
    """How a certificate stands: it `ends` on that date (ISO 8601), in so many days, less than 0 when it is past.

    `lacking` are addresses and names of this host that it is not for; `warned` those at which laptops warn that trust nothing but the
    authority `since` that date, which has been replaced since. `begins` is the date of one that is not valid yet by this host's clock,
    `change_over_ends` that of the authority before, where it is near.
    """

    ends: str
    days: int
    private_ca: bool = True
    lacking: tuple[str, ...] = ()
    warned: tuple[str, ...] = ()
    since: str = ""
    begins: str = ""
    change_over_ends: str = ""


@dataclass(frozen=True)
class Posture:
    """What a server declares, or would.

    `exposed_paths` are files and folders of the kit that others can reach, as `(path, mode, owner)`, the owner empty where it is who
    runs the server; `missing_parts` are parts of the kit that could not be loaded; `token_length` is 0 without a token; `loopback` says
    whether only this machine reaches the listener, `replaced_by_socket` whether a UNIX socket takes the place of address and port.
    `open_to_any_network` and `every_proxy_named` say that `allow_networks` or `trusted_proxies` hold all of IPv4 or all of IPv6.
    `failed_extensions` are other packages' extensions that failed, and files that switch such on and cannot be used. `certificate` is
    how that of an instance stands, as far as it was looked at.
    """

    mode: Mode = Mode.MANAGED
    instance: str = "default"
    access: Access | None = Access.LAN
    loopback: bool = False
    replaced_by_socket: bool = False
    tls: bool = True
    plain_http_chosen: bool = False
    token_length: int = MIN_TOKEN_LENGTH
    hash_kind: HashKind = HashKind.ARGON2ID
    xsrf_checks_off: bool = False
    unauthenticated_access: bool = False
    allow_any_origin: bool = False
    password_change_in_page: bool = False
    trusts_any_proxy: bool = False
    every_proxy_named: bool = False
    open_to_any_network: bool = False
    as_root: bool = False
    root_allowed: bool = False
    exposed_paths: tuple[tuple[str, str, str], ...] = ()
    missing_parts: tuple[str, ...] = ()
    failed_extensions: tuple[FailedExtension | SkippedFile, ...] = ()
    certificate: ServedCertificate | None = None


@dataclass(frozen=True)
class Finding:
    """One row of the table that applies. `fix` is a command to paste, or `None` where nothing needs mending."""

    code: str
    severity: Severity
    message: Message
    fix: Message | None = None


def _paste(command: str) -> Message:
    """A fix that is a command and nothing else; it reads the same in every language."""
    return msg("{command}", command=command)


def _credential_findings(posture: Posture) -> Iterator[Finding]:
    password = _paste(own_command(posture.instance, "password"))
    token = _paste(own_command(posture.instance, "token"))
    has_token = posture.token_length >= MIN_TOKEN_LENGTH
    has_hash = posture.hash_kind in {HashKind.ARGON2ID, HashKind.WEAK_ARGON2ID}
    if posture.hash_kind is HashKind.OTHER:
        yield Finding("hash-not-argon2id", Severity.REFUSE, msg("The password hash is not an argon2id hash."), password)
    if posture.hash_kind is HashKind.BROKEN:
        yield Finding("hash-broken", Severity.REFUSE, msg("The password hash is damaged: no password can match it."), password)
    if posture.hash_kind is HashKind.WEAK_ARGON2ID:
        yield Finding("hash-weak", Severity.WARN, msg("The password hash is easier to crack than jupyter_server's default."), password)
    if 0 < posture.token_length < MIN_TOKEN_LENGTH:
        length, least = posture.token_length, MIN_TOKEN_LENGTH
        message = msg("The token has {length} characters; at least {least} are needed.", length=length, least=least)
        yield Finding("token-short", Severity.REFUSE, message, token)
    if not has_token and not has_hash:
        yield Finding("no-credentials", Severity.REFUSE, msg("Neither a token nor a password protects this server."), password)
    elif posture.hash_kind is HashKind.NONE and posture.access is not None and posture.access.needs_password:
        yield Finding("no-password", Severity.INFO, msg("No password is set: people sign in with the token."), password)


def _transport_findings(posture: Posture) -> Iterator[Finding]:
    clear = not posture.tls and posture.access is not Access.SSH
    if clear and not posture.plain_http_chosen:
        yield Finding(
            "plain-http",
            Severity.REFUSE,
            msg("Passwords and notebooks would travel over the network unencrypted, as plain HTTP."),
            _paste(own_command(posture.instance, "init")),
        )
    if clear and posture.plain_http_chosen:
        yield Finding(
            "plain-http-chosen",
            Severity.WARN,
            msg("Plain HTTP was chosen: anyone along the way can read and change what is sent."),
            _paste(own_command(posture.instance, "init --no-plain-http")),
        )
    if posture.access in {Access.SSH, Access.RELAY} and not posture.loopback:
        yield Finding(
            "bound-beyond-loopback",
            Severity.REFUSE,
            msg("With --access {access} the server must listen on loopback only.", access=posture.access.value if posture.access else ""),
            _paste(own_command(posture.instance, "init --ip 127.0.0.1")),
        )


def _network_findings(posture: Posture) -> Iterator[Finding]:
    if posture.every_proxy_named:
        yield Finding(
            "any-proxy-trusted",
            Severity.REFUSE,
            msg("Anyone could forge their own address: every peer is trusted as a proxy."),
            _paste(own_command(posture.instance, "init --trusted-proxy none")),
        )
    # A choice, as plain HTTP is one, and shown like it: one option less stands between a leaked password and a shell. A relay's clients
    # come from anywhere by its nature.
    if posture.open_to_any_network and posture.access is Access.LAN:
        yield Finding(
            "any-network-chosen",
            Severity.WARN,
            msg("Any network may connect: only the password and the token keep strangers out."),
            _paste(own_command(posture.instance, "init --allow-network default")),
        )


def _socket_findings(posture: Posture) -> Iterator[Finding]:
    if posture.replaced_by_socket:
        yield Finding(
            "socket-replaces-port",
            Severity.REFUSE,
            msg("ServerApp.sock would replace the address and port that the instance names."),
            msg("Remove ServerApp.sock from the configuration"),
        )


def _setting_findings(posture: Posture) -> Iterator[Finding]:
    table: tuple[tuple[bool, str, Message, Message], ...] = (
        (
            posture.xsrf_checks_off,
            "xsrf-checks-off",
            msg("XSRF checks are off: any web page could run code here through the browser."),
            msg("Remove ServerApp.disable_check_xsrf from the configuration"),
        ),
        (
            posture.unauthenticated_access,
            "unauthenticated-access",
            msg("Request handlers that declare no authentication would be open to anyone."),
            msg("Set ServerApp.allow_unauthenticated_access to False"),
        ),
        (
            posture.allow_any_origin,
            "any-origin",
            msg("Pages from any origin may use this server."),
            msg("Remove allow_origin='*' from the configuration"),
        ),
        (
            posture.password_change_in_page,
            "password-change-in-page",
            msg("The password could be changed from the login page by whoever holds the token."),
            msg("Set PasswordIdentityProvider.allow_password_change to False"),
        ),
        (
            posture.trusts_any_proxy,
            "any-proxy-trusted",
            msg("Anyone could forge their own address: every peer is trusted as a proxy."),
            msg("Remove ServerApp.trust_xheaders from the configuration"),
        ),
    )
    for applies, code, message, fix in table:
        if applies:
            yield Finding(code, Severity.REFUSE, message, fix)


def _machine_findings(posture: Posture) -> Iterator[Finding]:
    for path, mode, owner in posture.exposed_paths:
        if owner:
            message = msg("{path} belongs to another user ({owner}), who can read and change it.", path=path, owner=owner)
            # chmod would fail, and whoever owns a file can take its mode back.
            fix = _paste(f'sudo chown -R "$(id -u)" {shlex.quote(path)}')
        else:
            message = msg("Other users can read {path} (mode {mode}).", path=path, mode=mode)
            fix = _paste(f"chmod -R go= {shlex.quote(path)}")
        yield Finding("exposed-path", Severity.REFUSE, message, fix)
    for part in posture.missing_parts:
        yield Finding(
            "part-missing",
            Severity.REFUSE,
            msg("A part of the kit cannot be loaded: {part}.", part=part),
            _paste(invocation.reinstall()),
        )
    if posture.as_root and not posture.root_allowed:
        yield Finding(
            "as-root",
            Severity.REFUSE,
            msg("The server would run as root, and so would every notebook."),
            _paste(own_command(posture.instance, "up --allow-root")),
        )
    if posture.as_root and posture.root_allowed:
        yield Finding("as-root-chosen", Severity.WARN, msg("The server runs as root, and so does every notebook."))


def certificate_findings(instance: str, certificate: ServedCertificate | None) -> Iterator[Finding]:
    """Whether laptops take the certificate. It never keeps a server from starting: whoever knows its fingerprint can go on."""
    if certificate is None:
        return
    if certificate.private_ca:
        renewal = _paste(own_command(instance, "init"))
    else:
        renewal = msg("Renew it in its place; a running server takes the new one by itself.")
    if certificate.days < 0:
        yield Finding("certificate-expired", Severity.WARN, msg("The certificate has expired on {end}.", end=certificate.ends), renewal)
    elif certificate.days < TELL_DAYS:
        yield Finding("certificate-expires", Severity.WARN, msg("The certificate is valid until {end}.", end=certificate.ends), renewal)
    if certificate.begins:
        early = msg("The certificate is valid from {start} on, which has not come by this host's clock.", start=certificate.begins)
        yield Finding("certificate-early", Severity.WARN, early, msg("See whether the clock is right: date"))
    if certificate.lacking:
        yield Finding(
            "certificate-lacks",
            Severity.WARN,
            msg("The certificate is not for {hosts}: browsers warn there.", hosts=", ".join(certificate.lacking)),
            _paste(own_command(instance, "init --new-authority")),
        )
    yield from _change_over_findings(instance, certificate)


def _change_over_findings(instance: str, certificate: ServedCertificate) -> Iterator[Finding]:
    """Which laptops have to trust the authority that has taken the place of another."""
    if certificate.warned:
        yield Finding(
            "authority-changes",
            Severity.INFO,
            msg(
                "Laptops that trust only the authority of {since} warn at {hosts}; they have to trust the new one, too.",
                since=certificate.since,
                hosts=", ".join(certificate.warned),
            ),
            _paste(own_command(instance, "urls")),
        )
    if certificate.change_over_ends:
        last = msg(
            "Laptops that trust only the authority of {since} warn at every address from {end} on; they have to trust the new one, too.",
            since=certificate.since,
            end=certificate.change_over_ends,
        )
        yield Finding("authority-ends", Severity.WARN, last, _paste(own_command(instance, "urls")))


def _certificate_findings(posture: Posture) -> Iterator[Finding]:
    yield from certificate_findings(posture.instance, posture.certificate)


def extension_findings(failed: Iterable[FailedExtension | SkippedFile]) -> tuple[Finding, ...]:
    """They are not the kit's: the server is there without them. What one has done before it failed is in the rest of the posture."""
    return tuple(Finding("extension-failed", Severity.WARN, extension.message, extension.fix) for extension in failed)


def _extension_findings(posture: Posture) -> Iterator[Finding]:
    yield from extension_findings(posture.failed_extensions)


_RULES: tuple[Callable[[Posture], Iterator[Finding]], ...] = (
    _credential_findings,
    _transport_findings,
    _certificate_findings,
    _network_findings,
    _socket_findings,
    _setting_findings,
    _machine_findings,
    _extension_findings,
)


def check(posture: Posture) -> tuple[Finding, ...]:
    """The findings that apply to `posture`, in a fixed order.

    A managed server is refused when `refused` says so. An unmanaged one is told the same when it listens beyond loopback, as warnings;
    on loopback, and under JupyterHub, there is nothing to find.
    """
    if posture.mode is Mode.HUB or (posture.mode is Mode.UNMANAGED and posture.loopback):
        return ()
    findings = tuple(finding for rule in _RULES for finding in rule(posture))
    if posture.mode is Mode.UNMANAGED:
        return tuple(replace(finding, severity=Severity.WARN) if finding.severity is Severity.REFUSE else finding for finding in findings)
    return findings


def refused(findings: tuple[Finding, ...]) -> bool:
    """Whether one of the findings keeps a managed server from starting."""
    return any(finding.severity is Severity.REFUSE for finding in findings)
