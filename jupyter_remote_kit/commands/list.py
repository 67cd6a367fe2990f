"""`jupyter remotekit list`: the servers that run, on this host, or, from a laptop, on all hosts that it knows."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from jupyter_remote_kit import invocation
from jupyter_remote_kit.commands.context import Context, Parsed, option, plain_command
from jupyter_remote_kit.commands.hostname import HOST
from jupyter_remote_kit.commands.table import table
from jupyter_remote_kit.errors import ExitCode, WrongUsage
from jupyter_remote_kit.messages import marked, msg
from jupyter_remote_kit.plan import report
from jupyter_remote_kit.plan.report import Report, Server
from jupyter_remote_kit.result import Result

if TYPE_CHECKING:
    from jupyter_remote_kit.commands.survey import Found

CONNECT_S = 3
MAX_CONNECT_S = 120

HEADINGS = (msg("Host"), msg("Server"), msg("State"), msg("Kernels"), msg("Up for"), msg("GPUs"), msg("Load"), msg("Folder"))
KERNELS = 3
STATES = {"running": msg("running"), "starting": msg("starting"), "hung": msg("hung")}


def _seconds(text: str) -> int:
    if text.isascii() and text.isdigit() and len(text) <= len(str(MAX_CONNECT_S)) and 1 <= int(text) <= MAX_CONNECT_S:
        return int(text)
    raise WrongUsage.of(
        "timeout",
        msg("{text!r} is not a number of seconds to wait.", text=text),
        msg("Use 1 to {most}, such as --timeout 10", most=MAX_CONNECT_S),
    )


@plain_command("list", marked("Show the servers that run: here, or from a laptop on all the hosts that it knows."))
@click.argument("hosts", type=HOST, metavar="[[USER@]HOST]...", nargs=-1)
@option("--here", is_flag=True, help=marked("This host alone, as its own kit sees it."))
@option(
    "--timeout",
    type=Parsed("seconds", _seconds),
    default=CONNECT_S,
    metavar="SECONDS",
    help=marked("How long a host may take to answer ssh; 3 by default."),
)
def command(context: Context, hosts: tuple[str, ...], here: bool, timeout: int) -> Result:
    """Ask what runs."""
    if not here:
        return _there(context, hosts, timeout)
    if hosts:
        raise WrongUsage.of(
            "contradiction", msg("{one} does not go with {other}.", one="--here", other=hosts[0]), msg("Leave out one of the two")
        )
    from jupyter_remote_kit.commands import here as this_host  # with a host's own parts, which a laptop may lack

    data = this_host.servers_here()
    return _shown(context, data, _cells(context, data["hostname"], report.parse(data)))


def _there(context: Context, hosts: tuple[str, ...], connect_s: int) -> Result:
    """All at once; on a terminal each is shown as it comes."""
    from jupyter_remote_kit.commands import distant, survey  # which a host has no need of

    known = survey.known(hosts)
    if not known:
        nothing = msg("No host is known yet. Connect to one: {command}", command=invocation.command("connect alice@gpu.example.org"))
        return Result("list", {"hosts": []}, (nothing,))
    # A person who has named one host answers what ssh asks.
    batch = len(known) > 1 or not context.interactive
    came: list[tuple[str, ...]] = []
    with survey.live(context.on_terminal and batch) as draw:

        def show(found: Found) -> None:
            came.extend(_cells_of(context, found))
            draw(lambda: _table(context, came))

        found = distant.run(survey.ask_all(known, connect_s, show, batch=batch))
    problems = tuple(each.problem for each in found if each.problem is not None)
    data = {"hosts": [{**_told(each), "name": each.known.name, "host": str(each.known.target)} for each in found]}
    result = _shown(context, data, [cells for each in found for cells in _cells_of(context, each)])
    # Of many hosts the others have answered; where none has, nothing was done.
    warnings = tuple(warning for each in found for warning in each.warnings)
    return replace(result, problems=(*problems, *warnings), exit_code=ExitCode.FAILED if len(problems) == len(found) else ExitCode.DONE)


def _told(found: Found) -> dict[str, Any]:
    """What a host has said, or what kept it from it."""
    if found.problem is None:
        # What a host says of itself comes first: it speaks for no other.
        return {**(found.data or {}), "ok": True}
    return {"ok": False, "problem": found.problem.code}


def _cells_of(context: Context, found: Found) -> list[tuple[str, ...]]:
    if found.data is None:
        state = context.say(msg("no answer")) if found.problem is None or found.problem.code != "no-kit" else context.say(msg("no kit"))
        return [(found.known.shown, "-", state, *["-"] * (len(HEADINGS) - 3))]
    return _cells(context, found.known.shown, report.parse(found.data))


def _cells(context: Context, host: str, told: Report) -> list[tuple[str, ...]]:
    """A line for each server; a host without one has a line as well."""
    machine = (report.gpus_in_words(told.gpus), report.load_in_words(told))
    if not told.servers:
        return [(host, "-", "-", "-", "-", *machine, "-")]
    return [(host, *_of_server(context, server), *machine, server.root_dir or "-") for server in told.servers]


def _of_server(context: Context, server: Server) -> tuple[str, ...]:
    state = STATES.get(server.state)
    kernels = "-" if server.kernels is None else f"{server.kernels:.0f}"
    return server.instance, context.say(state) if state else server.state, kernels, report.duration_in_words(server.uptime_s)


def _table(context: Context, cells: list[tuple[str, ...]]) -> str:
    return table([context.say(heading) for heading in HEADINGS], cells, right=(KERNELS,))


def _shown(context: Context, data: dict[str, Any], cells: list[tuple[str, ...]]) -> Result:
    if context.on_terminal:
        return Result("list", data, blocks=(_table(context, cells),))
    return Result("list", data, rows=tuple(row for line in cells for row in zip(HEADINGS, line, strict=True)))
