"""`jupyter remotekit audit`: who came in, who was refused."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from datetime import datetime, timezone

from jupyter_remote_kit.commands.context import Context, dry_run_option, kit_command, one_of, option
from jupyter_remote_kit.errors import Problem, WrongUsage
from jupyter_remote_kit.host import paths
from jupyter_remote_kit.host.audit import AuditReader
from jupyter_remote_kit.messages import marked, msg
from jupyter_remote_kit.plan import audit
from jupyter_remote_kit.plan.layout import Layout
from jupyter_remote_kit.result import Line, Result, Stream

FIRST_SHOWN = 10
INSTALL, REMOVE = "--install-fail2ban", "--remove-fail2ban"


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
    if follow:
        return Stream("audit", _followed(context, layout, instance, begin))
    return _recorded(context, layout, instance, begin)


def _guard(said: Mapping[str, bool]) -> str | None:
    """The option about fail2ban, where one is given."""
    one_of((INSTALL, said["install_fail2ban"]), (REMOVE, said["remove_fail2ban"]))
    return INSTALL if said["install_fail2ban"] else REMOVE if said["remove_fail2ban"] else None


def _guarded(layout: Layout, instance: str, guard: str, *, dry_run: bool) -> Result:
    from jupyter_remote_kit.commands import banning  # subprocess and the rest: reading is quicker without

    return (banning.install if guard == INSTALL else banning.remove)(layout, instance, dry_run=dry_run)


def _recorded(context: Context, layout: Layout, instance: str, begin: str | None) -> Result:
    """What the files hold now."""
    with AuditReader(layout.audit_file(instance)) as reader:
        read = [audit.parse(line) for line in reader.lines()]
    unreadable = sum(happened is None for happened in read)
    events = list(audit.newer((happened for happened in read if happened is not None), begin))
    problems = (Problem("lines-unreadable", msg("Lines that cannot be read: {number}.", number=unreadable)),) if unreadable else ()
    data = {"instance": instance, "events": events}
    if not events:
        return Result("audit", data, (msg("Nothing is recorded for the instance {name!r}.", name=instance),), problems=problems)
    blocks = () if context.as_json else tuple(audit.shown(happened, context.translate) for happened in events)
    return Result("audit", data, blocks=blocks, problems=problems)


def _followed(context: Context, layout: Layout, instance: str, begin: str | None) -> Iterator[Line]:
    """What is recorded since `begin`, or the last ten events, and then whatever comes."""
    with AuditReader(layout.audit_file(instance)) as reader:
        recorded = audit.newer((happened for happened in map(audit.parse, reader.lines()) if happened is not None), begin)
        for happened in deque(recorded, maxlen=FIRST_SHOWN if begin is None else None):
            yield _line(context, happened)
        for line in reader.follow():
            happened_now = audit.parse(line) if line is not None else None
            if happened_now is not None:
                yield _line(context, happened_now)


def _line(context: Context, happened: dict[str, str | int]) -> Line:
    return Line(audit.shown(happened, context.translate), happened)
