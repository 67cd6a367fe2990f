"""Certificates over real handshakes, and the names that they give a host."""

from __future__ import annotations

import hashlib
import json
import socket
import ssl
import threading
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tornado.httpserver import HTTPServer

from jupyter_remote_kit.errors import Failed
from jupyter_remote_kit.host import certificates
from jupyter_remote_kit.server.tls import Certificate, server_context
from jupyter_remote_kit.settings import Access

if TYPE_CHECKING:
    from tests.server.conftest import Machine, Server


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
    loaded: list[Path] = []
    certificate = Certificate(server, {"certfile": str(path)}, loaded.append)
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
    assert loaded == [path, path]


def test_whoever_listens_hears_which_certificate_is_served(tmp_path: Path) -> None:
    first, second = issue(tmp_path / "first.pem"), issue(tmp_path / "second.pem")
    loaded: list[Path] = []
    certificate = Certificate(HTTPServer(lambda _: None), {"certfile": str(first)}, loaded.append)
    with pytest.raises(Failed):
        certificate.use(str(tmp_path / "absent.pem"), "")
    assert (loaded, certificate.file) == ([first], first)
    certificate.use(str(second), "")
    assert (loaded, certificate.file) == ([first, second], second)


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
def test_tls_1_2_is_the_least(tmp_path: Path) -> None:
    context = server_context({"certfile": str(issue(tmp_path / "leaf.pem"))})
    assert handshake(context, newest=ssl.TLSVersion.TLSv1_2)[0] == "TLSv1.2"
    with pytest.raises(ssl.SSLError):
        handshake(context, newest=ssl.TLSVersion.TLSv1_1)


def own_certificate(machine: Machine, *names: str) -> tuple[Path, Path]:
    """One of the user's own for `names`, and its key; the CA that signed it becomes the one that clients trust."""
    now = datetime.now(timezone.utc)
    pem = certificates.issue_leaf(certificates.make_authority(["lab.example"], ["127.0.0.1"], now), names, ["127.0.0.1"], now)
    begin = pem.index(b"-----BEGIN PRIVATE KEY")
    cert, key = machine.home / "own.crt", machine.home / "own.key"
    cert.write_bytes(pem[:begin])
    key.touch(0o600)
    key.write_bytes(pem[begin:])
    return cert, key


def served(server: Server, host: str) -> int:
    """The status of an answer to whoever calls this host `host`."""
    server.verify = False
    with server.client() as client:
        return client.get("/remotekit/api/health", headers={"Host": host}).status_code


def test_the_names_of_ones_own_certificate_are_served_whatever_becomes_of_its_files(machine: Machine) -> None:
    machine.issue_leaf()
    cert, key = own_certificate(machine, "*.lab.example", "old.example")
    settings = machine.settings(access=Access.LAN, certfile=cert, keyfile=key)
    server = machine.start(settings)
    server.ready()
    good = cert.read_bytes(), key.read_bytes()
    for broken in (b"", None):
        for file in (cert, key):
            file.unlink() if broken is None else file.write_bytes(broken)
        assert [served(server, host) for host in ("gpu.lab.example", "old.example", "127.0.0.1")] == [200] * 3
        assert [served(server, host) for host in ("a.gpu.lab.example", "lab.example", "new.example")] == [403] * 3
        with pytest.raises(Failed):
            server.control.reload_certificate()
    key.touch(0o600)
    cert.write_bytes(good[0])
    key.write_bytes(good[1])
    own_certificate(machine, "new.example")
    server.control.reload_certificate()
    assert [served(server, host) for host in ("new.example", "old.example", "gpu.lab.example")] == [200, 403, 403]


def test_a_certificate_of_ones_own_in_the_place_of_ours_brings_its_names(machine: Machine) -> None:
    machine.issue_leaf("ours.example")
    settings = machine.settings(access=Access.LAN)
    path = machine.write(settings)
    server = machine.start(settings)
    server.ready()
    assert [served(server, host) for host in ("ours.example", "gpu.lab.example")] == [403, 403]
    ours = path.read_text()
    cert, key = own_certificate(machine, "*.lab.example")
    traits = json.loads(ours)
    traits["ServerApp"].update(certfile=str(cert), keyfile=str(key))
    traits["RemoteKit"]["own_certificate"] = True
    path.write_text(json.dumps(traits))
    server.control.reload_certificate()
    assert [served(server, host) for host in ("ours.example", "gpu.lab.example")] == [403, 200]
    path.write_text(ours)
    server.control.reload_certificate()
    assert [served(server, host) for host in ("ours.example", "gpu.lab.example")] == [403, 403]
