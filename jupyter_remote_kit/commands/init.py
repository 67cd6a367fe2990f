"""`jupyter remotekit init`: decide and write everything."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click

from jupyter_remote_kit.commands import banning, freeport, machine
from jupyter_remote_kit.commands.context import Context, kit_command
from jupyter_remote_kit.commands.options import PasswordSource, instance_options, parse
from jupyter_remote_kit.errors import Problem, Refused, RemoteKitError, WrongUsage
from jupyter_remote_kit.host import apply as applying
from jupyter_remote_kit.host import facts as fact_gathering
from jupyter_remote_kit.host import files, instances, passwords, paths, room, runtimefolder, systemd
from jupyter_remote_kit.messages import Message, marked, msg
from jupyter_remote_kit.plan.answers import Answers, merge
from jupyter_remote_kit.plan.certificates import uncertified
from jupyter_remote_kit.plan.changes import digest, not_in_force, restart_needed, waiting_for_restart
from jupyter_remote_kit.plan.commandline import own_command
from jupyter_remote_kit.plan.facts import Facts
from jupyter_remote_kit.plan.init import plan_init, private_folders, secret_paths
from jupyter_remote_kit.plan.instance import Instance, as_data
from jupyter_remote_kit.plan.model import IssueLeaf, Plan
from jupyter_remote_kit.plan.passwords import check_password
from jupyter_remote_kit.plan.policy import Posture, check, refused
from jupyter_remote_kit.plan.posture import declared, shown
from jupyter_remote_kit.result import Result
from jupyter_remote_kit.secret import Secret
from jupyter_remote_kit.settings import Access, Credentials, Settings

Check = Callable[[Secret], None]
"""Raises `Refused` for a password that will not do."""

# In the place of a password that is asked for later; nothing of it is written.
_ANY_HASH = Secret(f"argon2:$argon2id$v=19$m=10240,t=10,p=8${'A' * 22}${'A' * 43}")


@dataclass(frozen=True)
class Prepared:
    """What `init` would do. `generated` is the password that was made up just now; `shown`: a person has seen the steps already."""

    settings: Settings
    credentials: Credentials
    facts: Facts
    plan: Plan
    existing: Instance | None = None
    generated: Secret | None = None
    shown: bool = False


@dataclass(frozen=True)
class Taken:
    """What was `done`, and what a running server made of it: what it has caught up on, and what waits for a restart, or for root."""

    done: Prepared
    messages: tuple[Message, ...] = ()
    problems: tuple[Problem, ...] = ()


Look = Callable[[Prepared], None]
"""Raises what would keep a command from doing what it was called for, once the questions are answered."""


@kit_command("init", marked("Decide and write everything: access, password, token, certificate, language."))
@instance_options
def command(context: Context, instance: str, yes: bool, dry_run: bool, **said: Any) -> Result:
    """Ask at most three things, show what will be written, write it."""
    answers, source = parse(instance, said)
    asking = context.interactive and not yes
    prepared = prepare(context, answers, source, ask=asking)
    if dry_run:
        return report("init", prepared, dry_run=True)
    taken = write(prepared, show=context.emit if asking else None)
    prepared = taken.done
    result = report("init", prepared, dry_run=False, shown_before=asking)
    messages = (*taken.messages, *(result.messages if prepared.plan.steps else ())) if taken.messages else result.messages
    return replace(result, messages=messages, problems=(*result.problems, *taken.problems))


def prepare(context: Context, answers: Answers, source: PasswordSource, *, ask: bool, look: Look | None = None) -> Prepared:
    """Gather the facts and make the plan. Raises `Refused` or `WrongUsage` where that cannot be, and what `look` raises.

    Whatever can refuse is looked at before the first question; what hangs on how the host is reached as soon as that is known.
    """
    layout = paths.layout()
    # A server that may be running there is told of what is written, and none is served from there.
    runtimefolder.check(layout.runtime_dir)
    existing = instances.load(layout, answers.instance)
    if ask and existing is None and answers.access is None:
        _try_each_access(answers, look)
        answers = _ask_access(context, answers)
    tried = _tried(answers, existing, look)
    if ask and existing is not None and not answers.new_authority:
        answers = _ask_authority(context, answers, tried)
    settings, facts = tried.settings, tried.facts
    others = machine.settings_of_others(layout, answers.instance)

    def good(password: Secret) -> None:
        check_password(password, facts.user, facts.names)

    password = _password(context, settings, existing.credentials.hashed_password if existing else None, source, good if ask else None)
    if password is not None:
        good(password)
    if ask and existing is None and answers.language is None:
        settings = replace(settings, language=_ask_language(context, settings.language))
    credentials = _credentials(existing, password)
    plan = plan_init(settings, credentials, facts, existing=existing, others=others, new_authority=answers.new_authority)
    return Prepared(settings, credentials, facts, plan, existing, password if source.generate else None)


def _try_each_access(answers: Answers, look: Look | None) -> None:
    """Raises what keeps the host from being reached in any way that could be chosen."""
    errors: list[RemoteKitError] = []
    for access in Access:
        try:
            _tried(replace(answers, access=access), None, look)
        except RemoteKitError as error:
            errors.append(error)
    if len(errors) == len(Access):
        raise errors[0]


def _tried(answers: Answers, existing: Instance | None, look: Look | None) -> Prepared:
    """What would be done with some good password. Raises whatever would refuse it."""
    layout, before = paths.layout(), existing.settings if existing else None
    settings = merge(answers, before, home=Path.home(), locale=fact_gathering.locale(os.environ))
    others = machine.settings_of_others(layout, answers.instance)
    if answers.auto_port:
        settings = replace(settings, port=freeport.choose(settings, before, others, layout))
    facts = machine.gather(settings)
    kept = existing.credentials if existing else None
    hashed = kept.hashed_password if kept else None
    token = kept.token if kept else passwords.generate_token()
    credentials = Credentials(token, hashed or (_ANY_HASH if settings.access.needs_password else None))
    plan = plan_init(settings, credentials, facts, existing=existing, others=others, new_authority=answers.new_authority)
    tried = Prepared(settings, credentials, facts, plan, existing)
    if tried.plan.steps:
        room.check(private_folders(settings, layout))
    if look is not None:
        look(tried)
    return tried


def write(prepared: Prepared, show: Callable[[Result], None] | None = None) -> Taken:
    """Apply the plan and let running servers take what they can.

    Also without a step: what was written before may not have reached a server that hung.

    `show` is handed the steps before the first is taken.
    """
    plan, settings = prepared.plan, prepared.settings
    if plan.steps and show:
        show(Result("init", messages=(msg("This will be done:"), *_lines(plan))))
    try:
        applying.apply(plan, layout=prepared.facts.layout, instance=settings.instance, now=prepared.facts.now)
    except applying.ChangedMeanwhile:
        again = _planned_again(prepared)
        if again is None:
            raise
        return write(again)
    with machine.password_told(prepared.generated):
        _renew_others(prepared)
        try:
            taken = _tell_running(prepared)
        except RemoteKitError as error:
            raise not_in_force(settings.instance, error) from error
        return replace(taken, problems=(*taken.problems, *banning.outdated(prepared.facts.layout, settings)))


def _planned_again(prepared: Prepared) -> Prepared | None:
    """What is to be done once another instance has made the authority of all; `None` where this instance itself was changed."""
    settings, layout, before = prepared.settings, prepared.facts.layout, prepared.existing
    now = instances.load(layout, settings.instance)
    if (now and now.digest) != (before and before.digest):
        return None
    facts = machine.gather(settings)
    others = machine.settings_of_others(layout, settings.instance)
    return replace(prepared, facts=facts, plan=plan_init(settings, prepared.credentials, facts, existing=before, others=others))


def _renew_others(prepared: Prepared) -> None:
    """Let the servers of the other instances take the certificates that a new authority has issued to them."""
    layout = prepared.facts.layout
    issued = {step.leaf_file for step in prepared.plan.steps if isinstance(step, IssueLeaf)}
    for name in machine.others(layout, prepared.settings.instance):
        client = machine.client(layout, name)
        # One that hangs looks for itself once it goes on.
        with suppress(RemoteKitError):
            if layout.leaf_file(name) in issued and client.status() is not None:
                client.reload_certificate()


def _tell_running(prepared: Prepared) -> Taken:
    """What is in force is compared with what is written, not with what was written before."""
    settings = prepared.settings
    client = machine.client(prepared.facts.layout, settings.instance)
    running = client.status()
    if running is None:
        return Taken(prepared)
    existing = prepared.existing
    has, credentials = machine.in_force(running, existing.settings if existing else settings)
    if settings.tls and running["scheme"] == "https":
        # Also without a step: one's own certificate is renewed by others.
        client.reload_certificate()
    changed = existing is None or prepared.credentials != existing.credentials
    behind = credentials is not None and credentials != digest(prepared.credentials)
    if changed or behind:
        client.reload_credentials()
    caught_up = msg("The running server had another password or token than its file; it has taken that up, and every session has ended.")
    waiting = waiting_for_restart(has, settings)
    service = systemd.unit_of(running["pid"]) is not None
    return Taken(
        prepared,
        (caught_up,) if behind and not changed else (),
        (restart_needed(settings.instance, waiting, service=service),) if waiting else (),
    )


def report(name: str, prepared: Prepared, *, dry_run: bool, shown_before: bool = False) -> Result:
    """What was written, or would be; nothing to do is said as well. Steps that were shown before are not listed again."""
    layout, instance = prepared.facts.layout, prepared.settings.instance
    steps = _lines(prepared.plan)
    findings = check(_posture(prepared, written=not dry_run))
    data: dict[str, Any] = {
        "instance": instance,
        "changed": bool(steps),
        "dry_run": dry_run,
        "steps": [str(step.describe()) for step in prepared.plan.steps],
        "file": str(layout.instance_file(instance)),
        "settings": as_data(prepared.settings),
    }
    messages: tuple[Message, ...]
    if steps and shown_before:
        messages = (msg("Done."),)
    elif steps:
        messages = (msg("This would be done:") if dry_run else msg("This was done:"), *steps)
    else:
        messages = (msg("Nothing to do."),) if refused(findings) else (msg("Nothing to do: everything is as it should be."),)
    if prepared.generated and not dry_run:
        data["password"] = prepared.generated.reveal()
        messages += (msg("The password, shown this once: {password}", password=prepared.generated.reveal()),)
    return Result(name, data, messages, problems=(*prepared.plan.findings, *shown(findings)))


def _lines(plan: Plan) -> tuple[Message, ...]:
    return tuple(msg("  {step}", step=step.describe()) for step in plan.steps)


def _posture(prepared: Prepared, *, written: bool) -> Posture:
    """The posture that was declared; once it is written, with what others can read of it."""
    exposed = files.exposed(secret_paths(prepared.settings, prepared.facts.layout)) if written else ()
    return declared(prepared.settings, prepared.credentials, as_root=prepared.facts.is_root, exposed_paths=exposed)


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
        return source.read_stdin(own_command(settings.instance, "init --generate-password"))
    if kept is not None or not (source.generate or settings.access.needs_password):
        return None
    if source.generate:
        return passwords.generate_password()
    if check is not None:
        return ask_password(context, check)
    raise WrongUsage.of(
        "password-option-missing",
        msg("--access {access} needs a password; without a terminal, or with --yes, nobody is asked.", access=settings.access.value),
        msg("Add --generate-password, or pipe it in with --password-stdin"),
    )


def ask_password(context: Context, check: Check) -> Secret:
    """Ask on the terminal, twice and without echo, until `check` has nothing against it."""
    while True:
        text = click.prompt(
            context.say(msg("Sign-in password (at least 8 characters)")),
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


def _ask_authority(context: Context, answers: Answers, tried: Prepared) -> Answers:
    """Laptops trust the authority: it is replaced when its user says so."""
    hosts = uncertified(tried.settings, tried.facts)
    if not hosts:
        return answers
    question = msg(
        "The private authority, which laptops trust, is not for {hosts}. Make a new one? Laptops go on at the other addresses, and warn at"
        " these until they trust it.",
        hosts=", ".join(hosts),
    )
    return replace(answers, new_authority=click.confirm(context.say(question), default=False, err=True))


def _ask_language(context: Context, default: str) -> str:
    chosen: str = click.prompt(
        context.say(msg("Language of the interface")),
        type=click.Choice(["en", "zh_CN"]),
        default=default if default == "zh_CN" else "en",
        err=True,
    )
    return chosen
