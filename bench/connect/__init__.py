"""`connect` side by side with jupyter-forward and with ssh by hand: a laptop and a host, each in namespaces, and a real sshd.

The stage is the tests' own (tests/connect/stage), and is imported when something is measured on it.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from bench.tables import Row, Table

SHARE = 3
"""A round of these takes some twenty seconds."""
FEWEST = 3


def start(rounds: int, _home: Path, _bytecode: Path) -> Table:
    """Milliseconds from the command to the first 200 with the token that it prints."""
    return _measured("starting", max(FEWEST, rounds // SHARE))


def download(rounds: int, _home: Path, _bytecode: Path, *, megabytes: int) -> Table:
    """Megabytes a second through the forwarded port."""
    return _measured("downloading", max(FEWEST, rounds // SHARE), megabytes=megabytes)


def drops(rounds: int, _home: Path, _bytecode: Path) -> Table:
    """What becomes of a line that is cut, and of the kernels at its other end."""
    return _measured("cutting", max(1, rounds // 7))


def idle(_rounds: int, _home: Path, _bytecode: Path) -> Table:
    """What a line costs the laptop while nothing goes over it; once, whatever `rounds` is."""
    return _measured("idling")


def peers() -> str:
    """The versions of what is measured against; nothing where nothing can be."""
    from bench.connect import peer
    from tests.connect.stage import reason_to_skip

    return "" if reason_to_skip() else peer.versions()


def _measured(name: str, *arguments: int, **options: int) -> Table:
    part = import_module(f"bench.connect.{name}")
    from tests.connect.stage import reason_to_skip

    if reason := reason_to_skip():
        return Table(part.TITLE, ("",), (Row((reason,)),))
    table: Table = part.table(*arguments, **options)
    return table
