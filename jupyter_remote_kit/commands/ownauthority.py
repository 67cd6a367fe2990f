"""`trust --here`: what a host says of its own private authority."""

from __future__ import annotations

from jupyter_remote_kit.commands import machine
from jupyter_remote_kit.errors import Failed
from jupyter_remote_kit.host import authorities, instances
from jupyter_remote_kit.host.files import file_fact
from jupyter_remote_kit.messages import msg
from jupyter_remote_kit.plan.authority import AuthorityFact, fingerprint
from jupyter_remote_kit.plan.commandline import own_command
from jupyter_remote_kit.plan.layout import Layout
from jupyter_remote_kit.result import Result
from jupyter_remote_kit.settings import DEFAULT_INSTANCE, Access, Settings


def show(layout: Layout, instance: str | None) -> Result:
    """The certificate, and what to compare. Raises `Failed` where no instance of this host has one."""
    _check_used(layout, instance)
    found = authorities.read(file_fact(layout.ca_certificate_file).content or b"")
    if not found:
        raise Failed.of(
            "authority-unreadable",
            msg("{path} holds no certificate in PEM form.", path=layout.ca_certificate_file),
            msg("{command}", command=own_command(instance or DEFAULT_INSTANCE, "init")),
        )
    fact = found[0]
    data = {
        "certificate": fact.pem,
        "fingerprint": fingerprint(fact.digest),
        "names": list(fact.names),
        "addresses": list(_addresses(fact)),
        "not_after": fact.not_after.isoformat(),
    }
    rows = (
        (msg("Names"), ", ".join((*fact.names, *_addresses(fact)))),
        (msg("Valid until"), f"{fact.not_after:%Y-%m-%d}"),
        (msg("SHA-256 fingerprint"), fingerprint(fact.digest)),
    )
    return Result("trust", data, (), rows, (fact.pem.rstrip(),))


def _addresses(fact: AuthorityFact) -> tuple[str, ...]:
    return tuple(network.rpartition("/")[0] for network in fact.networks)


def _check_used(layout: Layout, instance: str | None) -> None:
    """Raises `Failed` unless the named instance, or any where none is named, is served with the private authority."""
    found = _settings(layout, instance)
    if any(settings.private_ca for settings in found):
        return
    if not found:
        name = instance or DEFAULT_INSTANCE
        raise Failed.of(
            "no-authority",
            msg("There is no instance {name!r} on this host yet, and so no authority.", name=name),
            msg("{command}", command=own_command(name, "init")),
        )
    raise _unused(found[0])


def _settings(layout: Layout, instance: str | None) -> tuple[Settings, ...]:
    if instance is None:
        return machine.settings_of_others(layout, "")
    known = instances.load(layout, instance)
    return (known.settings,) if known else ()


def _unused(settings: Settings) -> Failed:
    if settings.access is Access.SSH:
        return Failed.of(
            "no-authority",
            msg(
                "The instance {name!r} is reached over ssh, which needs no certificate: there is no authority to trust.",
                name=settings.instance,
            ),
            msg("On the laptop: jupyter remotekit connect USER@HOST"),
        )
    if settings.certfile is not None:
        return Failed.of(
            "no-authority",
            msg(
                "The instance {name!r} has a certificate of your own, {file}, and no private authority.",
                name=settings.instance,
                file=settings.certfile,
            ),
            msg(
                "Laptops trust whoever has issued it, or not; for a private authority: {command}",
                command=own_command(settings.instance, "init --private-ca"),
            ),
        )
    return Failed.of(
        "no-authority",
        msg("The instance {name!r} is served without TLS.", name=settings.instance),
        msg("{command}", command=own_command(settings.instance, "init --no-plain-http")),
    )
