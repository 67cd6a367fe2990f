"""`jupyter remotekit init`: decide and write everything."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click

from jupyter_remote_kit.commands import machine
from jupyter_remote_kit.commands.context import Context, kit_command
from jupyter_remote_kit.commands.options import PasswordSource, instance_options, parse
from jupyter_remote_kit.errors import Refused, WrongUsage
from jupyter_remote_kit.host import apply as applying
from jupyter_remote_kit.host import facts as fact_gathering
from jupyter_remote_kit.host import passwords, paths
from jupyter_remote_kit.messages import Message, marked, msg
from jupyter_remote_kit.plan.answers import Answers, merge
from jupyter_remote_kit.plan.facts import Facts
from jupyter_remote_kit.plan.init import managed_paths, plan_init
from jupyter_remote_kit.plan.instance import Instance
from jupyter_remote_kit.plan.model import Plan
from jupyter_remote_kit.plan.passwords import check_password
from jupyter_remote_kit.plan.policy import check
from jupyter_remote_kit.plan.posture import declared, shown
from jupyter_remote_kit.result import Result
from jupyter_remote_kit.secret import Secret
from jupyter_remote_kit.settings import Access, Credentials, Settings

Check = Callable[[Secret], None]
"""Raises `Refused` for a password that will not do."""


@dataclass(frozen=True)
class Prepared:
    """What `init` would do, not yet done. `generated` is the password that was made up just now."""

    settings: Settings
    credentials: Credentials
    facts: Facts
    plan: Plan
    generated: Secret | None = None


@kit_command("init", marked("Decide and write everything: access, password, token, certificate, language."))
@instance_options
def command(context: Context, instance: str, yes: bool, dry_run: bool, **said: Any) -> Result:
    """Ask at most three things, show what will be written, write it."""
    answers, source = parse(instance, said)
    prepared = prepare(context, answers, source, ask=context.interactive and not yes)
    if not dry_run:
        write(prepared)
    return report("init", prepared, dry_run=dry_run)


def prepare(context: Context, answers: Answers, source: PasswordSource, *, ask: bool) -> Prepared:
    """Gather the facts and make the plan. Raises `Refused` or `WrongUsage` where that cannot be."""
    layout = paths.layout()
    existing = machine.load(layout, answers.instance)
    locale = fact_gathering.locale(os.environ)
    if ask and existing is None:
        answers = _ask_access(context, answers)
    settings = merge(answers, existing.settings if existing else None, home=Path.home(), locale=locale)
    facts = gather(settings)

    def good(password: Secret) -> None:
        check_password(password, facts.user, facts.names)

    password = _password(context, settings, existing.credentials.hashed_password if existing else None, source, good if ask else None)
    if password is not None:
        good(password)
    if ask and existing is None and answers.language is None:
        settings = replace(settings, language=_ask_language(context, settings.language))
    hosts = machine.shared_hosts(layout, machine.others(layout, answers.instance))
    credentials = _credentials(existing, password)
    plan = plan_init(settings, credentials, facts, existing=existing, shared_hosts=hosts)
    return Prepared(settings, credentials, facts, plan, password if source.generate else None)


def gather(settings: Settings) -> Facts:
    """The facts that the plan of `settings` reads."""
    layout = paths.layout()
    return fact_gathering.gather(
        layout,
        paths=(*managed_paths(settings, layout), settings.root_dir),
        instance=settings.instance,
        root_dir=settings.root_dir,
        certfile=settings.certfile,
        keyfile=settings.keyfile,
    )


def write(prepared: Prepared) -> None:
    """Apply the plan, and let a running server take a renewed certificate."""
    if not prepared.plan.steps:
        return
    applying.apply(prepared.plan, layout=prepared.facts.layout, instance=prepared.settings.instance, now=prepared.facts.now)
    client = machine.client(prepared.facts.layout, prepared.settings.instance)
    if prepared.settings.tls and client.status() is not None:
        client.reload_certificate()


def report(name: str, prepared: Prepared, *, dry_run: bool) -> Result:
    """What was written, or would be; nothing to do is said as well."""
    layout, instance = prepared.facts.layout, prepared.settings.instance
    steps = tuple(step.describe() for step in prepared.plan.steps)
    head = msg("This would be done:") if dry_run else msg("This was done:")
    messages = (head, *(msg("  {step}", step=step) for step in steps)) if steps else (msg("Nothing to do: everything is as it should be."),)
    posture = declared(prepared.settings, prepared.credentials, as_root=prepared.facts.is_root)
    data: dict[str, Any] = {
        "instance": instance,
        "changed": bool(steps),
        "dry_run": dry_run,
        "steps": [str(step) for step in steps],
        "file": str(layout.instance_file(instance)),
        "settings": _settings_data(prepared.settings),
    }
    if prepared.generated and not dry_run:
        data["password"] = prepared.generated.reveal()
        messages += (msg("The password, shown this once: {password}", password=prepared.generated.reveal()),)
    return Result(name, data, messages, problems=(*prepared.plan.findings, *shown(check(posture))))


def _settings_data(settings: Settings) -> dict[str, Any]:
    return {
        "access": settings.access.value,
        "ip": settings.ip or "0.0.0.0",  # noqa: S104
        "port": settings.port,
        "scheme": settings.scheme,
        "root_dir": str(settings.root_dir),
        "language": settings.language,
        "certfile": str(settings.certfile) if settings.certfile else None,
        "allow_hosts": list(settings.allow_hosts),
    }


def _credentials(existing: Instance | None, password: Secret | None) -> Credentials:
    """The ones there are, with a new hash where a new password was given."""
    kept = existing.credentials if existing else Credentials(passwords.generate_token())
    if password is None or (kept.hashed_password and passwords.verify_password(kept.hashed_password, password)):
        return kept
    return Credentials(kept.token, passwords.hash_password(password))


def _password(context: Context, settings: Settings, kept: Secret | None, source: PasswordSource, check: Check | None) -> Secret | None:
    """A new password, or `None` where none is needed or the one that is set (`kept` is its hash) stays.

    With `check` a person is asked until it passes.
    """
    if source.from_stdin:
        return source.read_stdin()
    if kept is not None or not (source.generate or settings.access.needs_password):
        return None
    if source.generate:
        return passwords.generate_password()
    if check is not None:
        return ask_password(context, check)
    raise WrongUsage.of(
        "password-option-missing",
        msg("--access {access} needs a password, and there is no terminal to ask for one.", access=settings.access.value),
        msg("Add --generate-password, or pipe it in with --password-stdin"),
    )


def ask_password(context: Context, check: Check) -> Secret:
    """Ask on the terminal, twice and without echo, until `check` has nothing against it."""
    while True:
        text = click.prompt(
            context.say(msg("Password to sign in with (at least 8 characters)")),
            hide_input=True,
            confirmation_prompt=context.say(msg("Repeat the password")),
            err=True,
        )
        try:
            check(Secret(text))
        except Refused as refusal:
            context.emit(Result("init", problems=refusal.problems))
        else:
            return Secret(text)


def _ask_access(context: Context, answers: Answers) -> Answers:
    if answers.access is not None:
        return answers
    question: Message = msg("How does the laptop reach this host: over the network (lan), over ssh, or through a relay?")
    chosen = click.prompt(context.say(question), type=click.Choice([access.value for access in Access]), default=Access.LAN.value, err=True)
    asked = replace(answers, access=Access(chosen))
    asked.check()
    return asked


def _ask_language(context: Context, default: str) -> str:
    chosen: str = click.prompt(
        context.say(msg("Language of the interface")),
        type=click.Choice(["en", "zh_CN"]),
        default=default if default == "zh_CN" else "en",
        err=True,
    )
    return chosen
