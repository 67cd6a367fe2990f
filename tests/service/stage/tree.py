"""The tree that machines boot from: made once, kept in the user's cache, never written to afterwards."""

from __future__ import annotations

import fcntl
import functools
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

RELEASE = "bookworm"
SUITES = (RELEASE, f"{RELEASE}-updates", f"{RELEASE}-security")
RECIPE = Path(__file__).with_name("recipe.sh")
MAKING = ".making-"
LOG_LINES = 30


def debians_own_python() -> bool:
    """Whether this Python is part of the system, so that the tree needs one of its own at the same place."""
    return Path(sys.base_prefix) == Path("/usr")


def packages() -> list[str]:
    """What the tree needs beside what every tree has."""
    return ["python3"] if debians_own_python() else []


def cached() -> Path:
    """Where the tree is, or will be: named after what it is made from."""
    recipe = hashlib.sha256(RECIPE.read_bytes())
    recipe.update(" ".join([platform.machine(), *packages()]).encode())
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "jupyter-remote-kit" / f"service-root-{recipe.hexdigest()[:16]}"


@functools.cache
def sources() -> list[tuple[str, str]]:
    """The mirrors that apt has for the release, each with its suite, the release itself first; empty when there is none."""
    asked = ["apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE) $(COMPONENT)", "Created-By: Packages"]
    told = subprocess.run(asked, capture_output=True, text=True, check=False).stdout
    rows = {tuple(line.split()) for line in told.splitlines() if line.endswith(" main")}
    known = [(row[0], row[1]) for row in rows if row[1] in SUITES]
    known.sort(key=lambda pair: (SUITES.index(pair[1]), pair[0]))
    return known if known and known[0][1] == RELEASE else []


def root() -> Path:
    """The tree, made on first use (a minute or two) and by one process at a time. Raises `RuntimeError` with the end of the log."""
    tree = cached()
    if tree.is_dir():
        return tree
    tree.parent.mkdir(parents=True, exist_ok=True)
    with tree.with_name(f".{tree.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not tree.is_dir():
            _make(tree)
    return tree


def _make(tree: Path) -> None:
    """Make it beside its place and move it there whole: a making that is killed leaves no half tree behind, and its rest goes here."""
    for rest in tree.parent.glob(f"{MAKING}{tree.name}-*"):
        shutil.rmtree(rest)
    folder = Path(tempfile.mkdtemp(prefix=f"{MAKING}{tree.name}-", dir=tree.parent))
    try:
        making, lines, log = folder / "root", folder / "sources.list", folder / "log"
        known = sources()
        lines.write_text("".join(f"deb {uri} {suite} main\n" for uri, suite in known))
        # A mount namespace of its own: what debootstrap and maintainer scripts mount goes with them.
        argv = ["unshare", "--mount", "sh", str(RECIPE), str(making), known[0][0], str(lines), *packages()]
        with log.open("w") as told:
            done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=told, stderr=subprocess.STDOUT, check=False)
        if done.returncode != 0:
            end = "\n".join(log.read_text(errors="replace").splitlines()[-LOG_LINES:])
            message = f"the tree to boot from could not be made (exit {done.returncode}):\n{end}"
            raise RuntimeError(message)
        making.chmod(0o755)
        making.rename(tree)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
