"""`jupyter remotekit service logs`: what the service has logged."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timezone
from typing import Any

import click

from jupyter_remote_kit.commands.context import Context, kit_command, option
from jupyter_remote_kit.commands.service.finding import installed, system_option
from jupyter_remote_kit.host import systemd
from jupyter_remote_kit.messages import marked
from jupyter_remote_kit.plan import audit
from jupyter_remote_kit.plan.service import Place
from jupyter_remote_kit.plan.terminal import printable
from jupyter_remote_kit.result import Line, Stream

_FIELDS = {"LOGGER": "logger", "CODE_FILE": "file", "CODE_LINE": "line", "_PID": "pid"}


@kit_command("logs", marked("Show what it has logged."))
@system_option
@option("--follow", "-f", is_flag=True, help=marked("Go on with what happens from now on, until you press Ctrl+C."))
@option(
    "--lines", "-n", type=click.IntRange(min=0), default=100, metavar="NUMBER", help=marked("How many of the last lines; 100 by default.")
)
@option("--since", metavar="WHEN", help=marked("From then on: a day (2026-11-20), a time (2026-11-20T18:30) or a span (30m, 2h, 7d)."))
def command(context: Context, instance: str, system: bool, **said: Any) -> Stream:
    """Read the journal; it need not run."""
    place = installed(instance, "logs", system=system)
    words = [f"--lines={said['lines']}"]
    if said["since"] is not None:
        begin = audit.parse_since(said["since"], datetime.now(timezone.utc))
        words = [f"--since=@{datetime.fromisoformat(begin).timestamp():.6f}"]
    return Stream("service logs", _lines(place, words, follow=said["follow"]))


def _lines(place: Place, words: list[str], *, follow: bool) -> Iterator[Line | None]:
    if not follow:
        yield from map(_line, systemd.journal(place.scope, place.unit, *words))
        return
    for entry in systemd.follow(place.scope, place.unit, *words):
        yield _line(entry) if entry is not None else None


def _line(entry: dict[str, Any]) -> Line:
    """A line for people; the JSON object with `time`, `priority` (0, emergency, to 7, debug) and what is known of the place."""
    moment = datetime.fromtimestamp(int(entry.get("__REALTIME_TIMESTAMP") or 0) / 1e6, timezone.utc)
    message = str(entry.get("MESSAGE") or "")
    data = {
        "time": moment.isoformat(timespec="milliseconds"),
        "priority": int(entry.get("PRIORITY") or 6),
        "message": message,
        **{name: entry[field] for field, name in _FIELDS.items() if field in entry},
    }
    # A traceback has lines of its own; nothing else in a message may drive a terminal.
    shown = "\n    ".join(printable(line) for line in message.split("\n"))
    return Line(f"{moment.astimezone():%Y-%m-%d %H:%M:%S} {shown}", data)
