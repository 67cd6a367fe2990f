"""What a connection is doing, and until when it may. No clock and no socket in here: `now` is in seconds, monotonic."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

NEVER = float("inf")


class State(Enum):
    """What a connection is doing. `gives_way` orders whom room is made of: the smallest goes first."""

    ACCEPTED = ("accepted", 0)  # the TLS handshake and the first header
    HEADER = ("header", 0)  # a later header
    DRAINING = ("draining", 0)  # what comes after an answer that came early, and is discarded
    IDLE = ("idle", 1)
    QUEUED = ("queued", 2)  # a request that waits for its turn
    BODY = ("body", 3)
    ANSWERING = ("answering", 4)
    UPGRADED = ("upgraded", 5)  # a websocket

    def __init__(self, label: str, gives_way: int) -> None:
        self.label = label
        self.gives_way = gives_way


@dataclass(frozen=True)
class Deadlines:
    """Seconds, unless said otherwise.

    Browsers and IDEs keep connections for later requests; one that is closed too early costs a TLS handshake after each pause, and
    races with the client's next request. So the idle time is long, and short only where room is needed.
    """

    # From accept to the first request's header, and from a later one's first byte.
    header: float = 10.0
    # Of it, how long a connection may wait to be taken up.
    turn: float = 5.0
    # How long one without a place in the queue may take to show who it is: a segment that is lost is sent again within that time.
    undecided: float = 1.0
    # How long a new connection counts as one that is under way: a newcomer of its source takes no place from it, but from one that waits.
    fresh: float = 1.0
    # Each is work, a header of 72 KiB is 51 of them over Ethernet, and a client on a line that loses much sends a few more.
    header_reads: int = 96
    idle: float = 300.0
    idle_stranger_squeezed: float = 10.0
    idle_signed_in_squeezed: float = 60.0
    body_stranger: float = 10.0
    # 16 KiB a minute: thinner than any line that somebody would save a notebook over, and yet an end for one that was cut.
    body_window: float = 60.0
    body_least: int = 16 * 1024
    answer_stalled: float = 30.0
    drain: float = 5.0


class Progress:
    """One connection: its state, since when, and until when without a sign of life."""

    __slots__ = ("_deadlines", "_reads", "_received_before", "_written_before", "due", "received", "signed_in", "since", "state", "written")

    def __init__(self, deadlines: Deadlines, now: float) -> None:
        self._deadlines = deadlines
        self.signed_in = False
        self.received = 0  # bytes, as they come from TLS
        self.written = 0
        self.enter(State.ACCEPTED, now)

    def enter(self, state: State, now: float) -> None:
        """From now on it is doing this."""
        self.state = state
        self.since = now
        self._reads = 0
        self._again(now)

    def gives_way(self, now: float) -> int:
        """How readily it makes room, as `State.gives_way` says, but for one that has only just come."""
        fresh = self.state is State.ACCEPTED and now - self.since < self._deadlines.fresh
        return State.QUEUED.gives_way if fresh else self.state.gives_way

    def receive(self, count: int) -> None:
        """So many bytes came at once."""
        self.received += count
        self._reads += 1
        if not self.signed_in and self.state in (State.ACCEPTED, State.HEADER) and self._reads > self._deadlines.header_reads:
            self.due = 0.0

    @property
    def header_bytes(self) -> int:
        """How much of a header has arrived, what follows it in the same read included; 0 once it is whole."""
        return self.received - self._received_before if self.state in (State.ACCEPTED, State.HEADER) else 0

    def sign_in(self, now: float) -> None:
        """It belongs to somebody who is signed in."""
        self.signed_in = True
        self._again(now)

    def overdue(self, now: float, *, reading: bool, writing: bool) -> bool:
        """Whether its time is up. `reading`: we wait for more from the peer; `writing`: we have more for it than it takes."""
        if now < self.due:
            return False
        if self.state is State.BODY and self.signed_in:
            stalled = reading and self.received - self._received_before < self._deadlines.body_least
        elif self.state is State.ANSWERING:
            stalled = writing and self.written == self._written_before
        else:
            return True
        if not stalled:
            self._again(now)
        return stalled

    def squeezed(self, now: float) -> bool:
        """Whether it has been idle for longer than it may be while room is needed."""
        limit = self._deadlines.idle_signed_in_squeezed if self.signed_in else self._deadlines.idle_stranger_squeezed
        return self.state is State.IDLE and now - self.since >= limit

    def _again(self, now: float) -> None:
        self._received_before = self.received
        self._written_before = self.written
        self.due = now + self._allowed()

    def _allowed(self) -> float:
        limits = self._deadlines
        if self.state in (State.ACCEPTED, State.HEADER):
            return limits.header
        if self.state is State.DRAINING:
            return limits.drain
        if self.state is State.IDLE:
            return limits.idle
        if self.state is State.BODY:
            return limits.body_window if self.signed_in else limits.body_stranger
        # Who waits for a turn is sent away by the door.
        return limits.answer_stalled if self.state is State.ANSWERING and not self.signed_in else NEVER
