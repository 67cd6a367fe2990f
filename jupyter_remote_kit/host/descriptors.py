"""How many files and connections this process may have open at once."""

from __future__ import annotations

import sys
from contextlib import suppress

# What the interpreter, its libraries and the programs it starts take.
_OTHERS = 64
_WISHED = 4096

if sys.platform == "win32":

    def make_room() -> int:
        """Windows has no such limit."""
        return _WISHED - _OTHERS

else:
    import resource

    def make_room() -> int:
        """Raise the limit as far as an ordinary user may, since macOS gives 256; how many descriptors there are for connections."""
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        most = _WISHED if hard == resource.RLIM_INFINITY else min(hard, _WISHED)
        if soft != resource.RLIM_INFINITY and soft < most:
            with suppress(OSError, ValueError):
                resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
                soft = most
        return (_WISHED if soft == resource.RLIM_INFINITY else soft) - _OTHERS
