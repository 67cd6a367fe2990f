"""TLS of a managed server: one context, exchanged for another when the certificate was renewed, without a restart."""

from __future__ import annotations

import hashlib
import ipaddress
import ssl
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType
from typing import Any

from tornado.httpserver import HTTPServer

from jupyter_remote_kit.errors import Failed
from jupyter_remote_kit.messages import msg
from jupyter_remote_kit.plan.commandline import own_command
from jupyter_remote_kit.settings import DEFAULT_INSTANCE


def server_context(options: Mapping[str, Any], instance: str = "") -> ssl.SSLContext:
    """A server's context from jupyter_server's `ssl_options` (`certfile`, `keyfile`, `ca_certs`, `cert_reqs`, `ciphers`).

    TLS 1.2 is the least. Raises `Failed` when the certificate cannot be read or its key does not fit.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(options.get("certfile", ""), options.get("keyfile") or None)
        if options.get("ca_certs"):
            context.load_verify_locations(options["ca_certs"])
        if options.get("ciphers"):
            context.set_ciphers(options["ciphers"])
    except (OSError, ssl.SSLError) as error:
        raise Failed.of(
            "certificate-unusable",
            msg("{path} cannot be used as the certificate: {reason}", path=options.get("certfile", "-"), reason=error),
            msg("Create it again: {command}", command=own_command(instance or DEFAULT_INSTANCE, "init")),
        ) from error
    # A ticket is then the id of a session (OpenSSL's stateful tickets), and a connection has one, which Python tells: by it a client that
    # was signed in is known again before the handshake (server/resumption.py).
    context.options |= ssl.OP_NO_TICKET
    context.num_tickets = 1
    if options.get("cert_reqs") is not None:
        context.verify_mode = options["cert_reqs"]
    return context


def _choose(older: ssl.SSLContext, certfile: Path) -> Callable[[Any, str | None, ssl.SSLContext], None]:
    """Shows the certificate in `certfile` to connections that ask for one of its names, or without a name come to one of its addresses.

    A browser sends no name where the URL has an address (RFC 6066, 3). Raises `Failed` when the file cannot be read.
    """
    from jupyter_remote_kit.host import certificates  # cryptography: only while an authority changes

    names = frozenset(certificates.read_names(certfile))

    def choose(connection: Any, name: str | None, _context: ssl.SSLContext) -> None:  # noqa: ANN401  # SSLSocket or SSLObject
        if (name.lower() if name else _local_address(connection)) in names:
            connection.context = older

    return choose


def _local_address(connection: Any) -> str:  # noqa: ANN401
    with suppress(AttributeError, OSError, ValueError, IndexError):
        return str(ipaddress.ip_address(connection.getsockname()[0].partition("%")[0]))
    return ""


def _unheard(_file: Path) -> None:
    """Stands in where nobody listens."""


class Certificate:
    """The certificate in use. tornado looks `ssl_options` up for each connection (`TCPServer._handle_connection`).

    A whole new context takes the old one's place: loading a chain into the living one would leave it in halves when the key does not
    fit, and would keep the old certificate beside the new where the kinds of key differ.
    """

    def __init__(
        self,
        server: HTTPServer,
        options: Mapping[str, Any],
        on_load: Callable[[Path], None] = _unheard,
        previous: Mapping[Path, Path] = MappingProxyType({}),
    ) -> None:
        """`on_load` is called with the certificate's file whenever it was read and is served.

        `previous` names, by the certificate's file, one that is served where it is for what a connection asks for.
        """
        self._server = server
        self._previous = previous
        self._on_load = on_load
        self._serve(dict(options))

    @property
    def file(self) -> Path:
        """Where the certificate is."""
        return Path(self._options["certfile"])

    def is_current(self) -> bool:
        """Whether what is served is what is in the files now."""
        return self._digest == self._digest_of(self._options)

    def reload(self) -> None:
        """Read the files again; connections from now on get them. Raises `Failed` and keeps the old ones when they are unusable."""
        self._serve(self._options)

    def use(self, certfile: str, keyfile: str) -> None:
        """As `reload`, from now on with these files; an empty `keyfile` says that the certificate's file holds the key."""
        self._serve({**self._options, "certfile": certfile, "keyfile": keyfile})

    def _serve(self, options: dict[str, Any]) -> None:
        digest = self._digest_of(options)
        context = server_context(options)
        older = self._previous.get(Path(options["certfile"]))
        if older is not None and older.exists():
            # Without it there is still the certificate itself.
            with suppress(Failed):
                context.sni_callback = _choose(server_context({**options, "certfile": str(older)}), older)
        self._server.ssl_options = context
        self._options, self._digest = options, digest
        self._on_load(self.file)

    def _digest_of(self, options: Mapping[str, Any]) -> bytes:
        certfile = Path(options["certfile"])
        files = (certfile, Path(options.get("keyfile") or certfile), self._previous.get(certfile, certfile))
        digest = hashlib.sha256()
        for file in files:
            with suppress(OSError):
                digest.update(file.read_bytes())
        return digest.digest()
