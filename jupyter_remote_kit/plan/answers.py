"""What was said this time, laid over what the instance is, laid over the defaults."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from jupyter_remote_kit.errors import Problem, Refused, RemoteKitError, WrongUsage
from jupyter_remote_kit.messages import Message, msg
from jupyter_remote_kit.plan.facts import Facts
from jupyter_remote_kit.settings import DEFAULT_INSTANCE, Access, Settings

ALL_INTERFACES = "0.0.0.0"  # noqa: S104  compared with and shown, never bound here
WILDCARDS = frozenset({"", ALL_INTERFACES, "::", "*"})


@dataclass(frozen=True)
class Answers:
    """The options of one command line, parsed; `None` where an option was not given.

    An empty tuple goes back to the default. `private_ca` asks to leave one's own certificate for the private CA again, `new_authority` for
    another private CA where the one that laptops trust is not for all addresses. `auto_port` leaves the port to the kit: whoever connects
    over ssh asks for it each time.
    """

    instance: str = DEFAULT_INSTANCE
    access: Access | None = None
    ip: str | None = None
    port: int | None = None
    auto_port: bool = False
    root_dir: Path | None = None
    language: str | None = None
    certfile: Path | None = None
    keyfile: Path | None = None
    private_ca: bool = False
    new_authority: bool = False
    allow_hosts: tuple[str, ...] | None = None
    plain_http: bool | None = None
    allow_root: bool | None = None
    allow_networks: tuple[str, ...] | None = None
    trusted_proxies: tuple[str, ...] | None = None
    session_days: int | None = None
    hsts: bool | None = None

    @property
    def named(self) -> bool:
        """Whether anything was said of the instance but its name."""
        return self != Answers(self.instance)

    def check(self) -> None:
        """Reject what argv alone suffices to reject. Raises `WrongUsage`."""
        if self.keyfile is not None and self.certfile is None:
            raise _contradiction("--keyfile", "--certfile", msg("A key needs its certificate: add --certfile CERT.pem"))
        if self.certfile is not None and self.plain_http:
            raise _contradiction("--plain-http", "--certfile", msg("Leave out one of the two"))
        if self.certfile is not None and self.private_ca:
            raise _contradiction("--private-ca", "--certfile", msg("Leave out one of the two"))
        if self.plain_http and self.private_ca:
            raise _contradiction("--private-ca", "--plain-http", msg("Leave out one of the two"))
        if self.new_authority and (self.certfile is not None or self.plain_http):
            raise _contradiction("--new-authority", "--certfile, --plain-http", msg("Leave out one of the two"))
        self._check_access()

    def _check_access(self) -> None:
        """Reject what does not go with `--access`."""
        if self.access is Access.SSH and (self.certfile or self.plain_http or self.private_ca):
            raise _contradiction("--access ssh", "--certfile, --plain-http", msg("ssh already encrypts: leave these options out"))
        if self.new_authority and self.access is Access.SSH:
            raise _contradiction("--access ssh", "--new-authority", msg("ssh already encrypts: leave these options out"))
        if self.auto_port and self.access not in {None, Access.SSH}:
            raise _unsteady_port(WrongUsage)
        if self.hsts and (self.access is Access.SSH or (self.access is Access.LAN and self.plain_http)):
            raise _no_hsts(WrongUsage)
        if self.access not in {None, Access.LAN} and self.ip is not None and not is_loopback(self.ip):
            raise _beyond_loopback(WrongUsage, self.access, self.ip)


def merge(answers: Answers, existing: Settings | None, *, home: Path, locale: str) -> Settings:
    """The settings that are meant. A first `init` serves the home directory in the terminal's language.

    Raises `Refused` when an answer does not go with what the instance already is.
    """
    answers.check()
    base = existing or Settings(root_dir=home, instance=answers.instance, language=locale)
    access = answers.access or base.access
    ip = base.ip if answers.access in {None, base.access} else access.default_ip
    if answers.ip is not None:
        ip = "" if answers.ip in WILDCARDS else answers.ip
    elif existing is None:
        ip = access.default_ip
    if access is Access.SSH and (answers.certfile or answers.plain_http or answers.private_ca):
        raise Refused.of(
            "contradiction",
            msg("The instance {name!r} is reached over ssh, which already encrypts.", name=base.instance),
            msg("Leave --certfile, --plain-http and --private-ca out, or add --access lan"),
        )
    if answers.auto_port and access is not Access.SSH:
        raise _unsteady_port(Refused)
    if access is not Access.LAN and not is_loopback(ip):
        raise _beyond_loopback(Refused, access, ip)
    plain_http = base.plain_http if answers.plain_http is None else answers.plain_http
    plain_http = plain_http and answers.certfile is None and not answers.private_ca and access is not Access.SSH
    # Through a relay the laptop speaks TLS even where we do not; a browser heeds HSTS over TLS alone (RFC 6797, 8.1).
    over_tls = access is Access.RELAY or (access is Access.LAN and not plain_http)
    if answers.hsts and not over_tls:
        raise _no_hsts(Refused)
    keeps_own = answers.certfile is None and not answers.private_ca and access is not Access.SSH and not answers.plain_http
    return replace(
        base,
        access=access,
        ip=ip,
        port=answers.port or base.port,
        root_dir=answers.root_dir or base.root_dir,
        language=answers.language or base.language,
        certfile=base.certfile if keeps_own else answers.certfile,
        keyfile=base.keyfile if keeps_own else answers.keyfile,
        allow_hosts=_list(answers.allow_hosts, base.allow_hosts),
        plain_http=plain_http,
        allow_root=base.allow_root if answers.allow_root is None else answers.allow_root,
        allow_networks=_list(answers.allow_networks, base.allow_networks),
        trusted_proxies=_list(answers.trusted_proxies, base.trusted_proxies),
        session_days=answers.session_days or base.session_days,
        hsts=over_tls and (base.hsts if answers.hsts is None else answers.hsts),
    )


def check_machine(settings: Settings, facts: Facts, before: Settings | None = None) -> None:
    """Refuse what this machine cannot serve: an address that it lacks, root without leave. Raises `Refused`.

    An address that the instance had `before` was this host's once, and comes again.
    """
    if lacks_address(settings, facts) and (before is None or before.ip != settings.ip):
        raise Refused.of("address-not-here", msg("This host does not have the address {ip}.", ip=settings.ip), _instead(facts))
    if facts.is_root and not settings.allow_root:
        raise Refused.of(
            "as-root",
            msg("The server would run as root, and so would every notebook."),
            msg("Run it as an ordinary user, or, in a rented container, add --allow-root"),
        )


def address_awaited(settings: Settings, facts: Facts) -> tuple[Problem, ...]:
    """What is said where an address is not there yet: DHCP and wireless networks may be later than a service."""
    if not lacks_address(settings, facts):
        return ()
    message = msg("This host does not have the address {ip} now: the server waits for it before it serves.", ip=settings.ip)
    return (Problem("address-awaited", message, _instead(facts)),)


def lacks_address(settings: Settings, facts: Facts) -> bool:
    """Whether the server is to listen on an address that is not this host's now."""
    chosen = settings.ip not in WILDCARDS and not is_loopback(settings.ip)
    return chosen and settings.ip not in {*facts.addresses, *facts.local_addresses}


