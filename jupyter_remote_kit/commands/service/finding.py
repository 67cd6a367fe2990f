"""Which service a verb is about, and what systemd and its journal say of it."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable

from jupyter_remote_kit import grammar
from jupyter_remote_kit.commands.context import Decorated, Parsed, option
from jupyter_remote_kit.errors import Failed, Problem, Refused, WrongUsage
from jupyter_remote_kit.host import paths, services, surroundings, systemd, whoami
from jupyter_remote_kit.host.surroundings import Surroundings
from jupyter_remote_kit.messages import Message, marked, msg
from jupyter_remote_kit.plan.commandline import own_command
from jupyter_remote_kit.plan.refusal import parse_line
from jupyter_remote_kit.plan.service import Place, command_for
from jupyter_remote_kit.plan.terminal import printable
from jupyter_remote_kit.plan.units import Scope

CONFIGURATION = 78
_LAST_LINES = 5

_system_option: Callable[[Decorated], Decorated] = option(
    "--system", is_flag=True, help=marked("A service of the machine rather than of your own systemd; needs root.")
)
_run_as_option: Callable[[Decorated], Decorated] = option(
    "--run-as",
    type=Parsed("user", grammar.user_name),
    metavar="USER",
    help=marked("With --system: whose server it is; you by default."),
)


def place_options(function: Decorated) -> Decorated:
    """`--system` and `--run-as`, of every verb that people use."""
    return _system_option(_run_as_option(function))


def whose(run_as: str | None, *, system: bool) -> str:
    """Whose server it is: never root's by accident, who may only have typed sudo. Raises `WrongUsage` for `--run-as` alone."""
    if run_as and not system:
        raise WrongUsage.of("contradiction", msg("--run-as needs --system."), msg("Add --system, or leave out --run-as"))
    typed_sudo = os.environ.get("SUDO_USER") if system and os.geteuid() == 0 else None
    return run_as or typed_sudo or whoami.user_name()


def check_systemd(instance: str) -> None:
    """Raises `Failed` where no systemd runs, with what works there instead."""
    if systemd.booted():
        return
    detached = own_command(instance, "up --detach")
    found = surroundings.here()
    if found is Surroundings.WSL:
        raise Failed.of(
            "no-systemd",
            msg("systemd does not run in this WSL."),
            msg(
                "Put systemd=true below [boot] in /etc/wsl.conf and run in Windows: wsl --shutdown; or without it: {command}",
                command=detached,
            ),
        )
    container = msg("systemd does not run in this container.")
    sentence = container if found is Surroundings.CONTAINER else msg("systemd does not run on this machine.")
    raise Failed.of("no-systemd", sentence, msg("{command}", command=detached))


def installed(instance: str, user: str, *, system: bool) -> Place:
    """The installed service of that instance of `user`; with `system` that of the machine's manager.

    Raises `Failed` when there is none, or no systemd.
    """
    check_systemd(instance)
    found = [place for place in services.installed(instance, paths.layout(), user) if place.scope is Scope.SYSTEM or not system]
    if found:
        return found[0]
    option = f" --system --run-as {shlex.quote(user)}" if user != whoami.user_name() else " --system" if system else ""
    raise Failed.of(
        "no-service",
        msg("The instance {name!r} is not installed as a service.", name=instance),
        msg("{command}", command=own_command(instance, f"service install{option}")),
    )


def scope_words(place: Place) -> Message:
    """Whose manager it is, for people."""
    return msg("system service") if place.scope is Scope.SYSTEM else msg("user service")


def why_not(place: Place) -> Failed | Refused:
    """Why the service does not run: what it said at its last start."""
    said = systemd.properties(place.scope, place.unit, "InvocationID", "ExecMainStatus", "Result", "LoadState")
    if said.get("LoadState") != "loaded":
        return Failed(not_loaded(place, said.get("LoadState") or "?"))
    lines = [printable(line) for line in _said(place, said.get("InvocationID", ""))]
    findings = [found for found in map(parse_line, lines) if found]
    if findings:
        problems = [Problem(code, _verbatim(text), _verbatim(fix) if fix else None) for code, text, fix in findings]
        return Refused(*problems) if said.get("ExecMainStatus") == str(CONFIGURATION) else Failed(*problems)
    last = " / ".join(lines[-_LAST_LINES:]) or said.get("Result", "?")
    hint = msg("{command}", command=command_for(place, "service logs", whoami.user_name()))
    return Failed.of("not-started", msg("{unit} does not run: {reason}", unit=place.unit, reason=last), hint)


def not_loaded(place: Place, state: str) -> Problem:
    """systemd cannot use the unit, or has been told not to."""
    manager = "--user " if place.scope is Scope.USER else ""
    if state == "masked":
        root = "sudo " if place.scope is Scope.SYSTEM and os.geteuid() != 0 else ""
        unmask = msg("{command}", command=f"{root}systemctl {manager}unmask {place.unit}")
        return Problem("unit-masked", msg("{unit} is masked.", unit=place.unit), unmask)
    hint = msg("systemd-analyze {manager}verify {path}", manager=manager, path=shlex.quote(str(place.unit_file)))
    return Problem("unit-not-loaded", msg("systemd cannot load {unit} ({state}).", unit=place.unit, state=state), hint)


def _said(place: Place, invocation: str) -> list[str]:
    """What the last start printed; nothing where this user may not read the journal."""
    try:
        entries = systemd.journal(place.scope, place.unit, f"_SYSTEMD_INVOCATION_ID={invocation}") if invocation else []
    except Failed:
        return []
    return [line for entry in entries for line in str(entry.get("MESSAGE") or "").splitlines() if line.strip()]


def _verbatim(text: str) -> Message:
    return msg("{text}", text=text)
