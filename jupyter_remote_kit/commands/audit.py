"""`jupyter remotekit audit`: who came in, who was refused."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from datetime import datetime, timezone

from jupyter_remote_kit.commands.context import Context, dry_run_option, kit_command, one_of, option
from jupyter_remote_kit.errors import Problem, WrongUsage
from jupyter_remote_kit.host import instances, paths
from jupyter_remote_kit.host.audit import AuditReader, is_there
from jupyter_remote_kit.messages import Message, marked, msg
from jupyter_remote_kit.plan import audit
from jupyter_remote_kit.plan.fail2ban import INSTALL, REMOVE
from jupyter_remote_kit.plan.layout import Layout
from jupyter_remote_kit.result import Line, Result, Stream

Event = dict[str, str | int]
FIRST_SHOWN = 10


@kit_command("audit", marked("Show who came in and who was refused."))
@option("--follow", "-f", is_flag=True, help=marked("Go on with what happens from now on, until you press Ctrl+C."))
@option("--since", metavar="WHEN", help=marked("From then on: a day (2026-11-20), a time (2026-11-20T18:30) or a span (30m, 2h, 7d)."))
@option(INSTALL, is_flag=True, help=marked("Have fail2ban shut out addresses that go on guessing; as root."))
@option(REMOVE, is_flag=True, help=marked("Take back what --install-fail2ban has written; as root."))
@dry_run_option
def command(context: Context, instance: str, follow: bool, since: str | None, **said: bool) -> Result | Stream:
    """Read the files that the server writes; it need not run."""
    layout = paths.layout()
    guard = _guard(said)
    if guard is not None:
        for reading in (("--follow", follow), ("--since", since)):
            one_of(reading, (guard, True))
        return _guarded(layout, instance, guard, dry_run=said["dry_run"])
    if said["dry_run"]:
        raise WrongUsage.of(
            "nothing-to-try", msg("Reading the audit changes nothing: --dry-run has nothing to show."), msg("Leave out --dry-run")
        )
    begin = audit.parse_since(since, datetime.now(timezone.utc)) if since is not None else None
    _check_exists(layout, instance)
    if follow:
        return Stream("audit", _followed(context, layout, instance, begin))
    return _recorded(layout, instance, begin) if context.as_json else Stream("audit", _printed(context, layout, instance, begin))


def _guard(said: Mapping[str, bool]) -> str | None:
    """The option about fail2ban, where one is given."""
    one_of((INSTALL, said["install_fail2ban"]), (REMOVE, said["remove_fail2ban"]))
    return INSTALL if said["install_fail2ban"] else REMOVE if said["remove_fail2ban"] else None


def _guarded(layout: Layout, instance: str, guard: str, *, dry_run: bool) -> Result:
    from jupyter_remote_kit.commands import banning  # subprocess and the rest: reading is quicker without

    return (banning.install if guard == INSTALL else banning.remove)(layout, instance, dry_run=dry_run)


def _recorded(layout: Layout, instance: str, begin: str | None) -> Result:
    """What the files hold now, as one object."""
    events: list[Event] = []
    unreadable = 0
    with AuditReader(layout.audit_file(instance)) as reader:
        for happened in audit.newer(map(audit.parse, reader.lines()), begin):
            if happened is None:
                unreadable += 1
            else:
                events.append(happened)
    messages = () if events else (_nothing(instance),)
    return Result("audit", {"instance": instance, "events": events}, messages, problems=_problems(unreadable))


def _printed(context: Context, layout: Layout, instance: str, begin: str | None) -> Iterator[Line]:
    """What the files hold now, line by line: they may be 50 MB."""
    unreadable, empty = 0, True
    with AuditReader(layout.audit_file(instance)) as reader:
        for happened in audit.newer(map(audit.parse, reader.lines()), begin):
            if happened is None:
                unreadable += 1
            else:
                empty = False
                yield _line(context, happened)
    if empty:
        yield Line(context.say(_nothing(instance)), {})
    if unreadable:
        context.emit(Result("audit", problems=_problems(unreadable)))


def _followed(context: Context, layout: Layout, instance: str, begin: str | None) -> Iterator[Line | None]:
    """What is recorded since `begin`, or the last ten events, and then whatever comes; `None` while nothing does."""
    with AuditReader(layout.audit_file(instance)) as reader:
        recorded = (happened for happened in audit.newer(map(audit.parse, reader.lines()), begin) if happened is not None)
        for happened in deque(recorded, maxlen=FIRST_SHOWN) if begin is None else recorded:
            yield _line(context, happened)
        for line in reader.follow():
            if line is None:
                yield None
            elif (happened_now := audit.parse(line)) is not None:
                yield _line(context, happened_now)


def _check_exists(layout: Layout, instance: str) -> None:
    """Refuse a name that no instance has; one that was removed by hand may have left its audit."""
    if not is_there(layout.audit_file(instance)):
        instances.require(layout, instance)


def _nothing(instance: str) -> Message:
    return msg("Nothing is recorded for the instance {name!r}.", name=instance)


def _problems(unreadable: int) -> tuple[Problem, ...]:
    return (Problem("lines-unreadable", msg("Lines that cannot be read: {number}.", number=unreadable)),) if unreadable else ()


def _line(context: Context, happened: Event) -> Line:
    return Line(audit.shown(happened, context.translate), happened)
