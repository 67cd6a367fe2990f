"""A GPU host with the kit installed: its home, its commands, its files."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from tests.e2e.stage.namespaces import Namespace, cable
from tests.e2e.stage.waiting import until

SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin"
PORT = 8800


@dataclass(frozen=True)
class Done:
    """A command that has ended."""

    argv: tuple[str, ...]
    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        """The one object on stdout; anything beside it fails."""
        answer: dict[str, Any] = json.loads(self.out)
        return answer

    @property
    def data(self) -> dict[str, Any]:
        """The envelope's `data`."""
        data: dict[str, Any] = self.json["data"]
        return data

    @property
    def codes(self) -> list[str]:
        """The codes of the envelope's problems."""
        return [problem["code"] for problem in self.json["problems"]]

    def expect(self, code: int = 0) -> Done:
        """Itself. Raises `AssertionError` with all that was printed when the exit code is another one."""
        assert self.code == code, f"{' '.join(self.argv)}: exit {self.code}, not {code}\n{self.out}\n{self.err}"
        assert "Traceback" not in self.err + self.out, self.err
        return self


def clean_environment(home: Path, prefix: Path = Path(sys.prefix), **more: str) -> dict[str, str]:
    """What a fresh login has: nothing of Jupyter's, nothing of the test run's. Proxies and package indexes are the machine's own."""
    kept = {name: value for name, value in os.environ.items() if name.startswith("PIP_") or name.lower().endswith("_proxy")}
    path = f"{prefix}/bin:{SYSTEM_PATH}"
    return {**kept, "HOME": str(home), "PATH": path, "LANG": "C.UTF-8", "USER": "root", "SHELL": "/bin/bash", "TERM": "dumb", **more}


@dataclass
class Host:
    """One machine that runs the kit from the environment `prefix`. `home` is readable for others, as Debian makes homes."""

    machine: Namespace
    home: Path
    prefix: Path = Path(sys.prefix)
    environment: dict[str, str] = field(default_factory=dict)

    # -- where things are ----------------------------------------------------------------------------------------------------------

    @property
    def address(self) -> str:
        """The IPv4 address by which the laptop reaches it."""
        return self.machine.addresses[0]

    @property
    def config_dir(self) -> Path:
        return self.home / ".jupyter"

    @property
    def data_dir(self) -> Path:
        return self.home / ".local" / "share" / "jupyter"

    @property
    def runtime_dir(self) -> Path:
        return self.data_dir / "runtime"

    @property
    def tls_dir(self) -> Path:
        return self.data_dir / "remotekit" / "tls"

    @property
    def ca(self) -> Path:
        """The private authority's certificate: what a laptop imports."""
        return self.tls_dir / "ca.crt"

    def instance_file(self, name: str = "default") -> Path:
        return self.config_dir / "remotekit" / f"{name}.json"

    def log(self, name: str = "default") -> Path:
        return self.data_dir / "remotekit" / "instances" / name / "server.log"

    def instance(self, name: str = "default") -> dict[str, dict[str, Any]]:
        """What the instance file holds."""
        traits: dict[str, dict[str, Any]] = json.loads(self.instance_file(name).read_text())
        return traits

    def token(self, name: str = "default") -> str:
        token: str = self.instance(name)["RemoteKitIdentityProvider"]["token"]
        return token

    def token_header(self, name: str = "default") -> dict[str, str]:
        """What an IDE sends."""
        return {"Authorization": f"token {self.token(name)}"}

    def files(self) -> dict[str, str]:
        """Every file and folder below the home, each with its kind: what a listing shows."""
        return {str(path.relative_to(self.home)): "dir" if path.is_dir() else "file" for path in sorted(self.home.rglob("*"))}

    def state(self) -> dict[str, tuple[int, int, bytes]]:
        """Every file that `init` may write: inode, time and content."""
        folders = (self.config_dir / "remotekit", self.data_dir / "remotekit")
        files = [path for folder in folders for path in sorted(folder.rglob("*")) if path.is_file() and path.suffix != ".log"]
        return {str(path): (path.stat().st_ino, path.stat().st_mtime_ns, path.read_bytes()) for path in files}

    # -- running things ------------------------------------------------------------------------------------------------------------

    def env(self, **more: str) -> dict[str, str]:
        return clean_environment(self.home, self.prefix, **{**self.environment, **more})

    def run(
        self,
        *argv: str | Path,
        stdin: str | None = None,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        timeout: float = 60,
    ) -> Done:
        """Run a program there to its end. Without `stdin` there is none to read."""
        source: dict[str, Any] = {"stdin": subprocess.DEVNULL} if stdin is None else {"input": stdin}
        done = subprocess.run(
            self.machine.command(argv),
            env=dict(env or self.env()),
            cwd=cwd or self.home,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
            **source,
        )
        return Done(tuple(map(str, argv)), done.returncode, done.stdout, done.stderr)

    def kit(self, *options: str | Path, stdin: str | None = None, timeout: float = 90, **more: str) -> Done:
        """`jupyter remotekit …`; `more` are variables of its environment."""
        argv = (self.prefix / "bin" / "jupyter", "remotekit", *options)
        return self.run(*argv, stdin=stdin, env=self.env(**more), timeout=timeout)

    def up(self, *options: str | Path, stdin: str | None = None, **more: str) -> Done:
        """`up --detach --json`, as root; it has to work."""
        return self.kit("up", "--detach", "--json", "--allow-root", *options, stdin=stdin, **more).expect()

    @contextlib.contextmanager
    def http(self, machine: Namespace, base: str = f"https://10.77.1.1:{PORT}") -> Iterator[httpx.Client]:
        """An HTTP client on `machine` that trusts this host's authority alone and follows nothing by itself."""
        verify: ssl.SSLContext | bool = ssl.create_default_context(cafile=str(self.ca)) if base.startswith("https") else True
        with machine.entered(), httpx.Client(base_url=base, verify=verify, trust_env=False, timeout=30) as client:
            yield client

    def listening(self, port: int = PORT) -> bool:
        return port in self.machine.listeners()

    def served_leaf(self, port: int = PORT, name: str | None = None) -> bytes:
        """The certificate that is served just now, DER; nothing is verified."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with (
            self.machine.entered(),
            socket.create_connection((self.address, port), timeout=10) as plain,
            context.wrap_socket(plain, server_hostname=name) as secured,
        ):
            leaf = secured.getpeercert(binary_form=True)
        assert leaf is not None
        return leaf

    def stop_everything(self) -> None:
        """End every process on it; what is on the disk stays."""
        self.machine.kill_all()

    def empty_home(self) -> None:
        """As on the first day: nothing runs, nothing is written."""
        self.stop_everything()
        shutil.rmtree(self.home)
        self.home.mkdir(mode=0o755)


@contextlib.contextmanager
def connected(host_name: str = "gpubox") -> Iterator[tuple[Host, Namespace]]:
    """A fresh host and the laptop that is connected to it."""
    # Not below pytest's own folder: that one is private as a whole, and nothing could be found that others can read.
    base = Path(tempfile.mkdtemp(prefix="rk-e2e-"))
    base.chmod(0o755)
    try:
        home = base / "home"
        home.mkdir(mode=0o755)
        with cable(host_name) as (machine, laptop):
            yield Host(machine, home), laptop
    finally:
        shutil.rmtree(base, ignore_errors=True)


def process_ended(pid: int) -> bool:
    """Whether `pid` is gone, or a zombie that nobody has waited for."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return True
    return state in {"Z", "X"}


def wait_ended(pid: int, seconds: float = 20) -> None:
    until(lambda: process_ended(pid), f"process {pid} to end", seconds)
