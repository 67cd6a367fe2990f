"""A home of its own for each contestant, and processes that are bounded in time and ended by their own id."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

SCRIPTS = Path(sys.executable).parent
"""Where this interpreter's `jupyter` is. Not resolved: the link of a virtual environment leads out of it."""

PYTHON = sys.executable
JUPYTER = str(SCRIPTS / "jupyter")
COMMAND_TIMEOUT_S = 120.0
STOP_TIMEOUT_S = 20.0
SHOWN_CHARACTERS = 2_000


class BenchError(Exception):
    """Something under measurement failed, so that there is no figure."""


@dataclass(frozen=True)
class Sandbox:
    """A temporary home with the folders of Jupyter below it.

    `bytecode` is shared by all sandboxes of a run: compiled once while warming up, it puts an installed package and a checkout on the
    same footing, and leaves nothing in either.
    """

    root: Path
    bytecode: Path
    extra: Mapping[str, str] = field(default_factory=dict)

    @property
    def data_dir(self) -> Path:
        """`JUPYTER_DATA_DIR` of this home."""
        return self.root / "data"

    @property
    def environment(self) -> dict[str, str]:
        """Everything that a process here sees; what the caller's shell has set (locale, `PYTHON…`, `JUPYTER_…`) stays outside."""
        return {
            "PATH": os.pathsep.join([str(SCRIPTS), "/usr/local/bin", "/usr/bin", "/bin"]),
            "HOME": str(self.root),
            "LANG": "C.UTF-8",
            "JUPYTER_CONFIG_DIR": str(self.root / "config"),
            "JUPYTER_DATA_DIR": str(self.data_dir),
            "JUPYTER_RUNTIME_DIR": str(self.root / "runtime"),
            "PYTHONPYCACHEPREFIX": str(self.bytecode),
            **self.extra,
        }

    def empty(self) -> Sandbox:
        """Forget all state; returns itself."""
        shutil.rmtree(self.root, ignore_errors=True)
        self.root.mkdir(parents=True, mode=0o700)
        return self

    def run(self, *argv: str) -> str:
        """The standard output of a command that must succeed. Raises `BenchError`."""
        try:
            done = subprocess.run(
                argv,
                env=self.environment,
                cwd=self.root,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=COMMAND_TIMEOUT_S,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            message = f"{' '.join(argv)} took more than {COMMAND_TIMEOUT_S:g} s"
            raise BenchError(message) from error
        if done.returncode:
            message = f"{' '.join(argv)} exited {done.returncode}:\n{(done.stdout + done.stderr)[-SHOWN_CHARACTERS:]}"
            raise BenchError(message)
        return done.stdout

    def timed(self, *commands: Sequence[str]) -> float:
        """Milliseconds from the start of the first of these commands to the end of the last."""
        begun = time.perf_counter()
        for argv in commands:
            self.run(*argv)
        return (time.perf_counter() - begun) * 1000

    @contextlib.contextmanager
    def process(self, argv: Sequence[str], log: Path, **extra: str) -> Iterator[subprocess.Popen[bytes]]:
        """A long-lived process, whose output goes to `log`; ended on the way out."""
        with log.open("wb") as stream:
            started = subprocess.Popen(
                argv,
                env={**self.environment, **extra},
                cwd=self.root,
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            try:
                yield started
            finally:
                _end(started)


def _end(process: subprocess.Popen[bytes]) -> None:
    """SIGTERM to that process; SIGKILL to its group, which is its own session's, when it does not go."""
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def free_port() -> int:
    """A port of loopback that nobody holds right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
