"""TLS of a managed server: one context, exchanged for another when the certificate was renewed, without a restart."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Mapping
from pathlib import Path
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
    if options.get("cert_reqs") is not None:
        context.verify_mode = options["cert_reqs"]
    return context


def _unheard(_file: Path) -> None:
    """Stands in where nobody listens."""


class Certificate:
    """The certificate in use. tornado looks `ssl_options` up for each connection (`TCPServer._handle_connection`).

    A whole new context takes the old one's place: loading a chain into the living one would leave it in halves when the key does not
    fit, and would keep the old certificate beside the new where the kinds of key differ.
    """

    def __init__(self, server: HTTPServer, options: Mapping[str, Any], on_load: Callable[[Path], None] = _unheard) -> None:
        """`on_load` is called with the certificate's file whenever it was read and is served."""
        self._server = server
        self._on_load = on_load
        self._serve(dict(options))

    @property
    def file(self) -> Path:
        """Where the certificate is."""
        return Path(self._options["certfile"])

    def reload(self) -> None:
        """Read the files again; connections from now on get them. Raises `Failed` and keeps the old ones when they are unusable."""
        self._serve(self._options)

    def use(self, certfile: str, keyfile: str) -> None:
        """As `reload`, from now on with these files; an empty `keyfile` says that the certificate's file holds the key."""
        self._serve({**self._options, "certfile": certfile, "keyfile": keyfile})

    def _serve(self, options: dict[str, Any]) -> None:
        self._server.ssl_options = server_context(options)
        self._options = options
        self._on_load(self.file)
