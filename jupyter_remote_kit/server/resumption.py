"""The TLS sessions of clients that are signed in: who offers to resume one of them has its handshake before others.

An id is all that is looked at, since nothing more can be read before a handshake. It travels in the clear, so that a client on the path
could repeat it: hence the paces. It leads no further than to a handshake, after which a request is judged like any other.

No clock in here: `now` is in seconds, monotonic.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field

from jupyter_remote_kit.server.sources import Bucket, Pace

# OpenSSL's own (`tls1_default_timeout`), which is also what tickets say of themselves.
LIFETIME_S = 7200.0
# A browser opens six connections at once, and may offer one session on each (TLS 1.2).
EACH = Pace(4, 16)
# An eighth of the event loop.
ALL = Pace(100, 64)
# A page leaves some ten, 100 bytes each.
MOST = 1024


@dataclass
class _Session:
    until: float
    bucket: Bucket = field(default_factory=Bucket)


class SignedInSessions:
    """The ids of those sessions, the latest `most` of them."""

    def __init__(self, each: Pace = EACH, overall: Pace = ALL, most: int = MOST) -> None:
        self._each, self._overall, self._most = each, overall, most
        self._sessions: OrderedDict[bytes, _Session] = OrderedDict()
        self._bucket = Bucket()

    def __len__(self) -> int:
        return len(self._sessions)

    def note(self, identity: bytes, now: float) -> None:
        """A client that is signed in can resume this session."""
        if identity:
            self._sessions[identity] = _Session(now + LIFETIME_S)
            self._sessions.move_to_end(identity)
            if len(self._sessions) > self._most:
                self._sessions.popitem(last=False)

    def admit(self, offered: Iterable[bytes], now: float) -> bool:
        """Whether one of the sessions that are `offered` is one of those, and was not offered too often."""
        for identity in offered:
            session = self._sessions.get(identity)
            if session is None:
                continue
            if now >= session.until:
                del self._sessions[identity]
            elif session.bucket.has_room(self._each, 1.0, now) and self._bucket.has_room(self._overall, 1.0, now):
                session.bucket.level += 1.0
                self._bucket.level += 1.0
                return True
        return False

    def clear(self) -> None:
        """No client is signed in any more."""
        self._sessions.clear()
