"""One sign-in, and the file that holds all of them: what is in it, and what is believed of it."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass, fields
from datetime import datetime, timezone
from enum import Enum
from typing import Any

MAX_SESSIONS = 1000
WAYS = frozenset({"password", "token", "ticket"})
_VERSION = 1
_ID = re.compile(r"[0-9a-f]{8}")
_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Session:
    """One sign-in. `id` is for people, `digest` the SHA-256 of the cookie's secret; times are seconds since the epoch."""

    id: str
    digest: str
    way: str
    address: str
    client: str
    created: float
    last_seen: float
    expires: float

    @classmethod
    def parse(cls, row: object) -> Session:
        """A session out of the file. Raises `ValueError` for what none of ours looks like."""
        if not isinstance(row, dict) or set(row) != {field.name for field in fields(cls)}:
            raise ValueError
        texts = [row[name] for name in ("id", "digest", "way", "address", "client")]
        times = [row[name] for name in ("created", "last_seen", "expires")]
        if not all(isinstance(text, str) for text in texts):
            raise ValueError
        if not all(isinstance(at, float | int) and not isinstance(at, bool) and math.isfinite(at) for at in times):
            raise ValueError
        if not _ID.fullmatch(row["id"]) or not _DIGEST.fullmatch(row["digest"]) or row["way"] not in WAYS:
            raise ValueError
        return cls(*texts, *(float(at) for at in times))

    def row(self) -> dict[str, Any]:
        """What may be shown, JSON-able: no secret, no digest; times in ISO 8601 UTC."""
        return {
            "id": self.id,
            "way": self.way,
            "address": self.address,
            "client": self.client,
            "first_seen": _iso(self.created),
            "last_seen": _iso(self.last_seen),
            "expires": _iso(self.expires),
        }


class Why(str, Enum):
    """What a session ended of."""

    ENDED = "ended"
    SIGNED_OUT = "signed-out"
    REPLACED = "replaced"
    ROTATED = "rotated"
    EXPIRED = "expired"
    CROWDED_OUT = "crowded-out"

    @property
    def by_its_holder(self) -> bool:
        """Whether whoever held the session has ended it, and by a request. A table is crowded by others, and their sign-ins are told."""
        return self in {Why.SIGNED_OUT, Why.REPLACED}


def render(key_id: str | None, sessions: tuple[Session, ...]) -> bytes:
    """The file, for the cookie key that is called `key_id`: one session a line.

    Not with `indent`: json does that in Python, and for a full table kept the event loop's thread waiting for 20 ms [measured].
    """
    rows = ",\n".join(json.dumps(vars(session)) for session in sessions)
    return f'{{"version": {_VERSION}, "key": {json.dumps(key_id)}, "sessions": [\n{rows}\n]}}\n'.encode()


def parse(data: bytes) -> tuple[str, tuple[Session, ...]]:
    """Key and sessions. Raises `ValueError` for anything that we did not write."""
    saved = json.loads(data)
    if not isinstance(saved, dict) or saved.get("version") != _VERSION:
        raise ValueError
    key, rows = saved.get("key"), saved.get("sessions")
    if not isinstance(key, str) or not isinstance(rows, list) or len(rows) > MAX_SESSIONS:
        raise ValueError
    sessions = tuple(Session.parse(row) for row in rows)
    if len({session.id for session in sessions}) < len(sessions) or len({session.digest for session in sessions}) < len(sessions):
        raise ValueError
    return key, sessions


def _iso(at: float) -> str:
    return datetime.fromtimestamp(at, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
