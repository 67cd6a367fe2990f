"""Where the start-up time of `up` goes: a diagnostic, no measurement. Tracing imports slows all of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from bench.contestants import Contestant
from bench.pairs import Spread, interleave
from bench.servers import LAB, UP, contestants

PACKAGE = "jupyter_remote_kit"
LINE = re.compile(r"import time: +(?P<own>\d+) \| +(?P<all>\d+) \|(?P<indent> +)(?P<name>\S+)$")
TOP = 15
INDENT = 2


@dataclass
class Import:
    """One module as `python -X importtime` has it; `below` are the modules that were imported on its behalf."""

    name: str
    own_ms: float
    all_ms: float
    below: list[Import] = field(default_factory=list)

    @property
    def of_the_kit(self) -> bool:
        """Whether it is the kit's."""
        return self.name.split(".")[0] == PACKAGE


def profile(rounds: int, home: Path, bytecode: Path) -> str:
    """Phases, then the imports that the kit has caused, of each interpreter that `up` runs."""
    servers = next(iter(contestants(home, bytecode).values()))
    parts = ["### Where the start-up time goes", "", *_phases(rounds, servers[UP], servers[LAB])]
    forests = {name: _traced(server) for name, server in servers.items()}
    for number, forest in enumerate(forests[UP], 1):
        if caused := _caused(forest):
            parts += ["", f"Interpreter {number} of `{UP}`: modules of the kit, and what they are the first to import, in ms", "", *caused]
    bare = {each.name for forest in forests[LAB] for each in _walk(forest)}
    only = sorted((each for each in _walk(forests[UP][-1]) if each.name not in bare), key=lambda each: -each.own_ms)
    total = sum(each.own_ms for each in only)
    parts += ["", f"In the kit's server and not in the bare one: {len(only)} modules, {total:.0f} ms of their own", ""]
    parts += [_line(each.own_ms, each.name) for each in only[:TOP]]
    return "\n".join(parts) + "\n"


def parse(text: str) -> list[list[Import]]:
    """The imports of each interpreter in `text`, in the order of their starts. Those that a module caused are printed before it."""
    forests: list[list[Import]] = []
    waiting: dict[int, list[Import]] = {}
    for line in text.splitlines():
        if line.startswith("import time:") and "self [us]" in line:
            waiting = {1: []}
            forests.append(waiting[1])
        elif (match := LINE.match(line)) and forests:
            depth = len(match["indent"])
            found = Import(match["name"], int(match["own"]) / 1000, int(match["all"]) / 1000, waiting.pop(depth + INDENT, []))
            waiting.setdefault(depth, []).append(found)
    return forests


def _phases(rounds: int, kit: Contestant, bare: Contestant) -> list[str]:
    def measure(server: Contestant) -> tuple[float, float]:
        with server.serving() as running:
            return running.exec_ms, running.ready_ms - running.exec_ms

    samples = interleave(rounds, {UP: lambda: measure(kit), LAB: lambda: measure(bare)}, "phases")
    return [
        f"`{name}`: {_median(found, 0):.0f} ms until the server's interpreter starts, then {_median(found, 1):.0f} ms until HTTP answers"
        for name, found in samples.items()
    ]


def _median(pairs: list[tuple[float, float]], place: int) -> float:
    return Spread.of([pair[place] for pair in pairs]).median


def _traced(server: Contestant) -> list[list[Import]]:
    with server.serving(PYTHONPROFILEIMPORTTIME="1") as running:
        return parse(running.log.read_text(errors="replace"))


def _caused(forest: list[Import]) -> list[str]:
    """The dearest of the foreign packages that a module of the kit is the first to import, and the kit's own time."""
    own = sum(each.own_ms for each in _walk(forest) if each.of_the_kit)
    if not own:
        return []
    foreign = sorted(_foreign(forest, parent=None), key=lambda pair: -pair[1].all_ms)
    return [_line(own, f"{PACKAGE} itself"), *(_line(each.all_ms, f"{each.name}, for {parent}") for parent, each in foreign[:TOP])]


def _foreign(forest: list[Import], parent: Import | None) -> Iterator[tuple[str, Import]]:
    for each in forest:
        if parent is not None and not each.of_the_kit:
            yield parent.name, each
        else:
            yield from _foreign(each.below, each if each.of_the_kit else None)


def _walk(forest: list[Import]) -> Iterator[Import]:
    for each in forest:
        yield each
        yield from _walk(each.below)


def _line(milliseconds: float, words: str) -> str:
    return f"    {milliseconds:7.1f}  {words}"
