"""What the figures were measured on."""

from __future__ import annotations

import os
import platform
import subprocess
from datetime import datetime, timezone
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from jupyter_remote_kit import __version__

PACKAGES = ("jupyterlab", "jupyter_server", "tornado", "jupyterlab-lsp", "jupyterlab-language-pack-zh-CN", "click", "cryptography")
CHECKOUT = Path(__file__).parent.parent


def description(rounds: int, peers: str) -> str:
    """Date, machine and versions, as a list of Markdown; `peers` names others that are measured, or nothing."""
    packages = ", ".join(f"{name} {found}" for name in PACKAGES if (found := _version(name)))
    load = ", ".join(f"{value:.2f}" for value in os.getloadavg())
    return "\n".join(
        (
            f"- {datetime.now(timezone.utc):%Y-%m-%d %H:%M} UTC, {rounds} rounds",
            f"- {os.cpu_count()} × {_processor()}, {_memory_gb():.0f} GB, {platform.system()} {platform.release()}",
            f"- load average (1, 5, 15 min) before: {load}",
            f"- {platform.python_implementation()} {platform.python_version()}",
            f"- jupyter-remote-kit {__version__} ({_commit()}); {packages}",
            *((f"- {peers}",) if peers else ()),
        )
    )


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, "") or platform.processor() or platform.machine()


def _memory_gb() -> float:
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1e9


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _commit() -> str:
    """The checkout's commit, with a mark when something is changed in it."""
    try:
        done = subprocess.run(
            ("git", "-C", str(CHECKOUT), "describe", "--always", "--dirty"), capture_output=True, text=True, timeout=10, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return "no checkout"
    return done.stdout.strip()
