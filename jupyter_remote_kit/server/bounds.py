"""How much strangers may hold of this process, and how fast they may make it work."""

from __future__ import annotations

import resource
from dataclasses import dataclass, field

from jupyter_remote_kit.server.deadlines import Deadlines
from jupyter_remote_kit.server.sources import Paces

SWEEP_S = 1.0


@dataclass(frozen=True)
class Bounds:
    """How many connections of strangers there may be: of one source, and of all. None is counted once it is signed in."""

    each: int = 64
    # 24 KiB each with TLS once it rests, some 60 KiB of the process's growth in a flood: 15 MB, and 6 MB for the large headers below.
    overall: int = 256
    # A descriptor each, and nothing more: every one of 250 addresses has a place.
    waiting: int = 256
    # The same, of those beyond these whose first bytes are awaited.
    undecided: int = 128
    # With a header of more than 16 KiB, of one source and of all: a browser opens six connections.
    large_each: int = 8
    large: int = 32

    @classmethod
    def of_this_process(cls) -> Bounds:
        """Seven tenths of the descriptors are left to those signed in, to kernels and to terminals."""
        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        most = cls.overall if soft == resource.RLIM_INFINITY else max(32, min(cls.overall, soft // 8))
        return cls(overall=most, waiting=most, undecided=most // 2)


@dataclass(frozen=True)
class Rules:
    """Everything that a test may want to be shorter."""

    deadlines: Deadlines = field(default_factory=Deadlines)
    paces: Paces = field(default_factory=Paces)
    bounds: Bounds = field(default_factory=Bounds.of_this_process)
    sweep_s: float = SWEEP_S
