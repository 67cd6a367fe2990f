"""What a certificate says of itself, read by the ssl module.

cryptography costs a server 9 MB, which it needs only while something is to be issued.
"""

from __future__ import annotations

import ipaddress
import ssl
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from jupyter_remote_kit.plan.facts import CertificateFact


def read(certfile: Path) -> CertificateFact | None:
    """Names, addresses and dates of the first certificate of a file, which is served: its key fits. `None` where this cannot tell.

    CPython's own tests read certificates so (Modules/_ssl.c, `_test_decode_cert`), and other interpreters may not.
    """
    try:
        native: Any = ssl
        said = native._ssl._test_decode_cert(str(certfile))
        subjects = said.get("subjectAltName", ())
        names = tuple(value.lower().rstrip(".") for kind, value in subjects if kind == "DNS")
        addresses = tuple(str(ipaddress.ip_address(value.strip())) for kind, value in subjects if kind == "IP Address")
        return CertificateFact(names, addresses, _date(said["notBefore"]), _date(said["notAfter"]), key_fits=True)
    except (AttributeError, OSError, ValueError, KeyError):
        return None


def _date(text: str) -> datetime:
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(text), timezone.utc)
