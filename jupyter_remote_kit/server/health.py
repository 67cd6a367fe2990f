"""Whether this server answers HTTP: one request of its own, over its own listener, through the gate."""

from __future__ import annotations

import asyncio
import ssl
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import quote

from jupyter_server.utils import url_path_join

from jupyter_remote_kit.messages import Message, msg

if TYPE_CHECKING:
    from jupyter_server.serverapp import ServerApp

ROUTE = "remotekit/api/health"
WILDCARDS = {"": "127.0.0.1", "*": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  # looked for, not bound


class NoAnswer(Exception):
    """The server did not answer itself; `reason` says why, in words of ours where there are any, and of the machine's otherwise."""

    def __init__(self, reason: Message | str) -> None:
        super().__init__(str(reason))
        self.reason = reason


@dataclass(frozen=True)
class Endpoint:
    """Where this server answers. With `wants_certificate` whoever brings none is refused in the handshake, which is an answer as well."""

    host: str
    port: int
    path: str
    tls: bool = False
    wants_certificate: bool = False

    @classmethod
    def of(cls, app: ServerApp) -> Endpoint:
        """That of `app`, which listens."""
        options = app.ssl_options or {}
        return cls(
            WILDCARDS.get(app.ip, app.ip),
            app.port,
            url_path_join(app.base_url, ROUTE),
            tls=bool(options),
            wants_certificate=options.get("cert_reqs") == ssl.CERT_REQUIRED,
        )

    async def ask(self, timeout_s: float) -> None:
        """Return once the health route has answered 200. Raises `NoAnswer` where it does not, within `timeout_s` seconds."""
        try:
            status = await asyncio.wait_for(self._ask(), timeout_s)
        except ssl.SSLError as error:
            if self.wants_certificate:
                return
            raise NoAnswer(str(error)) from error
        except asyncio.TimeoutError as error:
            raise NoAnswer(msg("no answer in {seconds} s", seconds=f"{timeout_s:.0f}")) from error
        except (OSError, ValueError) as error:
            raise NoAnswer(str(error) or type(error).__name__) from error
        if status != f"{HTTPStatus.OK.value}":
            raise NoAnswer(msg("the answer is {status!r}", status=status))

    async def _ask(self) -> str:
        """The status of the answer."""
        # From loopback, to an address of the LAN as well: loopback is served whatever networks are allowed, and this is no visitor to be
        # put down in the audit.
        source = "::1" if ":" in self.host else "127.0.0.1"
        reader, writer = await asyncio.open_connection(self.host, self.port, ssl=self._context(), local_addr=(source, 0))
        try:
            # Loopback is a name that no DNS can point elsewhere, and is this host's whatever else is.
            writer.write(f"GET {quote(self.path, safe='/%')} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
            line = await reader.readline()
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()
        words = line.decode("latin-1").split()
        return words[1] if len(words) > 1 and words[0].startswith("HTTP/") else ""

    def _context(self) -> ssl.SSLContext | None:
        """Nothing is verified: who serves is known, and whether a laptop trusts it is not asked here."""
        if not self.tls:
            return None
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context
