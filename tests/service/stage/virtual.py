"""A virtual machine that boots, runs one program and switches itself off: with a kernel of its own, and so with cgroup v2."""

from __future__ import annotations

import fcntl
import hashlib
import platform
import shutil
import subprocess
import tempfile
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.service.stage import tree
from tests.service.stage.needs import MIRROR_SECONDS
from tests.service.stage.place import place, sweep

RECIPE = Path(__file__).with_name("virtual-recipe.sh")
LAUNCH = Path(__file__).with_name("virtual-launch.sh")
LINE = "/dev/ttyS1"
END_CHARACTERS = 3000
# It switches off whatever becomes of the program, and what goes wrong with it is told on the same line.
UNIT = """\
[Unit]
After=multi-user.target
SuccessAction=poweroff-force
FailureAction=poweroff-force

[Service]
Type=exec
ExecStart={program}
StandardOutput=file:{line}
StandardError=file:{line}
"""


@dataclass(frozen=True)
class Answer:
    """What the program has printed, and the end of what the kernel has."""

    printed: str
    console: str


def cached() -> Path:
    """Where the tree is, or will be: named after what it is made from."""
    recipe = hashlib.sha256(RECIPE.read_bytes() + tree.cached().name.encode())
    return tree.cached().with_name(f"service-virtual-{recipe.hexdigest()[:16]}")


def reason_to_skip() -> str | None:
    """Why there can be no virtual machine where there are containers, in one sentence; `None` when there can."""
    if platform.machine() != "x86_64":
        return f"the virtual machine is an x86_64, and this machine is not: {platform.machine()}"
    if cached().is_dir():
        return None
    if not tree.sources():
        return f"qemu cannot be installed: apt knows no mirror of Debian {tree.RELEASE}"
    try:
        urllib.request.urlopen(f"{tree.sources()[0][0]}dists/{tree.RELEASE}/InRelease", timeout=MIRROR_SECONDS).close()
    except (urllib.error.URLError, TimeoutError) as error:
        return f"qemu cannot be installed: the mirror of Debian {tree.RELEASE} does not answer: {error}"
    return None


def root() -> Path:
    """The tree with kernel and emulator, made on first use (a minute) and by one process at a time. Raises as `tree.root` does."""
    made, base = cached(), tree.root()
    with made.with_name(f".{made.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.is_dir():
            for rest in made.parent.glob(f"{tree.MAKING}{made.name}-*"):
                shutil.rmtree(rest)
            _make(made, base)
    return made


def _make(made: Path, base: Path) -> None:
    """As `tree` makes its own: beside its place, and moved there whole."""
    folder = Path(tempfile.mkdtemp(prefix=f"{tree.MAKING}{made.name}-", dir=made.parent))
    try:
        argv = ["unshare", "--mount", "sh", str(RECIPE), str(folder / "root"), str(base)]
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        if done.returncode != 0:
            message = f"the tree of the virtual machine could not be made (exit {done.returncode}):\n{done.stdout[-END_CHARACTERS:]}"
            raise RuntimeError(message)
        folder.joinpath("root").rename(made)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def run(program: str, files: Mapping[Path, str], seconds: float) -> Answer:
    """Boot with `files` on the disk (root's, to be read by all), run `program` (a line for `ExecStart=`), and wait until it is off.

    Raises `RuntimeError` with what it has said when that takes more than `seconds`, or the emulator fails.
    """
    sweep()
    written = {**files, Path("/etc/systemd/system/answer.service"): UNIT.format(program=program, line=LINE)}
    with place() as (work, group):
        for path, text in written.items():
            file = work / "files" / str(path).lstrip("/")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        # It dies with who waits for it, and its mounts and emulator with it.
        dies = ["setpriv", "--pdeathsig=KILL", "unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
        argv = group.launcher([*dies, "sh", str(LAUNCH), str(root()), str(work)])
        error = ""
        try:
            done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=seconds, check=False)
            if done.returncode != 0:
                error = f"exit {done.returncode}: {done.stderr}"
        except subprocess.TimeoutExpired:
            error = f"it was not off after {seconds} s"
        answer = Answer(_read(work / "answer"), _read(work / "console")[-END_CHARACTERS:])
    if error:
        message = f"the virtual machine has failed, {error}\n{answer.printed[-END_CHARACTERS:]}\n{answer.console}"
        raise RuntimeError(message)
    return answer


def _read(path: Path) -> str:
    return path.read_text(errors="replace") if path.exists() else ""
