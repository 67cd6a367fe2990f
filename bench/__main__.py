"""`python -m bench`: measure, print, and on demand write the figures down."""

from __future__ import annotations

import argparse
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from bench import readme
from bench.commands import first_init, quick_commands
from bench.gate import cost, flood
from bench.machine import description
from bench.sandbox import BenchError
from bench.servers import memory, start_up
from bench.startup_profile import profile
from bench.tables import Table

ROUNDS = 15
QUICK_ROUNDS = 3
MEMORY_SHARE = 3
"""Memory varies little from start to start, and one round of it takes a quarter of a minute."""

Part = Callable[[int, Path, Path], Table]
PARTS: dict[str, Part] = {
    "commands": quick_commands,
    "init": first_init,
    "start-up": start_up,
    "memory": memory,
    "gate": cost,
    "flood": flood,
}


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
    rounds = QUICK_ROUNDS if options.quick else options.rounds
    texts = [description(rounds) + "\n"]
    print(texts[0])
    for name in options.only or PARTS:
        count = max(QUICK_ROUNDS, rounds // MEMORY_SHARE) if name == "memory" else rounds
        table = PARTS[name](count, home / name, home / "bytecode")
        texts.append(table.markdown())
        print(f"\n{texts[-1]}", flush=True)
    if options.write:
        readme.write("\n".join(texts))
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description="jupyter-remote-kit side by side with bare JupyterLab.")
    parser.add_argument("--rounds", type=int, default=ROUNDS, metavar="N", help="how often each is measured (default: %(default)s)")
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_ROUNDS} rounds: to see that it runs, not for figures")
    parser.add_argument("--only", action="append", choices=list(PARTS), help="this part alone; may be repeated")
    parser.add_argument("--write", action="store_true", help="put the figures into bench/README.md; wants all parts")
    parser.add_argument("--profile", action="store_true", help="instead: where the time until HTTP answers goes")
    options = parser.parse_args()
    if options.rounds < 1:
        parser.error("--rounds wants at least 1")
    if options.write and (options.only or options.quick or options.profile):
        parser.error("--write wants all parts and all rounds: no --only, --quick or --profile beside it")
    return options


def _interrupted(_number: int, _frame: object) -> NoReturn:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
