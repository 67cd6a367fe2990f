"""Brings a laptop's stores to trust a host's private authority, or not to any more."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path

import click

from jupyter_remote_kit.commands import distant
from jupyter_remote_kit.commands.connecting.wish import Wish as Host
from jupyter_remote_kit.commands.context import Context
from jupyter_remote_kit.commands.trustreport import Outcome, announced, nothing_trusted, told, tried
from jupyter_remote_kit.errors import Failed, Problem
from jupyter_remote_kit.host import authorities, farend, paths, programs, room, trusted, truststores
from jupyter_remote_kit.messages import msg
from jupyter_remote_kit.plan import authority as authority_plan
from jupyter_remote_kit.plan import strangers
from jupyter_remote_kit.plan import trusted as record
from jupyter_remote_kit.plan.authority import Authority
from jupyter_remote_kit.plan.layout import Layout
from jupyter_remote_kit.plan.model import Run
from jupyter_remote_kit.plan.ssh import Platform
from jupyter_remote_kit.plan.trusted import Trusted
from jupyter_remote_kit.plan.truststores import Store, Wish, changes, obstacles
from jupyter_remote_kit.result import Result


@dataclass(frozen=True)
class Asking:
    """What the command line says of how it is done.

    `system`: root's store as well; `instance`: that server's of the host; `digest`: of the one authority that it may be.
    """

    yes: bool
    dry_run: bool
    system: bool
    instance: str | None = None
    digest: str | None = None


def install(context: Context, host: Host, asking: Asking) -> Result:
    """Fetch the authority, judge it, show it, ask, and put it into every store."""
    layout = paths.layout()
    _check_room(layout, asking)
    authority = _fetched(context, host, asking.instance)
    strangers.check(authority, host.name, asking.digest, asks=not asking.yes)
    before = trusted.read(layout)
    after = record.adding(before, authority, host.target.host, str(host.target))
    outcome = Outcome(host, layout, before, after, authority)
    return _bring_about(context, outcome, asking)


def remove(context: Context, host: Host, asking: Asking) -> Result:
    """Take what is known of the host out of every store; the host is not asked."""
    layout = paths.layout()
    _check_room(layout, asking)
    before = trusted.read(layout)
    known = record.of_host(before, str(host.target))
    if not known:
        return nothing_trusted(host, before)
    if len(known) > 1:
        names = ", ".join(name for entry in known for name in entry.hosts)
        raise Failed.of(
            "several-hosts",
            msg("This machine trusts several authorities of {host}: {hosts}.", host=host.name, hosts=names),
            msg("Name one of them"),
        )
    return _bring_about(context, Outcome(host, layout, before, record.removing(before, known)), asking)


def _check_room(layout: Layout, asking: Asking) -> None:
    """Raises `Failed` where the record of what is trusted could not be written, before the host is asked and a person is."""
    if not asking.dry_run:
        room.check((layout.trusted_dir,))


def _bring_about(context: Context, outcome: Outcome, asking: Asking) -> Result:
    """From the record as it is to be, to the stores."""
    outcome = _planned(outcome, asking)
    if asking.dry_run:
        return tried(outcome)
    asked = bool(outcome.steps) and not asking.yes
    if asked:
        context.emit(announced(outcome))
        question = msg("Trust it?") if outcome.authority else msg("Take it out of all of them?")
        if not click.confirm(context.say(question), err=True):
            raise click.Abort
    trusted.write(outcome.layout, outcome.before, outcome.after)
    return told(_settled(_changed(context, outcome)), asked=asked)


def _planned(outcome: Outcome, asking: Asking) -> Outcome:
    wish = outcome.wish
    stores = _stores(wish, system=asking.system)
    planned = changes(stores, wish)
    files = record.file_steps(outcome.after, outcome.layout, trusted.files(outcome.layout))
    return replace(
        outcome,
        steps=(*files, *(step for change in planned for step in change.steps)),
        changes=planned,
        left=obstacles(stores, wish, vital=False),
        failures=obstacles(stores, wish, vital=True),
        system=asking.system,
    )


def _changed(context: Context, outcome: Outcome) -> Outcome:
    """Change each store; what goes wrong with one is told, and the others go on."""
    done, problems = [], list(outcome.failures)
    for change in outcome.changes:
        step = change.steps[0]
        if isinstance(step, Run) and step.argv[0] == "sudo" and not context.as_json:
            context.emit(Result("trust", messages=(step.describe(),)))
        try:
            truststores.change(change)
        except Failed as error:
            problems += error.problems
        else:
            done.append(change.store.title)
    return replace(outcome, done=tuple(done), failures=tuple(problems))


def _settled(outcome: Outcome) -> Outcome:
    """Look at the stores again: forget what all have given up, and do not believe one that says it did what it was told."""
    if not outcome.changes and not outcome.withdrawn:
        return outcome
    stores = _stores(outcome.wish, system=True)
    kept = tuple(entry for entry in outcome.after if not (entry.withdrawn and _given_up(entry, stores, outcome.layout)))
    trusted.write(outcome.layout, outcome.after, kept)
    waiting = [change.store.title for change in changes(stores, outcome.wish)]
    unchanged = tuple(title for title in outcome.done if title in waiting)
    problems = tuple(Problem("store-unchanged", msg("{store} did as it was told, and is as before.", store=title)) for title in unchanged)
    done = tuple(title for title in outcome.done if title not in unchanged)
    return replace(outcome, done=done, failures=(*outcome.failures, *problems))


def _given_up(entry: Trusted, stores: Iterable[Store], layout: Layout) -> bool:
    wish = Wish(layout.trusted_dir, unwanted=(entry,))
    return not any(store.obstacle(wish) or store.steps(wish) for store in stores)


def _stores(wish: Wish, *, system: bool) -> tuple[Store, ...]:
    known = (*((wish.wanted,) if wish.wanted else ()), *wish.unwanted)
    return truststores.gather(known, Path.home(), _root(), system=system)


def _root() -> tuple[str, ...] | None:
    """The words before what root is to run; `None` where nobody can have root run anything."""
    if distant.PLATFORM is Platform.WINDOWS:
        return None
    from jupyter_remote_kit.commands.service import elevated  # Windows has no users as POSIX has them

    if elevated.is_root():
        return ()
    return elevated.sudo() if programs.find("sudo") else None


def _fetched(context: Context, host: Host, instance: str | None) -> Authority:
    """The host's authority, over ssh. Raises `Refused` for one that nobody is to trust."""
    named = ("--instance", instance) if instance else ()

    async def ask() -> tuple[distant.Reply, tuple[str, ...]]:
        async with distant.opened(context, host.target, host.options.profile_s) as line:
            reply = await distant.ask_kit(line, host.search, host.name, ("trust", "--here", "--json", *named))
            return reply, farend.known(host.target, line.pid)

    reply, known = distant.run(ask())
    sent = authority_plan.bounded(reply.data.get("certificate"), host.name)
    authority = authority_plan.accept(authorities.read(sent), host.name, datetime.now(timezone.utc))
    return strangers.judged(authority, strangers.known_as(known))
