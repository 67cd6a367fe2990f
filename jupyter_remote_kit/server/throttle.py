"""How often a password or token may be guessed: by source, over all sources, and by browser that was here before.

The waits, in what a person meets:

| who | at once | then waits | at most |
|---|---|---|---|
| one source (an IPv4 address, an IPv6 /64) | 5 guesses | 1, 2, 4, 8, 10, 10, … minutes before each further one | 10 minutes |
| all sources together, those never seen before | 60 guesses | 2 s before each further one | 2 s |
| all sources together, those that guessed before | 50 of these 60 | 2 s each, and what the others have used of their 10 | 22 s |
| a browser with a device cookie, whatever its address does | 5 guesses | as one source, in a count of its own | 10 minutes |
| a cookie or token that is good | not asked | nothing | nothing |

A guess that was right costs nothing (`forgive`). Ten quiet minutes, counted from the end of the last wait, take one guess off: whoever
has waited the longest interval has a first step down after 20 minutes and all five back after 100.

So a source makes at most `5 + elapsed / 60 s` guesses, and some 150 a day; all of them together 43,200 a day. What a source never seen
waits does not depend on how long an attack lasted: it gets in 2 s after its end, and during it too, once the attack's addresses are
known (they may take 50 of the 60). A browser that signed in before is not concerned by either count.

Sources: the device buckets are OWASP's "Slow Down Online Guessing Attacks with Device Cookies"; the shared budget is the generic cell
rate algorithm (ITU-T I.371, annex A), one number instead of a queue; the answer to a wait is RFC 6585's 429 with `Retry-After`.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass

# Of one source or device.
AT_ONCE = 5
INTERVALS_S = (60.0, 120.0, 240.0, 480.0, 600.0)
DECAY_S = 600.0
MOST = AT_ONCE + len(INTERVALS_S) - 1
# Of all sources together.
SHARED_AT_ONCE = 60
SHARED_INTERVAL_S = 2.0
# What sources that guessed before leave to those that did not: without it some hundred addresses that guess all day keep the owner, who
# comes from a new one, out for as long.
RESERVED = 10
# An IDE that is left running with yesterday's token repeats it every few seconds (facts: `/api/sessions`, unauthenticated too).
TOKENS_REMEMBERED = 8
_DIGEST_BYTES = 16
# A device cookie is given to those who signed in alone, so there are few.
DEVICES = 1024


@dataclass(frozen=True, slots=True)
class Guess:
    """What came of a guess: the seconds to `wait`, 0.0 for none; `repeated`: it is a wrong token that this source has tried before."""

    wait: float
    repeated: bool = False


TAKEN = Guess(0.0)
TAKEN_AGAIN = Guess(0.0, repeated=True)


class Throttle:
    """The count of guesses. `now` is in monotonic seconds; waits are in seconds, 0.0 for none. Nothing here blocks or reads a clock."""

    def __init__(self, *, sources: int = 4096) -> None:
        """`sources` bounds the table: some 300 bytes each, 700 with wrong tokens remembered."""
        self._sources = _Table(sources)
        self._devices = _Table(DEVICES)
        self._shared = _Shared()
        self._key = secrets.token_bytes(_DIGEST_BYTES)

    def wait(self, source: str, now: float, device: str = "") -> float:
        """Seconds until a guess may be made. Two look-ups, whatever is going on: floods ask this at header time, 2,000 times a second."""
        if device:
            bucket = self._devices.get(device)
            return 0.0 if bucket is None else bucket.wait(now)
        bucket = self._sources.get(source)
        if bucket is None:
            return self._shared.wait(now, RESERVED)
        return max(bucket.wait(now), self._shared.wait(now, 0))

    def guess(self, source: str, now: float, *, device: str = "", token: str = "") -> Guess:
        """Take one guess before it is judged. No wait: taken and counted; else seconds to wait, and nothing is counted.

        `token` is a token, not a password, that was found wrong: once counted it is free as long as it is remembered, by a keyed digest,
        but it waits while its source waits. Counting first means that guesses made at the same time cannot outrun their count.
        """
        table, name = (self._devices, device) if device else (self._sources, source)
        bucket = table.get(name)
        digest = self._digest(token) if token else b""
        if digest and bucket is not None and digest in bucket.tokens:
            wait = bucket.wait(now)
            return Guess(wait, repeated=True) if wait else TAKEN_AGAIN
        wait = self.wait(source, now, device)
        if wait > 0:
            return Guess(wait)
        if bucket is None:
            bucket = table.add(name)
        bucket.take(now)
        if digest:
            bucket.tokens = (*bucket.tokens, digest)[-TOKENS_REMEMBERED:]
        if not device:
            self._shared.take(now)
        return TAKEN

    def forgive(self, source: str, device: str = "") -> None:
        """Give the cost of one guess back: it was right, or was never judged. Guesses of others behind the same address stay counted."""
        table, name = (self._devices, device) if device else (self._sources, source)
        bucket = table.get(name)
        if bucket is not None:
            bucket.give_back()
            if bucket.is_blank:
                table.drop(name)
        if not device:
            self._shared.give_back()

    def __len__(self) -> int:
        """How many sources and devices are remembered."""
        return len(self._sources) + len(self._devices)

    def _digest(self, token: str) -> bytes:
        # A header may hold what is no Unicode text.
        return hashlib.blake2b(token.encode("utf-8", "surrogatepass"), key=self._key, digest_size=_DIGEST_BYTES).digest()


class _Bucket:
    """The guesses of one source: how many are not yet decayed, and from when on the next is free, which is where quiet begins too."""

    __slots__ = ("free_at", "spent", "tokens")

    def __init__(self) -> None:
        self.spent = 0
        self.free_at = 0.0
        self.tokens: tuple[bytes, ...] = ()

    def wait(self, now: float) -> float:
        # Decay never shortens a wait: it begins after it.
        return self.free_at - now if self.free_at > now else 0.0

    def take(self, now: float) -> None:
        decayed = max(0, self.spent - int((now - self.free_at) // DECAY_S))
        self.spent = min(decayed + 1, MOST)
        self.free_at = now + self._interval()

    def give_back(self) -> None:
        self.free_at -= self._interval()
        self.spent = max(0, self.spent - 1)

    @property
    def is_blank(self) -> bool:
        return not self.spent and not self.tokens

    @property
    def forgotten_at(self) -> float:
        return self.free_at + self.spent * DECAY_S

    def _interval(self) -> float:
        """The wait that the last guess brought on."""
        return INTERVALS_S[self.spent - AT_ONCE] if self.spent >= AT_ONCE else 0.0


class _Table:
    """Buckets by name, never more than a number of them."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._buckets: dict[str, _Bucket] = {}

    def get(self, name: str) -> _Bucket | None:
        return self._buckets.get(name)

    def add(self, name: str) -> _Bucket:
        """A new bucket. The one that is forgotten first makes room, so that new sources push out new sources, and not the penalised.

        It is looked for among all of them, 1 ms for 4,096: the shared budget lets this happen every 2 s, after 60 at once.
        """
        while len(self._buckets) >= self._limit:
            del self._buckets[min(self._buckets, key=lambda other: self._buckets[other].forgotten_at)]
        bucket = self._buckets[name] = _Bucket()
        return bucket

    def drop(self, name: str) -> None:
        del self._buckets[name]

    def __len__(self) -> int:
        return len(self._buckets)


class _Shared:
    """The budget of all sources, as the theoretical arrival time of GCRA: when all that was taken will have been paid for."""

    def __init__(self) -> None:
        self._paid_at = 0.0

    def wait(self, now: float, reserve: int) -> float:
        """Seconds until the budget has a place; `reserve` is how many of the `RESERVED` places the asker may use."""
        places = SHARED_AT_ONCE - RESERVED + reserve
        ready_at = self._paid_at - (places - 1) * SHARED_INTERVAL_S
        return ready_at - now if ready_at > now else 0.0

    def take(self, now: float) -> None:
        self._paid_at = max(self._paid_at, now) + SHARED_INTERVAL_S

    def give_back(self) -> None:
        self._paid_at -= SHARED_INTERVAL_S
