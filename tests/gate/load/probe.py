"""Requests of somebody who is signed in, each on a connection of its own: how long they take, and whether all are answered."""

from __future__ import annotations

import contextlib
import socket
import ssl
import time
from dataclasses import dataclass, field

from tests.e2e.stage.hosts import PORT
from tests.gate.load.scene import Percentiles
from tests.gate.load.servers import Target

GIVE_UP_S = 10.0


@dataclass
class Probe:
    """Somebody with `credential`, a header field. Where `resumes`, the TLS session of the last connection is resumed, as by browsers."""

    target: Target
    credential: str
    resumes: bool = True
    ms: list[float] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    _session: ssl.SSLSession | None = None

    def __post_init__(self) -> None:
        self._context = self.target.verify if isinstance(self.target.verify, ssl.SSLContext) else None

    def ask(self) -> None:
        """One request, and its whole answer."""
        begun = time.monotonic()
        try:
            status = self._ask().split()[1].decode()
        except (OSError, IndexError) as error:
            status = type(error).__name__
        if status == "200":
            self.ms.append((time.monotonic() - begun) * 1000)
        else:
            self.failed.append(status)

    def _ask(self) -> bytes:
        head = f"Host: {self.target.address}:{PORT}\r\n{self.credential}\r\nConnection: close\r\n\r\n"
        with contextlib.ExitStack() as stack:
            line = stack.enter_context(socket.create_connection((self.target.address, PORT), GIVE_UP_S, (self.target.owner, 0)))
            if self._context is not None:
                secured = self._context.wrap_socket(line, server_hostname=self.target.address, session=self._session)
                line = stack.enter_context(secured)
            line.sendall(f"GET /api/status HTTP/1.1\r\n{head}".encode())
            answer = b"".join(iter(lambda: line.recv(65536), b""))
            if self.resumes and isinstance(line, ssl.SSLSocket):
                self._session = line.session
            return answer

    def sentence(self) -> str:
        """For people."""
        times = Percentiles.of(self.ms) if self.ms else None
        slow = f"p50 {times.p50:.1f}, p95 {times.p95:.1f}, p99 {times.p99:.1f} ms" if times else "no time"
        return f"{len(self.ms)} requests {slow}, {len(self.failed)} failed {self.failed[:5]}"
