"""Watches a line that leads to a server, and tells when it no longer does."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

from jupyter_remote_kit.commands.connecting.joining import Joined
from jupyter_remote_kit.commands.connecting.screen import Screen
from jupyter_remote_kit.host.forwarder import Forwarder
from jupyter_remote_kit.host.line import Line, LineCut, Pong
from jupyter_remote_kit.plan import sshtrouble
from jupyter_remote_kit.plan.liveness import PING_EVERY_S, SLEPT_S, Liveness
from jupyter_remote_kit.plan.ssh import Near
from jupyter_remote_kit.plan.target import Target

_LOOKS_EVERY_S = 0.5


@dataclass(frozen=True)
class Held:
    """A line that leads to the server."""

    line: Line
    joined: Joined
    near: Near


class ServerGone(Exception):
    """The line is alive, and the process of the server is not there any more."""


async def watch(held: Held, target: Target, forwarder: Forwarder, screen: Screen) -> None:
    """Return never. Raises `LineCut` for a line that is cut or dead, and `ServerGone`."""
    traffic = forwarder.traffic
    down, up = traffic.down, traffic.up - forwarder.waiting
    live = Liveness(time.monotonic())
    looked = time.time()
    pinging = _Pinging(held.line, held.joined.handover.pid)
    try:
        while True:
            pong = await pinging.next(_LOOKS_EVERY_S)
            now, wall = time.monotonic(), time.time()
            if wall - looked > SLEPT_S:
                live.slept(now)
            looked = wall
            if pong is not None:
                live.answered(pong.at)
                if not pong.alive:
                    # Its port may be anybody's by now: what a browser sends is for nobody else.
                    raise ServerGone
            waiting = forwarder.waiting
            live.carried(now, traffic.down - down, traffic.up - waiting - up, waiting)
            if live.dead(now) or not forwarder.has_line:
                raise LineCut(sshtrouble.silent(target))
            screen.alive(pinging.round_trip_s, traffic.down, traffic.up)
    finally:
        pinging.stop()


class _Pinging:
    """Asks the line for a sign of life, again and again."""

    def __init__(self, line: Line, pid: int) -> None:
        self._line, self._pid = line, pid
        self._latest: Pong | None = None
        self._task = asyncio.ensure_future(self._ping())
        self._gone = asyncio.ensure_future(line.gone())
        self.round_trip_s: float | None = None

    async def next(self, seconds: float) -> Pong | None:
        """The answer that came since the last call, if any, after so many seconds. Raises `LineCut` as soon as the line is cut."""
        await asyncio.wait({self._task, self._gone}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        if self._task.done():
            self._task.result()
        if self._gone.done():
            # Between two pings: the next one says why.
            await self._line.ping()
        pong, self._latest = self._latest, None
        return pong

    def stop(self) -> None:
        """Ask no more."""
        self._task.cancel()
        self._gone.cancel()

    async def _ping(self) -> None:
        while True:
            self._latest = await self._line.ping(self._pid)
            self.round_trip_s = self._latest.round_trip_s
            await asyncio.sleep(PING_EVERY_S)
