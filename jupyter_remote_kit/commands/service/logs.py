"""`jupyter remotekit service logs`: what the service has logged."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timezone
from typing import Any

import click

from jupyter_remote_kit.commands.context import Context, kit_command, option
from jupyter_remote_kit.commands.service import agent
from jupyter_remote_kit.commands.service.finding import installed, place_options, whose
from jupyter_remote_kit.host import systemd
from jupyter_remote_kit.messages import marked
from jupyter_remote_kit.plan import audit
from jupyter_remote_kit.plan.service import Place
from jupyter_remote_kit.plan.terminal import printable
from jupyter_remote_kit.result import Line, Stream

LINES = 100
# Of syslog(3), where an entry names none.
INFORMATIONAL = 6
_FIELDS = {"LOGGER": "logger", "CODE_FILE": "file", "CODE_LINE": "line", "_PID": "pid"}


@kit_command("logs", marked("Show what it has logged."))
@place_options
@option("--follow", "-f", is_flag=True, help=marked("Go on with what happens from now on, until you press Ctrl+C."))
@option("--lines", "-n", type=click.IntRange(min=0), metavar="NUMBER", help=marked("How many of the last lines; 100 by default."))
@option("--since", metavar="WHEN", help=marked("From then on: a day (2026-11-20), a time (2026-11-20T18:30) or a span (30m, 2h, 7d)."))
def command(context: Context, instance: str, system: bool, run_as: str | None, **said: Any) -> Stream:
    """Read the journal; it need not run."""
    words = [] if said["since"] is not None and said["lines"] is None else [f"--lines={LINES if said['lines'] is None else said['lines']}"]
    if said["since"] is not None:
        begin = audit.parse_since(said["since"], datetime.now(timezone.utc))
        words.append(f"--since=@{datetime.fromisoformat(begin).timestamp():.6f}")
    user = whose(run_as, system=system)
    agent.check_verb(instance, "logs")
    place = installed(instance, user, system=system)
    return Stream("service logs", _lines(place, words, follow=said["follow"]))


def _lines(place: Place, words: list[str], *, follow: bool) -> Iterator[Line | None]:
    if not follow:
        yield from map(_line, systemd.journal(place.scope, place.unit, *words))
        return
    for entry in systemd.follow(place.scope, place.unit, *words):
        yield _line(entry) if entry is not None else None


def _line(entry: dict[str, Any]) -> Line:
    """A line for people; the JSON object with `time`, `priority` (0, emergency, to 7, debug) and what is known of the place."""
    moment = datetime.fromtimestamp(_number(entry, "__REALTIME_TIMESTAMP", 0) / 1e6, timezone.utc)
    message = str(_last(entry.get("MESSAGE")) or "")
    data = {
        "time": moment.isoformat(timespec="milliseconds"),
        "priority": _number(entry, "PRIORITY", INFORMATIONAL),
        "message": message,
        **{name: _last(entry[field]) for field, name in _FIELDS.items() if field in entry},
    }
    # A traceback has lines of its own; nothing else in a message may drive a terminal.
    shown = "\n    ".join(printable(line) for line in message.split("\n"))
    return Line(f"{moment.astimezone():%Y-%m-%d %H:%M:%S} {shown}", data)


def _number(entry: dict[str, Any], field: str, otherwise: int) -> int:
    """Whatever runs in the unit may write to the journal, and put there what it likes."""
    try:
        return int(_last(entry.get(field)))
    except (TypeError, ValueError):
        return otherwise


def _last(value: Any) -> Any:  # noqa: ANN401  # a field as journalctl has it
    """A field that an entry has several times comes as a list."""
    return value[-1] if isinstance(value, list) and value else value
