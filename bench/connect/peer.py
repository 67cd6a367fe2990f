"""jupyter-forward, in an environment of its own: the kit's is left as it is, and each has the versions that it asks for."""

from __future__ import annotations

import subprocess
import sys
from functools import cache

from bench.machine import CHECKOUT
from bench.pairs import progress
from bench.sandbox import BenchError

PACKAGE, VERSION = "jupyter-forward", "2025.1.16"
# In the checkout, which the stage's machines see; `make clean` removes it.
FOLDER = CHECKOUT / "build" / f"{PACKAGE}-{VERSION}"
SSH = ("ssh", "-V")
FROZEN = (str(FOLDER / "bin" / "pip"), "freeze", "--quiet")
NAMED = ("fabric", "paramiko")


@cache
def program() -> str:
    """The path of the command; installed from the registry that pip is configured for, the first time. Raises `BenchError`."""
    path = FOLDER / "bin" / PACKAGE
    if not path.exists():
        progress(f"installing {PACKAGE} {VERSION} into {FOLDER}")
        _said(sys.executable, "-m", "venv", "--clear", str(FOLDER))
        _said(str(FOLDER / "bin" / "pip"), "install", "--quiet", f"{PACKAGE}=={VERSION}")
    return str(path)


def versions() -> str:
    """Those that matter, in one line."""
    program()
    found = dict(line.split("==", 1) for line in _said(*FROZEN).split() if "==" in line)
    packages = ", ".join(f"{name} {found[name]}" for name in NAMED)
    return f"{PACKAGE} {VERSION} ({packages}), {_said(*SSH).partition(',')[0]}"


def _said(*argv: str) -> str:
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode:
        message = f"{' '.join(argv)} exited {done.returncode}:\n{done.stderr.strip()}"
        raise BenchError(message)
    return (done.stdout or done.stderr).strip()
