"""Whether a line is alive, told from what comes over it. No clock in here: `now` is in seconds, monotonic.

An answer to a ping is a sign of life, and so is every byte that arrives. A ping waits behind whatever is being sent: on a thin line a large
upload delays it for longer than any patience, so what ssh takes off our hands counts as well, while there is more than it takes. In a dead
line its buffers are full within a second of such an upload, and then it takes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

# A drop is to be noticed within 15 s: the last sign may be a ping's interval old when the line goes dead.
PING_EVERY_S = 4.0
DEAD_AFTER_S = 9.0
# After a sleep: the peer has given up long ago, or answers at once.
SLEPT_S = 20.0
DEAD_AFTER_SLEEP_S = 4.0
# ssh takes an upload in steps of 96 KiB once its channel's window is full (`channel_check_window`): 12 s at 64 kbit/s.
DEAD_AFTER_UPLOADING_S = 13.0


@dataclass
class Liveness:
    """What is known of one line; `down` and `up` are the bytes that it has carried so far."""

    now: float
    down: int = 0
    up: int = 0

    def __post_init__(self) -> None:
        self._sign = self.now
        self._patience = DEAD_AFTER_S

    def answered(self, now: float) -> None:
        """A ping has come back."""
        self._sign, self._patience = max(self._sign, now), DEAD_AFTER_S

    def carried(self, now: float, down: int, up: int, waiting: int = 0) -> None:
        """So many bytes have come, and been taken by ssh, since the line was made; `waiting` are to be taken yet."""
        if down > self.down or (up > self.up and waiting):
            self._sign = max(self._sign, now)
            self._patience = DEAD_AFTER_UPLOADING_S if waiting else DEAD_AFTER_S
        self.down, self.up = down, up

    def slept(self, now: float) -> None:
        """The machine was asleep: what is known is old, and one short wait has to tell."""
        self._sign, self._patience = max(self._sign, now), DEAD_AFTER_SLEEP_S

    def dead(self, now: float) -> bool:
        """Whether the line has given no sign for too long."""
        return now - self._sign > self._patience
