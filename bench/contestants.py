"""The two servers side by side: the kit's, and a bare JupyterLab with the same extensions but the kit's."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import secrets
import ssl
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import psutil

from bench.sandbox import JUPYTER, SHOWN_CHARACTERS, BenchError, Sandbox, free_port

KIT = (JUPYTER, "remotekit")
WITHOUT_KIT = "--ServerApp.jpserver_extensions={'jupyter_remote_kit': False}"
ALLOW_ROOT = ("--allow-root",) if os.geteuid() == 0 else ()
LOOPBACK = "127.0.0.1"
READY_WITHIN_S = 60.0
POLL_S = 0.002
OK = 200


@dataclass(frozen=True)
class Running:
    """A server that answers, and what that took from the start of the command.

    `ready_ms` by the clock, `exec_ms` of it until the last program began, `cpu_ms` of processor time in this process and its children.
    """

    process: subprocess.Popen[bytes]
    port: int
    tls: bool
    token: str
    log: Path
    exec_ms: float
    ready_ms: float
    cpu_ms: float

    def connection(self) -> http.client.HTTPConnection:
        """A connection to it."""
        return connection(self.port, tls=self.tls)


class Contestant(Protocol):
    """What can be started and measured."""

    sandbox: Sandbox

    def serving(self, **environment: str) -> contextlib.AbstractContextManager[Running]:
        """Start it, wait until HTTP answers, stop it on the way out."""
        ...


class Kit:
    """`jupyter remotekit up` in the foreground, of an instance that `init` has written."""

    def __init__(self, sandbox: Sandbox, *access: str, tls: bool) -> None:
        self.sandbox = sandbox.empty()
        self.tls = tls
        self._port = free_port()
        sandbox.run(*KIT, "init", "--yes", "--language", "en", "--port", str(self._port), *access, *ALLOW_ROOT)
        urls = json.loads(sandbox.run(*KIT, "urls", "--json"))["data"]["token"]
        self._token = urls[0].rpartition("token=")[2]

    @classmethod
    def plain(cls, sandbox: Sandbox) -> Kit:
        """For use over ssh: plain HTTP on loopback."""
        return cls(sandbox, "--access", "ssh", tls=False)

    @classmethod
    def with_tls(cls, sandbox: Sandbox) -> Kit:
        """For use over the network, with the private authority; kept on loopback."""
        return cls(sandbox, "--access", "lan", "--ip", LOOPBACK, "--generate-password", tls=True)

    @property
    def leaf(self) -> Path:
        """The certificate with its key."""
        return self.sandbox.data_dir / "remotekit" / "tls" / "leaf-default.pem"

    @contextlib.contextmanager
    def serving(self, **environment: str) -> Iterator[Running]:
        """Start it, wait until HTTP answers, stop it on the way out."""
        with _started(self.sandbox, (*KIT, "up"), self._port, self._token, tls=self.tls, **environment) as running:
            yield running


class Bare:
    """`jupyter lab` as one starts it by hand, with the certificate of the kit where that serves TLS."""

    def __init__(self, sandbox: Sandbox, leaf: Path | None = None) -> None:
        self._token = secrets.token_hex(32)
        self.sandbox = Sandbox(sandbox.root, sandbox.bytecode, {"JUPYTER_TOKEN": self._token}).empty()
        self._port = free_port()
        self._certificate = (f"--ServerApp.certfile={leaf}", f"--ServerApp.keyfile={leaf}") if leaf else ()

    @contextlib.contextmanager
    def serving(self, **environment: str) -> Iterator[Running]:
        """Start it, wait until HTTP answers, stop it on the way out."""
        listen = (f"--ServerApp.ip={LOOPBACK}", f"--ServerApp.port={self._port}", "--ServerApp.port_retries=0")
        argv = (JUPYTER, "lab", "--no-browser", *listen, WITHOUT_KIT, *self._certificate, *ALLOW_ROOT)
        with _started(self.sandbox, argv, self._port, self._token, tls=bool(self._certificate), **environment) as running:
            yield running


def connection(port: int, *, tls: bool) -> http.client.HTTPConnection:
    """To a server on loopback, whose certificate is not checked: the measure is the server's time."""
    if not tls:
        return http.client.HTTPConnection(LOOPBACK, port, timeout=READY_WITHIN_S)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return http.client.HTTPSConnection(LOOPBACK, port, timeout=READY_WITHIN_S, context=context)


@contextlib.contextmanager
def _started(sandbox: Sandbox, argv: tuple[str, ...], port: int, token: str, *, tls: bool, **environment: str) -> Iterator[Running]:
    log = sandbox.root / "server.log"
    begun = time.perf_counter()
    with sandbox.process(argv, log, **environment) as process:
        became = _wait_until_ready(process, port, log, tls=tls)
        ready = time.perf_counter()
        used = psutil.Process(process.pid).cpu_times()
        cpu_ms = (used.user + used.system + used.children_user + used.children_system) * 1000
        yield Running(process, port, tls, token, log, (became - begun) * 1000, (ready - begun) * 1000, cpu_ms)


def _wait_until_ready(process: subprocess.Popen[bytes], port: int, log: Path, *, tls: bool) -> float:
    """Until `GET /api` is answered with 200; returns the moment of the last `execve` seen. Raises `BenchError` with the last words."""
    became, program = time.perf_counter(), b""
    deadline = time.monotonic() + READY_WITHIN_S
    while time.monotonic() < deadline and process.poll() is None:
        if (now := _program(process.pid)) != program:
            became, program = time.perf_counter(), now
        if _answers(port, tls=tls):
            return became
        time.sleep(POLL_S)
    state = "did not answer in time" if process.poll() is None else f"ended with {process.returncode}"
    message = f"the server {state}:\n{log.read_text(errors='replace')[-SHOWN_CHARACTERS:]}"
    raise BenchError(message)


def _program(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def _answers(port: int, *, tls: bool) -> bool:
    try:
        with contextlib.closing(connection(port, tls=tls)) as client:
            client.request("GET", "/api")
            return client.getresponse().status == OK
    except (OSError, http.client.HTTPException):
        return False
