"""Which ports a server may have that is told to choose one itself, and in what order it tries them."""

from __future__ import annotations

import hashlib
from collections.abc import Collection

# Below what Linux (32768, ip_local_port_range) and macOS (49152) hand out to outgoing connections, where a port may be gone for a moment.
FIRST, COUNT = 18800, 1000
# Each has no divisor in common with 1000, so that every port comes up once.
_STEPS = (1, 3, 7, 9, 11, 13, 17, 19)


def candidates(user: str, instance: str, declared: Collection[int]) -> tuple[int, ...]:
    """The ports to try, the first first. `declared` are those of the user's other instances, which may start at any moment.

    The order is another for each user and instance, so that two who start at once rarely meet; and the same each time.
    """
    digest = hashlib.sha256(f"{user}\0{instance}".encode("utf-8", "surrogatepass")).digest()
    start, step = int.from_bytes(digest[:8], "big"), _STEPS[digest[8] % len(_STEPS)]
    ports = (FIRST + (start + number * step) % COUNT for number in range(COUNT))
    return tuple(port for port in ports if port not in declared)
