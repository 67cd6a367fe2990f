"""`jupyter remotekit sessions`: who is signed in; end one session, or all."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from jupyter_remote_kit.commands import machine
from jupyter_remote_kit.commands.context import Context, dry_run_option, kit_command, one_of, option
from jupyter_remote_kit.commands.table import table
from jupyter_remote_kit.errors import Failed, WrongUsage
from jupyter_remote_kit.host import paths
from jupyter_remote_kit.messages import Message, marked, msg
from jupyter_remote_kit.plan.clients import described
from jupyter_remote_kit.plan.commandline import own_command
from jupyter_remote_kit.plan.terminal import printable
from jupyter_remote_kit.result import Result

_ID = re.compile(r"[0-9a-f]{8}")
WAYS = {"password": msg("password"), "token": msg("token"), "ticket": msg("one-time ticket")}
HEADINGS = (
    msg("Session"),
    msg("Signed in by"),
    msg("Address"),
    msg("Client"),
    msg("First seen"),
    msg("Last seen"),
    msg("Open connections"),
)


def _session_id(text: str, instance: str) -> str:
    if not _ID.fullmatch(text.strip().lower()):
        raise WrongUsage.of(
            "session-id",
            msg("{text!r} is not the id of a session.", text=text),
            msg("List them: {command}", command=own_command(instance, "sessions")),
        )
    return text.strip().lower()


@kit_command("sessions", marked("List who is signed in; end one session, or all."))
@option("--end", "end", metavar="ID", help=marked("End this session, and close what it has open."))
@option("--end-all", is_flag=True, help=marked("End every session; everybody signs in again."))
@dry_run_option
def command(context: Context, instance: str, end: str | None, end_all: bool, dry_run: bool) -> Result:
    """Ask the running server, through its control socket."""
    one_of(("--end", end), ("--end-all", end_all))
    end = _session_id(end, instance) if end is not None else None
    client = machine.client(paths.layout(), instance)
    with _not_running_said(instance):
        if end is None and not end_all:
            return _listed(context, instance, client.sessions())
        if dry_run:
            ended = [row for row in client.sessions() if end in {None, row["id"]}]
        else:
            ended = client.end_session(end) if end else client.end_sessions()
    if end and not ended:
        raise Failed.of(
            "no-session",
            msg("There is no session {id}; it may have ended.", id=end),
            msg("{command}", command=own_command(instance, "sessions")),
        )
    data = {"instance": instance, "ended": ended, "changed": bool(ended) and not dry_run}
    return Result("sessions", data, _told(instance, ended, end, dry_run))


def _told(instance: str, ended: list[dict[str, Any]], end: str | None, dry_run: bool) -> tuple[Message, ...]:
    if not ended:
        return (msg("Nobody is signed in."),)
    if dry_run:
        return (msg("The session {id} would end.", id=end) if end else msg("Every session would end ({count}).", count=len(ended)),)
    told = msg("The session {id} has ended.", id=end) if end else msg("Every session has ended ({count}).", count=len(ended))
    if all(row["way"] != "token" for row in ended):
        return (told,)
    # Ending its session takes nothing from somebody who has the token.
    kept_out = msg(
        "Whoever has the token signs in again without being asked; to keep them out: {command}", command=own_command(instance, "token")
    )
    return (told, kept_out)


@contextmanager
def _not_running_said(instance: str) -> Iterator[None]:
    """The client knows a socket; whoever types knows an instance."""
    try:
        yield
    except Failed as error:
        if error.problems[0].code != "not-running":
            raise
        raise Failed.of("not-running", msg("The server is not running."), msg("{command}", command=own_command(instance, "up"))) from error


def _listed(context: Context, instance: str, found: list[dict[str, Any]]) -> Result:
    data = {"instance": instance, "sessions": found}
    if not found:
        return Result("sessions", data, (msg("Nobody is signed in."),))
    columns = tuple(context.say(heading) for heading in HEADINGS)
    cells = [_cells(context, row) for row in found]
    if context.on_terminal:
        return Result("sessions", data, blocks=(table(columns, cells, right=(len(columns) - 1,)),))
    rows = tuple((heading, cell) for row in cells for heading, cell in zip(HEADINGS, row, strict=True))
    return Result("sessions", data, rows=rows)


def _cells(context: Context, row: dict[str, Any]) -> tuple[str, ...]:
    """One session as people read it. The client says what it likes of itself: nothing of that may move a cursor."""
    way = WAYS.get(row["way"])
    return (
        row["id"],
        context.say(way) if way else printable(row["way"]),
        printable(row["address"]) or "-",
        printable(described(row["client"])) or "-",
        _local(row["first_seen"]),
        _local(row["last_seen"]),
        str(row["websockets"]),
    )


def _local(moment: str) -> str:
    """An ISO 8601 time in UTC, in the terminal's time zone."""
    # Python 3.10 does not read the Z.
    return datetime.fromisoformat(moment.replace("Z", "+00:00")).astimezone().strftime("%Y-%m-%d %H:%M %z")