def _instead(facts: Facts) -> Message:
    return msg("Use one of {addresses}, or --ip 0.0.0.0 for all of them", addresses=", ".join(facts.addresses) or "127.0.0.1")


@lru_cache(maxsize=256)
def is_loopback(ip: str) -> bool:
    """Whether only this machine reaches a listener on `ip`. A name counts only where its meaning is fixed (RFC 6761, 6.3)."""
    try:
        return ipaddress.ip_address(ip.partition("%")[0]).is_loopback
    except ValueError:
        name = ip.removesuffix(".").lower()
        return name == "localhost" or name.endswith(".localhost")


def _list(said: tuple[str, ...] | None, before: tuple[str, ...]) -> tuple[str, ...]:
    """A list of options takes the place of the one before, whole."""
    return before if said is None else tuple(dict.fromkeys(said))


def _unsteady_port(kind: type[RemoteKitError]) -> RemoteKitError:
    return kind.of(
        "contradiction",
        msg("--port auto may choose another port at each start, and every URL with it."),
        msg("Name the port, such as --port 8800, or add --access ssh"),
    )


def _no_hsts(kind: type[RemoteKitError]) -> RemoteKitError:
    return kind.of(
        "contradiction",
        msg("--hsts means nothing without TLS, which this server does not speak."),
        msg("Leave --hsts out"),
    )


def _contradiction(one: str, other: str, hint: Message) -> WrongUsage:
    return WrongUsage.of("contradiction", msg("{one} does not go with {other}.", one=one, other=other), hint)


def _beyond_loopback(kind: type[RemoteKitError], access: Access | None, ip: str) -> RemoteKitError:
    return kind.of(
        "bound-beyond-loopback",
        msg(
            "With --access {access} the server listens on loopback only, not on {ip}.",
            access=access.value if access else "",
            ip=ip or ALL_INTERFACES,
        ),
        msg("Leave --ip out, or use --access lan"),
    )
