"""How long the commands take: `--help`, `status` and `init` against what Jupyter itself offers for the same purpose."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from bench.contestants import ALLOW_ROOT, KIT, WITHOUT_KIT, Kit
from bench.pairs import interleave, ratios
from bench.sandbox import JUPYTER, PYTHON, Sandbox
from bench.tables import Row, Table, faster_heads

AIM_QUICK = 8.0
AIM_INIT = 4.0

HELP = "jupyter remotekit --help"
STATUS = "jupyter remotekit status"
LIST = "jupyter server list"
INIT = "jupyter remotekit init --yes --generate-password"
GENERATE = "jupyter lab --generate-config; passwd()"

HASH = "from jupyter_server.auth import passwd; passwd('correct horse battery')"


def quick_commands(rounds: int, home: Path, bytecode: Path) -> Table:
    """`--help` and `status`, without and with a running server."""
    alone = Sandbox(home / "alone", bytecode).empty()
    stopped = interleave(rounds, {HELP: _help(alone), STATUS: _status(alone), LIST: _list(alone)}, "commands, no server")
    kit = Kit.plain(Sandbox(home / "served", bytecode))
    with kit.serving():
        running = interleave(rounds, {STATUS: _status(kit.sandbox), LIST: _list(kit.sandbox)}, "commands, a server runs")
    rows = (
        _row(HELP, stopped[HELP], stopped[LIST], AIM_QUICK),
        _row(f"{STATUS}, no server", stopped[STATUS], stopped[LIST], AIM_QUICK),
        _row(f"{STATUS}, a server runs", running[STATUS], running[LIST], AIM_QUICK),
    )
    return Table("Commands that only look", faster_heads(LIST), rows)


def first_init(rounds: int, home: Path, bytecode: Path) -> Table:
    """Password, token, authority and certificate from nothing, against a configuration file and a hash alone."""
    ours, theirs = Sandbox(home / "kit", bytecode), Sandbox(home / "bare", bytecode)
    kit = (*KIT, "init", "--yes", "--generate-password", *ALLOW_ROOT)
    bare = ((JUPYTER, "lab", "--generate-config", WITHOUT_KIT), (PYTHON, "-c", HASH))
    samples = interleave(rounds, {INIT: lambda: ours.empty().timed(kit), GENERATE: lambda: theirs.empty().timed(*bare)}, "init")
    return Table("From nothing to a configuration", faster_heads(GENERATE), (_row(INIT, samples[INIT], samples[GENERATE], AIM_INIT),))


def _help(sandbox: Sandbox) -> Callable[[], float]:
    return lambda: sandbox.timed((*KIT, "--help"))


def _status(sandbox: Sandbox) -> Callable[[], float]:
    return lambda: sandbox.timed((*KIT, "status"))


def _list(sandbox: Sandbox) -> Callable[[], float]:
    return lambda: sandbox.timed((JUPYTER, "server", "list"))


def _row(name: str, ours: list[float], theirs: list[float], aim: float) -> Row:
    command, _, circumstance = name.partition(",")
    return Row.faster(f"`{command}`{',' if circumstance else ''}{circumstance}", ours, theirs, ratios(theirs, ours), aim)
