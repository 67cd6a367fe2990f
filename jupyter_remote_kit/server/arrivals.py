"""New connections that have to wait: whoever shows meanwhile that it is signed in is let in before its turn, and is never refused.

What a connection has sent so far is looked at without being read. Over plain HTTP that is its first request, with a cookie or a token;
over TLS the first message of the handshake, with a session to resume (server/resumption.py).
"""

from __future__ import annotations

from collections.abc import Callable

from jupyter_remote_kit.server import clienthello, firstrequest
from jupyter_remote_kit.server.door import Door
from jupyter_remote_kit.server.sockets import MOST_PEEKED, Peeking, begins_as_http, peek
from jupyter_remote_kit.server.turns import Arrival, Visitor
from jupyter_remote_kit.server.undecided import Undecided

# Whether the first bytes of a connection show that its client is signed in; `None` while there are too few of them.
Shown = Callable[[bytes], "bool | None"]


class Arrivals:
    """Those that wait at `door`, and those that found no place there and have yet to show who they are."""

    def __init__(self, door: Door[Visitor], undecided: Undecided[Arrival], shown: Shown, clock: Callable[[], float]) -> None:
        self._door, self._undecided = door, undecided
        self._shown = shown
        self._clock = clock

    def __len__(self) -> int:
        """How many are there beside those at the door."""
        return len(self._undecided)

    def watch(self, arrival: Arrival, outsider: Visitor | None) -> None:
        """`arrival` has come to the door, and `outsider` had to go for it: another one, itself, or none."""
        if isinstance(outsider, Arrival):
            self._refuse(outsider)
        if outsider is not arrival and arrival.waits:
            self._look_at(arrival)

    def impatient(self, now: float) -> list[Arrival]:
        """Those that have not shown in time who they are."""
        return self._undecided.overdue(now)

    def clear(self) -> list[Arrival]:
        """All that are not at the door."""
        return self._undecided.clear()

    def _refuse(self, arrival: Arrival) -> None:
        """There is no place for it at the door: it is closed, unless it has yet to show who it is."""
        if arrival.decided:
            arrival.dismiss()
            return
        leaver = self._undecided.add(arrival, self._clock())
        if leaver is not None:
            leaver.dismiss()
        if arrival.watch is None:
            self._look_at(arrival)

    def _look_at(self, arrival: Arrival) -> None:
        """At what has arrived, and at what comes later."""
        seen = peek(arrival.peer)
        if seen == b"":
            self._gone(arrival)
        elif seen is None or not self._look(arrival, seen):
            arrival.watch = Peeking(arrival.peer, lambda data: self._look(arrival, data), lambda: self._gone(arrival))

    def _look(self, arrival: Arrival, data: bytes) -> bool:
        """Whether `data` was enough."""
        shown = self._shown(data)
        if shown is None:
            return False
        arrival.unwatch()
        arrival.decided = True
        if shown:
            self._forget(arrival)
            arrival.admit_signed_in()
        elif arrival in self._undecided:
            self._forget(arrival)
            arrival.dismiss()
        return True

    def _gone(self, arrival: Arrival) -> None:
        self._forget(arrival)
        arrival.dismiss()

    def _forget(self, arrival: Arrival) -> None:
        self._undecided.discard(arrival)
        self._door.leave(arrival, arrival.source)


def shown_by_request(data: bytes, recognises: firstrequest.Recognises) -> bool | None:
    """As `Shown`, over plain HTTP. It costs some 20 µs, a good cookie 40; what it looks at is never a password."""
    if not begins_as_http(data):
        return False
    if not firstrequest.is_whole(data) and len(data) < MOST_PEEKED:
        return None
    request = firstrequest.with_credentials(data)
    return request is not None and recognises(request)


def shown_by_handshake(data: bytes, resumes: Callable[[tuple[bytes, ...]], bool]) -> bool | None:
    """As `Shown`, over TLS."""
    offered = clienthello.offered(data)
    return None if offered is None else resumes(offered)
