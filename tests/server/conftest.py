"""Real servers in processes of their own, each with folders of its own, started as `up` starts them."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

import jupyter_remote_kit
from jupyter_remote_kit.host import certificates, passwords
from jupyter_remote_kit.host.control import ControlClient
from jupyter_remote_kit.plan import instance as instance_file
from jupyter_remote_kit.plan import launch, overlay
from jupyter_remote_kit.plan.layout import Layout
from jupyter_remote_kit.plan.refusal import parse_line
from jupyter_remote_kit.secret import Secret
from jupyter_remote_kit.settings import Access, Credentials, Settings

PASSWORD = "Correct-horse-7"
TOKEN = "canary-token-0123456789abcdef0123456789"
START_SECONDS = 30.0
STOP_SECONDS = 20.0


@pytest.fixture(scope="session")
def hashed_password() -> str:
    """The argon2id hash of `PASSWORD`; made once, since it is meant to be slow."""
    return passwords.hash_password(Secret(PASSWORD)).reveal()


def free_port() -> int:
    """A TCP port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _standard_input(process: psutil.Process) -> str:
    """What it reads from; nothing, once it has ended."""
    try:
        return str(Path(f"/proc/{process.pid}/fd/0").readlink())
    except FileNotFoundError:
        return ""


@dataclass
class Server:
    """One started process. What it prints is in `log`."""

    process: subprocess.Popen[bytes]
    log: Path
    control: ControlClient
    url: str
    verify: Any = True

    def wait_until(self, condition: Callable[[], Any], seconds: float = START_SECONDS) -> Any:
        """The first true answer of `condition`; fails when the process ends, or the time."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if answer := condition():
                return answer
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(0.05)
                pytest.fail(f"the server ended with {self.process.returncode}:\n{self.output}")
        return pytest.fail(f"not in {seconds} s:\n{self.output}")

    def ready(self) -> dict[str, Any]:
        """The control socket's status, once it answers."""
        return dict(self.wait_until(self.control.status))

    def process_info(self) -> psutil.Process:
        """The process, as psutil knows it."""
        return psutil.Process(self.process.pid)

    def shells(self) -> list[psutil.Process]:
        """The shells of its terminals; psutil's `terminal()` knows only those terminals that there were when it was first asked."""
        return [child for child in psutil.Process(self.process.pid).children() if _standard_input(child).startswith("/dev/pts/")]

    def ended(self, seconds: float = START_SECONDS) -> int:
        """The exit code, once there is one."""
        return self.process.wait(seconds)

    @property
    def output(self) -> str:
        return self.log.read_text(errors="replace")

    def client(self, **kwargs: Any) -> httpx.Client:
        """A browser, more or less: it keeps cookies, and follows nothing by itself."""
        return httpx.Client(base_url=self.url, verify=self.verify, trust_env=False, timeout=20, **kwargs)

    @contextmanager
    def signed_in(self) -> Iterator[httpx.Client]:
        """A browser after the login form."""
        with self.client() as client:
            client.get("/login")
            answer = client.post("/login", data={"_xsrf": client.cookies["_xsrf"], "password": PASSWORD})
            assert answer.status_code == 302, answer.text
            yield client

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(STOP_SECONDS)


