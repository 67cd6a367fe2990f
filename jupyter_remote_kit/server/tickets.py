"""One-time tickets: whoever may use the control socket may sign a browser in, without a token in any argv or history."""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Callable

LIFETIME_SECONDS = 60
TICKET_BYTES = 32
# A person opens one or two browsers; a loop that asks for thousands must not fill the memory.
MAX_OUTSTANDING = 32


class Tickets:
    """The tickets that were handed out and not yet used. Kept as SHA-256 only, so a dump of the memory opens nothing.

    `known_as` is what the laptop that asked for one last calls this host. It comes over the control socket, never from a request: the
    sign-in page shows a command with it.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._expiry: dict[bytes, float] = {}
        self.known_as: str | None = None

    def issue(self) -> str:
        """A new ticket of 256 bits, URL-safe, good once within `LIFETIME_SECONDS`; the oldest gives way when there are too many."""
        now = self._clock()
        self._expiry = {digest: expiry for digest, expiry in self._expiry.items() if expiry > now}
        while len(self._expiry) >= MAX_OUTSTANDING:
            del self._expiry[next(iter(self._expiry))]
        ticket = secrets.token_urlsafe(TICKET_BYTES)
        self._expiry[_digest(ticket)] = now + LIFETIME_SECONDS
        return ticket

    def redeem(self, ticket: str) -> bool:
        """Use `ticket` up. True for exactly one caller, and only in time; `dict.pop` decides a race."""
        expiry = self._expiry.pop(_digest(ticket), None)
        return expiry is not None and self._clock() < expiry

    def revoke_all(self) -> None:
        """Forget every outstanding ticket: whoever rotates a credential means all ways in."""
        self._expiry.clear()


def _digest(ticket: str) -> bytes:
    return hashlib.sha256(ticket.encode("utf-8", "surrogatepass")).digest()
