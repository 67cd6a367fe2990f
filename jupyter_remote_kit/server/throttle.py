"""How often a password or token may be guessed: by source, over all sources, and by browser that was here before.

The waits, in what a person meets:

| who | at once | then waits | at most |
|---|---|---|---|
| one source (an IPv4 address, an IPv6 /64, a link-local one) | 5 guesses | 1, 2, 4, 8, 10, 10, … minutes before each | 10 minutes |
| the sources of an IPv6 /48 together; all link-local neighbours together | 20 guesses | 10 s before each further one | 10 s |
| all sources together, those never seen before | 60 guesses | 2 s before each further one | 2 s |
| all sources together, those that guessed before | 50 of these 60 | 2 s each, and what the others have used of their 10 | 22 s |
| what pages of other origins have the browsers of one source guess | 5 guesses | as one source, in a count of its own | 10 minutes |
| a browser with a device cookie, whatever its address does | 5 guesses | as one source, in a count of its own | 10 minutes |
| all browsers with device cookies together | 30 guesses | 10 s before each further one | 10 s |
| a browser with a device cookie that has to wait by these two | what its address has | as its address, if that is sooner | 10 minutes |
| a wrong token that its source has tried before | not counted | while its source waits | 10 minutes |
| a cookie or token that is good | not asked | nothing | nothing |

A guess that was right costs nothing (`forgive`). Ten quiet minutes, counted from the end of the last wait, take one guess off: whoever
has waited the longest interval has a first step down after 20 minutes and all five back after 100.

So a source makes at most `5 + elapsed / 60 s` guesses, and some 150 a day, and as many again as requests that claim to come from
a page of another origin; all of them together 43,200 a day. What a source never seen waits does not depend on how long an attack lasted:
it gets in 2 s after its end (10 s, if the attack came from its own /48), and during it too, once the attack's addresses are known (they may
take 50 of the 60). A browser that signed in before is not concerned by any of these counts. It shares one with its likes, or whoever signed
in once and scripted that would have five guesses for each cookie that he was given: 8,640 a day are left to all of them. While they use
these up, it may guess as its address may, which costs that address, and all sources, what it costs without the cookie: whoever has one can
leave it out, so no guess comes of it that could not be made otherwise.

A household or a rented machine is given a /56 or a /48 (RFC 6177), and whoever is on the link can take any link-local address: hence
the second row.

Sources: the device buckets are OWASP's "Slow Down Online Guessing Attacks with Device Cookies"; the shared budgets are the generic cell
rate algorithm (ITU-T I.371, annex A), one number instead of a queue; the answer to a wait is RFC 6585's 429 with `Retry-After`.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from enum import Enum
from functools import partial
from operator import attrgetter

from jupyter_remote_kit.plan.networks import wide_source_of
from jupyter_remote_kit.server.buckets import Bucket, Budget, Table

# Of all sources together.
SHARED_AT_ONCE = 60
SHARED_INTERVAL_S = 2.0
# What sources that guessed before leave to those that did not: without it some hundred addresses that guess all day keep the owner, who
# comes from a new one, out for as long.
RESERVED = 10
# Of the sources that one customer or one link may have made up.
WIDE_AT_ONCE = 20
WIDE_INTERVAL_S = 10.0
WIDE_SOURCES = 1024
# Of all browsers that were here before.
DEVICES_AT_ONCE = 30
DEVICES_INTERVAL_S = 10.0
# An IDE that is left running with yesterday's token repeats it every few seconds (facts: `/api/sessions`, unauthenticated too).
TOKENS_REMEMBERED = 8
_DIGEST_BYTES = 16
_wait = attrgetter("wait")


class Count(Enum):
    """What a guess is counted in, or waits for: the count of its source, that of its device, or one that it shares with others alone."""

    SOURCE = "source"
    DEVICE = "device"
    SHARED = "shared"


@dataclass(frozen=True, slots=True)
class Answer:
    """What comes of a guess.

    `wait` is in seconds, 0.0 for none: it may be made. `count` is where it is counted then, and what it waits for otherwise: `SHARED` says
    that neither source nor device has used up its own. `repeated`: it is a wrong token that was tried before from there.
    """

    wait: float
    count: Count
    repeated: bool = False


class Throttle:
    """The count of guesses. `now` is in monotonic seconds; waits are in seconds, 0.0 for none. Nothing here blocks or reads a clock."""

    def __init__(self, *, sources: int = 4096, devices: int = 1024) -> None:
        """`sources` and `devices` bound the tables: some 300 bytes each, 700 with wrong tokens remembered."""
        self._sources = Table(sources, Bucket)
        self._wide = Table(WIDE_SOURCES, partial(Budget, WIDE_AT_ONCE, WIDE_INTERVAL_S))
        self._all_sources = Budget(SHARED_AT_ONCE, SHARED_INTERVAL_S)
        self._devices = Table(devices, Bucket)
        self._all_devices = Budget(DEVICES_AT_ONCE, DEVICES_INTERVAL_S)
        self._key = secrets.token_bytes(_DIGEST_BYTES)

    def ask(self, source: str, now: float, device: str = "") -> Answer:
        """What a guess would be told. A few look-ups, whatever is going on: floods ask this at header time, 2,000 times a second."""
        return self._best(source, now, device)

    def guess(self, source: str, now: float, *, device: str = "", token: str = "") -> Answer:
        """Take one guess before it is judged. No wait: taken and counted; else seconds to wait, and nothing is counted.

        `token` is a token, not a password, that was found wrong: once counted it is free as long as it is remembered, by a keyed digest,
        but it waits while its source waits. Counting first means that guesses made at the same time cannot outrun their count.
        """
        digest = self._digest(token) if token else b""
        answer = self._best(source, now, device, digest)
        if answer.wait > 0 or answer.repeated:
            return answer
        by_device = answer.count is Count.DEVICE
        bucket = self._devices.take_up(device) if by_device else self._sources.take_up(source)
        bucket.take(now)
        if digest:
            bucket.tokens = (*bucket.tokens, digest)[-TOKENS_REMEMBERED:]
        if by_device:
            self._all_devices.take(now)
        else:
            self._all_sources.take(now)
            if wide := wide_source_of(source):
                self._wide.take_up(wide).take(now)
        return answer

    def forgive(self, source: str, device: str = "") -> None:
        """Give the cost of one guess back: it was right, or was never judged. Guesses of others behind the same address stay counted.

        `device` is for one that was counted by the device (`Answer.count`).
        """
        table, name = (self._devices, device) if device else (self._sources, source)
        bucket = table.get(name)
        if bucket is not None:
            bucket.give_back()
            if bucket.is_blank:
                table.drop(name)
        if device:
            self._all_devices.give_back()
            return
        self._all_sources.give_back()
        wide = self._wide.get(wide_source_of(source) or "")
        if wide is not None:
            wide.give_back()

    def __len__(self) -> int:
        """How much is remembered: sources, wide ones, and devices."""
        return len(self._sources) + len(self._wide) + len(self._devices)

    def _best(self, source: str, now: float, device: str, digest: bytes = b"") -> Answer:
        """By its device, unless that has to wait, and its source for less. A token that the device knows is no guess of either."""
        if not device:
            return self._of_source(source, now, digest)
        answer = self._of_device(device, now, digest)
        if not answer.wait or answer.repeated:
            return answer
        return min(answer, self._of_source(source, now, digest), key=_wait)

    def _of_source(self, source: str, now: float, digest: bytes) -> Answer:
        bucket = self._sources.get(source)
        if bucket is not None and digest in bucket.tokens:
            return Answer(bucket.wait(now), Count.SOURCE, repeated=True)
        wide = self._wide.get(wide_source_of(source) or "")
        shared = self._all_sources.wait(now, leaving=RESERVED if bucket is not None else 0)
        return _answer(bucket, Count.SOURCE, max(shared, wide.wait(now) if wide is not None else 0.0), now)

    def _of_device(self, device: str, now: float, digest: bytes) -> Answer:
        bucket = self._devices.get(device)
        if bucket is not None and digest in bucket.tokens:
            return Answer(bucket.wait(now), Count.DEVICE, repeated=True)
        return _answer(bucket, Count.DEVICE, self._all_devices.wait(now), now)

    def _digest(self, token: str) -> bytes:
        # A header may hold what is no Unicode text.
        return hashlib.blake2b(token.encode("utf-8", "surrogatepass"), key=self._key, digest_size=_DIGEST_BYTES).digest()


def _answer(bucket: Bucket | None, count: Count, shared: float, now: float) -> Answer:
    """Of what is counted in `bucket`, for which others leave no place for `shared` seconds."""
    own = bucket.wait(now) if bucket is not None else 0.0
    return Answer(max(own, shared), Count.SHARED if shared and not own else count)
