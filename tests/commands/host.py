"""A host in a folder: a home, Jupyter's three folders, and the real console script."""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jupyter_remote_kit.plan.layout import Layout

PASSWORD = "correct horse battery"
# Those that are groups of commands are not among them.
COMMANDS = ("init", "up", "down", "urls", "status", "password", "token", "sessions", "audit", "remove")
OF_A_LAPTOP = ("list", "connect", "start", "stop", "trust", "hosts", "completion")
SSH = ("--access", "ssh", "--allow-root")
LAN = ("--access", "lan", "--allow-root", "--password-stdin")
PATIENCE_S = 60
Tree = dict[str, tuple[int, int, bytes]]
SERVER_ENDS_S = 60.0


def console_script() -> str:
    """The `jupyter-remotekit` that belongs to this interpreter."""
    found = shutil.which("jupyter-remotekit", path=str(Path(sys.executable).parent))
    assert found, "the package is not installed beside this interpreter"
    return found


def free_port() -> int:
    """A port of loopback on which nobody listens now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass(frozen=True)
class Outcome:
    """What one run of a command left: its exit code and what it printed."""

    code: int
    out: str
    err: str

    @property
    def envelope(self) -> dict[str, Any]:
        """The one JSON object on standard output. Fails when there is anything beside it."""
        assert self.out.endswith("\n")
        assert len(self.out.splitlines()) == 1, self.out
        found: dict[str, Any] = json.loads(self.out)
        assert list(found) == ["command", "ok", "data", "messages", "problems"]
        assert found["ok"] is (self.code == 0)
        assert all(list(problem) == ["code", "message", "hint"] for problem in found["problems"])
        return found

    @property
    def data(self) -> dict[str, Any]:
        """`data` of the envelope."""
        data: dict[str, Any] = self.envelope["data"]
        return data

    @property
    def codes(self) -> list[str]:
        """The codes of the problems in the envelope."""
        return [problem["code"] for problem in self.envelope["problems"]]

    @property
    def everything(self) -> str:
        """All that was printed."""
        return self.out + self.err


@dataclass
class Host:
    """One machine, one user. `variables` are laid over the environment, in which nothing of the tester's own is.

    `within` is put before each command.
    """

    folder: Path
    variables: dict[str, str] = field(default_factory=dict)
    within: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        self.home.mkdir(parents=True)

    @property
    def home(self) -> Path:
        """The user's home, and the working directory of every command."""
        return self.folder / "home"

    @property
    def layout(self) -> Layout:
        """Where the kit's files are."""
        return Layout(self.folder / "config", self.folder / "data", self.folder / "runtime")

    @property
    def environment(self) -> dict[str, str]:
        """What a command sees."""
        return {
            # As where the environment is activated: `jupyter` is its own.
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "HOME": str(self.home),
            "LANG": "C.UTF-8",
            "JUPYTER_CONFIG_DIR": str(self.layout.config_dir),
            "JUPYTER_DATA_DIR": str(self.layout.data_dir),
            "JUPYTER_RUNTIME_DIR": str(self.layout.runtime_dir),
            **self.variables,
        }

    def run(self, *argv: str | bytes, stdin: str | bytes = b"", variables: Mapping[str, str] | None = None) -> Outcome:
        """Run the console script; its standard input is a pipe with `stdin` in it."""
        done = subprocess.run(
            [*self.within, console_script(), *argv],
            input=stdin.encode() if isinstance(stdin, str) else stdin,
            env={**self.environment, **(variables or {})},
            cwd=self.home,
            capture_output=True,
            timeout=PATIENCE_S,
            check=False,
        )
        return Outcome(done.returncode, done.stdout.decode(), done.stderr.decode())

    def paste(self, command: str, variables: Mapping[str, str] | None = None) -> Outcome:
        """What a user gets who pastes that line into a shell in the home."""
        done = subprocess.run(
            ["/bin/sh", "-c", command],
            env={**self.environment, **(variables or {})},
            cwd=self.home,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
            stdin=subprocess.DEVNULL,
        )
        return Outcome(done.returncode, done.stdout, done.stderr)

    def must(self, *argv: str, stdin: str = "") -> Outcome:
        """Run it, and fail the test when it fails."""
        outcome = self.run(*argv, stdin=stdin)
        assert outcome.code == 0, outcome.everything
        return outcome

    def instance(self, name: str = "default") -> dict[str, dict[str, Any]]:
        """What the instance file says."""
        found: dict[str, dict[str, Any]] = json.loads(self.layout.instance_file(name).read_text())
        return found

    @property
    def token(self) -> str:
        """The token of the default instance."""
        token: str = self.instance()["RemoteKitIdentityProvider"]["token"]
        return token

    @property
    def hashed(self) -> str:
        """The password hash of the default instance."""
        hashed: str = self.instance()["RemoteKitIdentityProvider"]["hashed_password"]
        return hashed

    def tree(self) -> Tree:
        """Every path below the folder, with its mode, its time of change in ns, and its content."""
        found: Tree = {}
        for path in sorted(self.folder.rglob("*")):
            status = path.lstat()
            content = path.read_bytes() if stat.S_ISREG(status.st_mode) else b""
            found[str(path.relative_to(self.folder))] = (status.st_mode, status.st_mtime_ns, content)
        return found


def within_a_minute(holds: Callable[[], bool]) -> bool:
    """Whether it comes to hold: what a running server does by itself, it does within a minute."""
    deadline = time.monotonic() + 60.0
    while not (held := holds()) and time.monotonic() < deadline:
        time.sleep(0.5)
    return held


def is_alive(pid: int) -> bool:
    """Whether the process runs; a zombie whom nobody has reaped does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@contextmanager
def detached(host: Host, *argv: str, stdin: str = "") -> Iterator[dict[str, Any]]:
    """The `data` of `up --detach` with these options; ended by its own process id if a test leaves it."""
    outcome = host.run("up", "--detach", "--json", *argv, stdin=stdin)
    assert outcome.code == 0, outcome.everything
    data = outcome.data
    handle = os.pidfd_open(data["pid"])
    try:
        yield data
    finally:
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(handle, signal.SIGKILL)
        select.select([handle], [], [], SERVER_ENDS_S)
        os.close(handle)