@dataclass
class Machine:
    """The folders of one user, and the servers that run with them."""

    home: Path
    hashed_password: str
    package: Path = field(default_factory=lambda: Path(jupyter_remote_kit.__file__).parent)
    servers: list[Server] = field(default_factory=list)
    environment: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.layout = Layout(self.home / "config", self.home / "data", self.home / "runtime")
        self.root = self.home / "notebooks"
        for folder in (self.layout.instances_dir, self.layout.tls_dir, self.layout.runtime_dir, self.root):
            folder.mkdir(parents=True, mode=0o700)
        # The extension is switched on as pip would: a file below etc/jupyter.
        enabled = self.home / "etc" / "jupyter_server_config.d"
        enabled.mkdir(parents=True)
        self.enabling = enabled / "jupyter_remote_kit.json"
        self.enabling.write_text(json.dumps({"ServerApp": {"jpserver_extensions": {"jupyter_remote_kit": True}}}))

    def settings(self, **changes: Any) -> Settings:
        """An instance over ssh on a free port; root, since tests may be."""
        given: dict[str, Any] = {"access": Access.SSH, "ip": "127.0.0.1", "port": free_port(), "root_dir": self.root, "allow_root": True}
        return Settings(**(given | changes))

    def traits(self, settings: Settings) -> dict[str, dict[str, Any]]:
        """What `init` would write into the instance file."""
        credentials = Credentials(Secret(TOKEN), Secret(self.hashed_password))
        return instance_file.traits_of(settings, credentials, self.layout.leaf_file(settings.instance))

    def write(self, settings: Settings, traits: Mapping[str, Mapping[str, Any]] | None = None) -> Path:
        """Write the files of an instance, with `traits` in the place of those that `init` would write."""
        self.layout.instance_data_dir(settings.instance).mkdir(parents=True, mode=0o700, exist_ok=True)
        path = self.layout.instance_file(settings.instance)
        path.touch(0o600)
        path.write_text(json.dumps(traits or self.traits(settings), indent=2))
        self.layout.overlay_file(settings.instance).write_text(overlay.render(settings).reveal())
        return path

    def issue_leaf(self, name: str = "localhost") -> Path:
        """A private CA and a leaf for `name` and 127.0.0.1; returns the CA's certificate."""
        now = datetime.now(timezone.utc)
        authority = certificates.make_authority([name], ["127.0.0.1"], now)
        leaf = self.layout.leaf_file("default")
        leaf.touch(0o600)
        leaf.write_bytes(certificates.issue_leaf(authority, [name], ["127.0.0.1"], now))
        self.layout.ca_certificate_file.write_bytes(certificates.certificate_of(authority))
        return self.layout.ca_certificate_file

    def configure(self, name: str, text: str) -> None:
        """A configuration file of the user's own."""
        (self.layout.config_dir / name).write_text(text)

    def environ(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("JUPYTER", "PYTEST", "TRAITLETS", "COV_"))}
        return kept | {
            "HOME": str(self.home),
            "JUPYTER_CONFIG_DIR": str(self.layout.config_dir),
            "JUPYTER_DATA_DIR": str(self.layout.data_dir),
            "JUPYTER_RUNTIME_DIR": str(self.layout.runtime_dir),
            "JUPYTER_CONFIG_PATH": str(self.home / "etc"),
            "PYTHONPATH": str(self.package.parent),
            "LC_ALL": "C.UTF-8",
            "LANGUAGE": "",
            **self.environment,
        }

    def start(self, settings: Settings, *, before: tuple[str, ...] = (), more: tuple[str, ...] = ()) -> Server:
        """Start the instance as `up` does; `before` is put in front of the argv, `more` behind."""
        if not self.layout.instance_file(settings.instance).exists():
            self.write(settings)
        plan = launch.plan_launch(settings.instance, self.layout, Path(sys.executable), os.environ["PATH"])
        verify: Any = True
        if settings.tls:
            import ssl

            verify = ssl.create_default_context(cafile=str(self.layout.ca_certificate_file))
        return self.run((*before, *plan.argv, *more), settings, dict(plan.environment), plan.cwd, verify)

    def start_plain(self, settings: Settings, *more: str) -> Server:
        """An ordinary `jupyter lab` on the port of `settings`."""
        argv = (sys.executable, "-m", "jupyterlab", "--no-browser", f"--port={settings.port}", "--ServerApp.port_retries=0", *more)
        return self.run((*argv, "--allow-root"), settings, {}, self.root, verify=True)

    def run(self, argv: tuple[str, ...], settings: Settings, environment: dict[str, str], cwd: Path, verify: Any) -> Server:
        log = self.home / f"log-{len(self.servers)}"
        with log.open("wb") as out:
            process = subprocess.Popen(
                argv, cwd=cwd, env=self.environ() | environment, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT
            )
        control = ControlClient(self.layout.control_socket(settings.instance))
        server = Server(process, log, control, f"{settings.scheme}://127.0.0.1:{settings.port}", verify)
        self.servers.append(server)
        return server

    def refusal(self, settings: Settings) -> list[str]:
        """Start the instance, which must be refused; the lines that say why."""
        server = self.start(settings)
        code = server.ended()
        assert code == 78, server.output
        assert "Traceback" not in server.output
        return [line for line in server.output.splitlines() if parse_line(line)]

    def broken_copy(self) -> Path:
        """A copy of the package to break; servers started from now on use it."""
        copy = self.home / "site" / "jupyter_remote_kit"
        ignored = shutil.ignore_patterns("__pycache__", "labextension")
        shutil.copytree(self.package, copy, ignore=ignored)
        self.package = copy
        return copy


@pytest.fixture
def machine(tmp_path: Path, hashed_password: str) -> Iterator[Machine]:
    """A machine of its own for one test; its servers are stopped afterwards."""
    made = Machine(tmp_path / "home", hashed_password)
    yield made
    for server in made.servers:
        server.stop()
