"""The servers that are attacked: the kit's, as `up` starts it, and a bare JupyterLab with password, token and the same certificate."""

from __future__ import annotations

import contextlib
import json
import os
import ssl
import struct
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
import psutil
from jupyter_server.auth import passwd

from tests.e2e.stage.hosts import PORT, Host
from tests.e2e.stage.namespaces import Namespace
from tests.e2e.stage.waiting import until
from tests.gate.leaks import leaks
from tests.gate.load.network import OWNER, cores

PASSWORD = "Correct-horse-7"
TOKEN_BYTES = 32
WATCH = Path(__file__).with_name("watch")
COUNTS = struct.Struct("<II")
XSRF = "0123456789abcdef0123456789abcdef"
STARTS_WITHIN_S = 60.0
MB = 1_000_000
LOOPBACK = "127.0.0.1"


@dataclass(frozen=True)
class Target:
    """A server that answers, and where its traces are."""

    host: Host
    machine: Namespace
    tls: bool
    process: psutil.Process
    token: str
    logs: tuple[Path, ...]
    argon2: Path
    owner: str = OWNER
    """Where the owner's requests come from."""

    @property
    def address(self) -> str:
        """Where clients find it."""
        return LOOPBACK if self.owner == LOOPBACK else self.host.address

    @property
    def base(self) -> str:
        return f"{'https' if self.tls else 'http'}://{self.address}:{PORT}"

    def from_its_host(self) -> Target:
        """The same, for clients on its own host: other users of it, and whoever comes by `ssh -L`."""
        return replace(self, machine=self.host.machine, owner=LOOPBACK)

    @property
    def verify(self) -> ssl.SSLContext | bool:
        return ssl.create_default_context(cafile=str(self.host.ca)) if self.tls else True

    def client(self, source: str = OWNER, seconds: float = 30) -> httpx.Client:
        """An HTTP client that comes from `source`; to be used within `machine.entered()`."""
        transport = httpx.HTTPTransport(verify=self.verify, local_address=source)
        return httpx.Client(base_url=self.base, transport=transport, timeout=seconds, trust_env=False)

    def sign_in(self, client: httpx.Client, password: str = PASSWORD) -> httpx.Response:
        """Send the form as a browser does that has an `_xsrf` cookie of an earlier visit."""
        client.cookies.set("_xsrf", XSRF)
        return client.post("/login", data={"_xsrf": XSRF, "password": password})

    # -- what it costs -------------------------------------------------------------------------------------------------------------

    def memory(self) -> float:
        """What is resident, in MB."""
        return self.process.memory_info().rss / MB

    def peak_memory(self) -> float:
        """The most that was resident since `forget_peak`, in MB."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.partition("VmHWM:")[2].split()[0]) * 1024 / MB

    def forget_peak(self) -> None:
        """Start counting the peak anew (proc(5), clear_refs)."""
        Path(f"/proc/{self.process.pid}/clear_refs").write_text("5")

    def descriptors(self) -> int:
        return self.process.num_fds()

    def log_bytes(self) -> int:
        """Of all logs together, those that were rotated away among them."""
        return sum(path.stat().st_size for log in self.logs for path in log.parent.glob(f"{log.name}*"))

    def cpu_seconds(self) -> float:
        used = self.process.cpu_times()
        return used.user + used.system

    def verifications(self) -> tuple[int, int]:
        """Argon2 verifications: most at once since the last `forget_verifications`, and in all."""
        most, total = COUNTS.unpack(self.argon2.read_bytes())
        return most, total

    def forget_verifications(self) -> None:
        with self.argon2.open("r+b") as file:
            file.write(COUNTS.pack(0, 0))

    def move_kernels(self, core: int) -> None:
        """Let kernels run on `core`: they are started on the server's."""
        for kernel in self.process.children(recursive=True):
            for thread in kernel.threads():
                os.sched_setaffinity(thread.id, {core})


@contextlib.contextmanager
def kit(host: Host, machine: Namespace, *options: str, tls: bool) -> Iterator[Target]:
    """`up --detach` in an empty home, on the first core."""
    host.empty_home()
    argon2 = _watched(host)
    argv = ["taskset", "-c", str(cores()[0]), host.prefix / "bin" / "jupyter", "remotekit", "up", "--detach", "--json", "--allow-root"]
    transport = () if tls else ("--plain-http",)
    told = host.run(*argv, "--password-stdin", *transport, *options, stdin=f"{PASSWORD}\n", env=_environment(host, argon2), timeout=90)
    told.expect()
    pid = json.loads((host.runtime_dir / "remotekit-default.json").read_text())["pid"]
    logs = (host.log(), host.log().with_name("audit.jsonl"))
    token = host.token()
    try:
        yield Target(host, machine, tls, psutil.Process(pid), token, logs, argon2)
    finally:
        host.stop_everything()
    assert leaks(host.home, token, PASSWORD) == []


@contextlib.contextmanager
def bare(host: Host, machine: Namespace, *, tls: bool) -> Iterator[Target]:
    """`jupyter lab` with the extension switched off, in an empty home, on the first core."""
    host.empty_home()
    host.kit("init", "--yes", "--allow-root", "--generate-password").expect()
    argon2, token, log = _watched(host), os.urandom(TOKEN_BYTES).hex(), host.home / "jupyter.log"
    leaf = str(host.tls_dir / "leaf-default.pem")
    provider = {"token": token, "hashed_password": passwd(PASSWORD)}
    server = {
        "ip": "0.0.0.0",
        "port": PORT,
        "port_retries": 0,
        "open_browser": False,
        "allow_root": True,
        "allow_unauthenticated_access": False,
        "jpserver_extensions": {"jupyter_remote_kit": False},
        **({"certfile": leaf, "keyfile": leaf} if tls else {}),
    }
    (host.config_dir / "jupyter_server_config.json").write_text(json.dumps({"ServerApp": server, "PasswordIdentityProvider": provider}))
    argv = ["taskset", "-c", str(cores()[0]), host.prefix / "bin" / "jupyter", "lab"]
    with log.open("wb") as stream:
        started = host.machine.popen(
            argv, _environment(host, argon2), stdin=subprocess.DEVNULL, stdout=stream, stderr=stream, cwd=host.home
        )
    try:
        until(lambda: PORT in host.machine.listeners(), "bare JupyterLab to listen", STARTS_WITHIN_S)
        yield Target(host, machine, tls, _listener(host), token, (log,), argon2)
    finally:
        host.stop_everything()
        started.wait(10)


def _listener(host: Host) -> psutil.Process:
    (pid,) = (pid for pid in host.machine.pids() if any("jupyter-lab" in word for word in psutil.Process(pid).cmdline()))
    return psutil.Process(pid)


def _watched(host: Host) -> Path:
    """The file in which the verifications of this server are counted."""
    path = host.home.parent / "argon2"
    path.write_bytes(COUNTS.pack(0, 0))
    return path


def _environment(host: Host, argon2: Path) -> dict[str, str]:
    return host.env(PYTHONPATH=str(WATCH), ARGON2_WATCH=str(argon2))
