"""`python -m bench`: measure, print, and on demand write the figures down."""

from __future__ import annotations

import argparse
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NoReturn

from bench import connect, readme
from bench.commands import first_init, quick_commands
from bench.gate import cost, flood
from bench.machine import description
from bench.sandbox import BenchError
from bench.servers import memory, start_up
from bench.startup_profile import profile
from bench.tables import Table

ROUNDS = 15
QUICK_ROUNDS = 3
MEGABYTES = 256
MEMORY_SHARE = 3
"""Memory varies little from start to start, and one round of it takes a quarter of a minute."""

Part = Callable[[int, Path, Path], Table]


@dataclass(frozen=True)
class Group:
    """What is measured in one go, and has a place of its own in the README; `peers` tells which versions of others were there."""

    parts: Mapping[str, Part]
    peers: Callable[[], str]


def groups(megabytes: int) -> dict[str, Group]:
    """All there is to measure."""
    lab: dict[str, Part] = {
        "commands": quick_commands,
        "init": first_init,
        "start-up": start_up,
        "memory": memory,
        "gate": cost,
        "flood": flood,
    }
    line: dict[str, Part] = {
        "connect-start": connect.start,
        "connect-download": partial(connect.download, megabytes=megabytes),
        "connect-drops": connect.drops,
        "connect-idle": connect.idle,
    }
    return {"lab": Group(lab, str), "connect": Group(line, connect.peers)}


GROUPS = list(groups(MEGABYTES))
PARTS = [part for group in groups(MEGABYTES).values() for part in group.parts]


def main() -> int:
    """Returns the exit code: 0 whatever the figures are, 1 when there are none."""
    options = _options()
    # So that what was started is ended when this is.
    signal.signal(signal.SIGTERM, _interrupted)
    home = Path(tempfile.mkdtemp(prefix="remotekit-bench-"))
    try:
        if options.profile:
            print(profile(QUICK_ROUNDS if options.quick else options.rounds, home, home / "bytecode"))
            return 0
        return _measure(options, home)
    except BenchError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _measure(options: argparse.Namespace, home: Path) -> int:
    for name, group in groups(options.megabytes).items():
        if name in (options.group or GROUPS):
            parts = {part: measure for part, measure in group.parts.items() if part in (options.only or group.parts)}
            figures = _figures(Group(parts, group.peers), QUICK_ROUNDS if options.quick else options.rounds, home) if parts else ""
            if options.write:
                readme.write(name, figures)
    return 0


def _figures(group: Group, rounds: int, home: Path) -> str:
    """Measure, print, and return what was printed."""
    texts = [description(rounds, group.peers()) + "\n"]
    print(texts[0])
    for name, measure in group.parts.items():
        count = max(QUICK_ROUNDS, rounds // MEMORY_SHARE) if name == "memory" else rounds
        texts.append(measure(count, home / name, home / "bytecode").markdown())
        print(f"\n{texts[-1]}", flush=True)
    return "\n".join(texts)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench", description="jupyter-remote-kit side by side with bare JupyterLab and other peers."
    )
    parser.add_argument("group", nargs="*", choices=[[], *GROUPS], metavar="GROUP", help=f"{' or '.join(GROUPS)}; all when none is named")
    parser.add_argument("--rounds", type=int, default=ROUNDS, metavar="N", help="how often each is measured (default: %(default)s)")
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_ROUNDS} rounds: to see that it runs, not for figures")
    parser.add_argument("--only", action="append", choices=PARTS, help="this part alone; may be repeated")
    parser.add_argument("--megabytes", type=int, default=MEGABYTES, metavar="N", help="how much is downloaded (default: %(default)s)")
    parser.add_argument("--write", action="store_true", help="put the figures into bench/README.md; wants all parts of a group")
    parser.add_argument("--profile", action="store_true", help="instead: where the time until HTTP answers goes")
    options = parser.parse_args()
    if options.rounds < 1 or options.megabytes < 1:
        parser.error("--rounds and --megabytes want at least 1")
    if options.write and (options.only or options.quick or options.profile):
        parser.error("--write wants all parts and all rounds: no --only, --quick or --profile beside it")
    return options


def _interrupted(_number: int, _frame: object) -> NoReturn:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
