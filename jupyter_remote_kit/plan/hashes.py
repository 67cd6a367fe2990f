"""Which kind a password hash is, by its text alone."""

from __future__ import annotations

import base64
import binascii
import re

from jupyter_remote_kit.plan.policy import HashKind

_ARGON2ID = re.compile(
    r"\$argon2id\$v=(?P<version>[0-9]{1,2})\$m=(?P<memory>[1-9][0-9]{0,8}),t=(?P<time>[1-9][0-9]{0,4}),p=(?P<lanes>[1-9][0-9]{0,2})"
    r"\$(?P<salt>[A-Za-z0-9+/]{11,86})\$(?P<digest>[A-Za-z0-9+/]{16,172})\Z"
)
# What jupyter_server's passwd() has used since 1.0, `auth/security.py`.
DEFAULT_MEMORY_KIB = 10240
DEFAULT_TIME_COST = 10
# The version that RFC 9106 describes; 0x10 is the withdrawn one.
ARGON2_VERSION = 19


def hash_kind(text: str) -> HashKind:
    """Classify `text` as jupyter_server stores it: `argon2:$argon2id$…`.

    Any work of at least the product of jupyter_server's defaults counts as strong, since more memory may stand for fewer passes.
    """
    if not text:
        return HashKind.NONE
    algorithm, _, encoded = text.partition(":")
    if algorithm != "argon2" or not encoded.startswith("$argon2id$"):
        return HashKind.OTHER
    match = _ARGON2ID.match(encoded)
    if match is None or int(match["version"]) != ARGON2_VERSION or not _is_base64(match["salt"]) or not _is_base64(match["digest"]):
        return HashKind.BROKEN
    if int(match["memory"]) < 8 * int(match["lanes"]):
        return HashKind.BROKEN
    work = int(match["memory"]) * int(match["time"])
    return HashKind.ARGON2ID if work >= DEFAULT_MEMORY_KIB * DEFAULT_TIME_COST else HashKind.WEAK_ARGON2ID


def _is_base64(text: str) -> bool:
    """Whether `text` is what an encoder writes: argon2 refuses bits left over at the end, Python's decoder does not."""
    try:
        decoded = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except binascii.Error:
        return False
    return base64.b64encode(decoded).rstrip(b"=") == text.encode()
