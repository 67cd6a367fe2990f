"""How a command has ended."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence


class Failed(subprocess.CalledProcessError):
    """It ended with another code than 0. The message has what it printed, for whoever reads the test's report."""

    def __str__(self) -> str:
        return f"{super().__str__()}\n{self.output}\n{self.stderr}"


def checked(argv: Sequence[str], code: int, out: str, err: str, check: bool) -> subprocess.CompletedProcess[str]:
    """What `subprocess.run` returns, with `argv` as the caller gave it. Raises `Failed` for a code other than 0 if `check`."""
    if check and code != 0:
        raise Failed(code, list(argv), out, err)
    return subprocess.CompletedProcess(list(argv), code, out, err)
