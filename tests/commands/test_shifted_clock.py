"""A server that runs for years: its certificate follows the clock, which libfaketime shifts while the server runs."""

from __future__ import annotations

import ssl
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from cryptography import x509

from tests.commands.host import LAN, PASSWORD, Host, detached, free_port, within_a_minute

LIBRARY = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), None)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(LIBRARY is None, reason="libfaketime is not installed"),
]


def shifted(host: Host, days: int) -> None:
    """From now on the host's clock is so many days ahead."""
    (host.folder / "clock").write_text(f"+{days}d\n")


def served(port: int) -> str:
    """The certificate that is served, as PEM."""
    return ssl.get_server_certificate(("127.0.0.1", port))


def ends_in(port: int) -> timedelta:
    """How long the certificate that is served lasts, from today on."""
    return x509.load_pem_x509_certificate(served(port).encode()).not_valid_after_utc - datetime.now(timezone.utc)


def test_a_certificate_is_renewed_while_its_server_runs_and_tells_of_its_end_where_it_cannot_be(host: Host) -> None:
    host.variables |= {
        "LD_PRELOAD": str(LIBRARY),
        "FAKETIME_TIMESTAMP_FILE": str(host.folder / "clock"),
        "FAKETIME_CACHE_DURATION": "1",
    }
    shifted(host, 0)
    port = free_port()

    def finds(code: str) -> bool:
        return code in host.run("status", "--json").codes

    with detached(host, *LAN, "--port", str(port), stdin=PASSWORD):
        assert ends_in(port) < timedelta(days=398)
        shifted(host, 370)
        assert within_a_minute(lambda: ends_in(port) > timedelta(days=760))
        assert not finds("certificate-expires")

        # Its key is damaged: what is served goes on, and another one is issued.
        leaf, before = host.layout.leaf_file("default"), served(port)
        leaf.write_text(leaf.read_text().replace("BEGIN PRIVATE KEY-----\n", "BEGIN PRIVATE KEY-----\nAAAA"))
        assert within_a_minute(lambda: served(port) != before)

        host.layout.ca_file.rename(host.folder / "away.pem")
        shifted(host, 750)
        assert within_a_minute(lambda: finds("certificate-expires"))
        shifted(host, 800)
        assert within_a_minute(lambda: finds("certificate-expired"))
        assert "certificate-expired: The certificate has expired on" in host.layout.server_log("default").read_text()
