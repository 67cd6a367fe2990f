"""Certificates over real handshakes."""

from __future__ import annotations

import hashlib
import socket
import ssl
import threading
from datetime import datetime, timezone
from pathlib import Path

import pytest
from tornado.httpserver import HTTPServer

from jupyter_remote_kit.errors import Failed
from jupyter_remote_kit.host import certificates
from jupyter_remote_kit.server.tls import Certificate, server_context


def issue(path: Path) -> Path:
    now = datetime.now(timezone.utc)
    authority = certificates.make_authority(["localhost"], ["127.0.0.1"], now)
    path.write_bytes(certificates.issue_leaf(authority, ["localhost"], ["127.0.0.1"], now))
    return path


def handshake(server: ssl.SSLContext, *, newest: ssl.TLSVersion = ssl.TLSVersion.MAXIMUM_SUPPORTED) -> tuple[str, str]:
    """The protocol, and the SHA-256 of the certificate, that a client gets from `server`."""
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname, client.verify_mode, client.maximum_version = False, ssl.CERT_NONE, newest
    here, there = socket.socketpair()
    with here, there:
        here.settimeout(10)
        there.settimeout(10)
        thread = threading.Thread(target=answer, args=(server, there))
        thread.start()
        try:
            with client.wrap_socket(here) as wrapped:
                return str(wrapped.version()), hashlib.sha256(wrapped.getpeercert(binary_form=True) or b"").hexdigest()
        finally:
            thread.join()


def answer(context: ssl.SSLContext, there: socket.socket) -> None:
    try:
        context.wrap_socket(there, server_side=True).close()
    except (ssl.SSLError, OSError):
        there.close()


def test_a_renewed_certificate_is_served_and_a_broken_one_is_not(tmp_path: Path) -> None:
    path = issue(tmp_path / "leaf.pem")
    server = HTTPServer(lambda _: None)
    certificate = Certificate(server, {"certfile": str(path)})
    assert isinstance(server.ssl_options, ssl.SSLContext)
    protocol, old = handshake(server.ssl_options)
    assert protocol == "TLSv1.3"
    issue(path)
    assert handshake(server.ssl_options)[1] == old
    certificate.reload()
    new = handshake(server.ssl_options)[1]
    assert new != old
    for broken in ("", path.read_text().partition("-----BEGIN PRIVATE")[0]):
        path.write_text(broken)
        with pytest.raises(Failed) as caught:
            certificate.reload()
        assert str(path) in str(caught.value)
        assert handshake(server.ssl_options)[1] == new
    path.unlink()
    with pytest.raises(Failed):
        certificate.reload()


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
def test_tls_1_2_is_the_least(tmp_path: Path) -> None:
    context = server_context({"certfile": str(issue(tmp_path / "leaf.pem"))})
    assert handshake(context, newest=ssl.TLSVersion.TLSv1_2)[0] == "TLSv1.2"
    with pytest.raises(ssl.SSLError):
        handshake(context, newest=ssl.TLSVersion.TLSv1_1)
