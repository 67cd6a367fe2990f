"""A name for an instance that one host has alone, where several share a home."""

from __future__ import annotations

import hashlib
import re

_NOT_IN_NAME = re.compile(r"[^a-z0-9]+")
_MAX_NAME = 32
_DIGITS = 6


def of_host(instance: str, host: str) -> str:
    """`connect-gpu2` for `connect` on `gpu2.example.org`. What is too long is cut, and told apart by a digest of the whole."""
    label = _NOT_IN_NAME.sub("-", host.partition(".")[0].lower()).strip("-")
    name = f"{instance}-{label or _digest(host)}"
    return name if len(name) <= _MAX_NAME else f"{name[: _MAX_NAME - _DIGITS - 1].rstrip('-_')}-{_digest(name)}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGITS]
