"""`jupyter remotekit urls`: what to open where."""

from __future__ import annotations

import io
import shlex
import sys
from typing import Any

from jupyter_remote_kit.commands import machine
from jupyter_remote_kit.commands.context import Context, kit_command, option
from jupyter_remote_kit.errors import Problem
from jupyter_remote_kit.host import instances, paths
from jupyter_remote_kit.host.files import file_fact
from jupyter_remote_kit.messages import BLANK, Message, marked, msg
from jupyter_remote_kit.plan.authority import digests_of, fingerprint
from jupyter_remote_kit.plan.certificates import served
from jupyter_remote_kit.plan.commandline import own_command
from jupyter_remote_kit.plan.facts import Facts
from jupyter_remote_kit.plan.policy import certificate_findings
from jupyter_remote_kit.plan.posture import problem
from jupyter_remote_kit.plan.urls import Urls, bracketed, plan_urls
from jupyter_remote_kit.result import Result
from jupyter_remote_kit.settings import Access, Settings


@kit_command("urls", marked("Show the URLs for a browser, PyCharm and VS Code, and the plain ssh line."))
@option("--qr", is_flag=True, help=marked("Draw the first URL as a QR code, without the token."))
def command(context: Context, instance: str, qr: bool) -> Result:
    """Show every URL, the token among them: that is what this command is for."""
    layout = paths.layout()
    found = instances.require(layout, instance)
    facts = machine.gather(found.settings, own_certificate=False)
    running = machine.client(layout, instance).status()
    urls = plan_urls(found.settings, facts, found.credentials.token, running["base_url"] if running else "/")
    data: dict[str, Any] = {
        "instance": instance,
        "lab": list(urls.lab),
        "token": [url.reveal() for url in urls.token],
        "ssh": urls.ssh,
        "ca": str(layout.ca_certificate_file) if found.settings.private_ca else None,
    }
    problems = tuple(map(problem, certificate_findings(instance, served(found.settings, facts))))
    if not running:
        problems += (Problem("not-running", msg("The server is not running."), msg("{command}", command=own_command(instance, "up"))),)
    blocks = (qr_code(urls.lab[0]),) if qr else ()
    notes = trust_notes(found.settings, facts)
    return Result("urls", data, notes, rows(found.settings, urls, with_token=True), blocks, problems)


def rows(settings: Settings, urls: Urls, *, with_token: bool) -> tuple[tuple[Message, str], ...]:
    """The URLs as labelled lines; the label stands once for each kind."""
    lines: list[tuple[Message, str]] = []
    if settings.access is Access.SSH:
        lines.append((msg("First, on the laptop"), urls.ssh))
    lines += [(msg("JupyterLab") if first else BLANK, url) for first, url in _first(urls.lab)]
    if with_token:
        lines += [(msg("PyCharm, VS Code") if first else BLANK, url.reveal()) for first, url in _first(urls.token)]
    if settings.access is not Access.SSH:
        lines.append((msg("Over ssh"), urls.ssh))
    return tuple(lines)


def trust_notes(settings: Settings, facts: Facts) -> tuple[Message, ...]:
    """What a browser, PyCharm and VS Code need where the private CA is used."""
    if not settings.private_ca:
        return ()
    file = facts.layout.ca_certificate_file
    place = f"{facts.user}@{bracketed(next(iter((*facts.addresses, *facts.names)), 'HOST'))}"
    # As it is now: the facts may be older than an authority that was just made.
    digests = digests_of((file_fact(file).content or b"").decode(errors="replace"))
    shown = tuple(msg("  Its SHA-256 fingerprint: {fingerprint}", fingerprint=fingerprint(digest)) for digest in digests)
    return (
        msg("The certificate comes from a private authority of this host. On each laptop that has the kit:"),
        msg("  {command}", command=f"jupyter remotekit trust {shlex.quote(place)}"),
        *shown,
        msg("Without the kit, fetch it over ssh:"),
        msg("  {command}", command=f"scp {shlex.quote(f'{place}:{file}')} jupyter-remote-kit-ca.crt"),
        msg("  Browser: import the file as a trusted authority for web sites."),
        msg("  VS Code: start it with the variable NODE_EXTRA_CA_CERTS set to the file's path."),
        msg("  PyCharm: add the file under Settings, Tools, Server Certificates."),
    )


def qr_code(url: str) -> str:
    """`url` as a QR code, for a dark or a light terminal alike."""
    import segno

    text = io.StringIO()
    # Half blocks where the terminal has them; without them the code is twice as tall, and still a code.
    segno.make(url, error="l", micro=False).terminal(out=text, compact=_has_half_blocks())
    return text.getvalue().rstrip("\n")


def _has_half_blocks() -> bool:
    try:
        "\u2580".encode(sys.stdout.encoding if sys.stdout else "ascii")
    except UnicodeEncodeError:
        return False
    return True


def _first(items: tuple[Any, ...]) -> list[tuple[bool, Any]]:
    return [(position == 0, item) for position, item in enumerate(items)]
