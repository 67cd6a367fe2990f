"""The keys that sign cookies, derived from the one random key that jupyter_server keeps in a file."""

from __future__ import annotations

import hashlib
import hmac
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jupyter_server.serverapp import ServerApp


def root_key(app: ServerApp) -> bytes:
    """The random key below all others: the configured one, else the file's, which outlives a restart."""
    configured = app.config.ServerApp.get("cookie_secret")
    if isinstance(configured, bytes) and configured:
        return configured
    in_force: bytes = app.cookie_secret  # writes the file where there is none
    try:
        return Path(app.cookie_secret_file).read_bytes() or in_force
    except OSError:
        return in_force


def derive(root: bytes, *parts: str) -> bytes:
    """A key of 32 bytes for these parts and no others: their digests have a fixed length, so no two lists read the same."""
    return mix(hmac.new(root, digestmod=hashlib.sha256), *parts).digest()


def mix(h: hmac.HMAC, *parts: str) -> hmac.HMAC:
    """`h` with these parts added."""
    for part in parts:
        # A header or form field may hold what is no Unicode text.
        h.update(hashlib.sha256(part.encode("utf-8", "surrogatepass")).digest())
    return h


def name_of(key: bytes) -> str:
    """What a key may be called in a file: it tells two keys apart, and nothing of either."""
    return hashlib.sha256(b"name of " + key).hexdigest()[:16]
