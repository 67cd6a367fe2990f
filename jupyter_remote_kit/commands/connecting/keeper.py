"""Keeps a line to one server: makes it, watches it, and makes it anew whenever it is cut, until somebody ends it."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from jupyter_remote_kit.commands import distant
from jupyter_remote_kit.commands.connecting import joining
from jupyter_remote_kit.commands.connecting.joining import Joined
from jupyter_remote_kit.commands.connecting.screen import Screen
from jupyter_remote_kit.commands.connecting.wish import Wish
from jupyter_remote_kit.commands.context import Context
from jupyter_remote_kit.errors import Failed
from jupyter_remote_kit.host import forwarder as forwarding
from jupyter_remote_kit.host import probe
from jupyter_remote_kit.host.forwarder import Forwarder
from jupyter_remote_kit.host.line import Line, LineCut
from jupyter_remote_kit.messages import Message, msg
from jupyter_remote_kit.plan import retry, shell, sshtrouble
from jupyter_remote_kit.plan.liveness import PING_EVERY_S, SLEPT_S, Liveness
from jupyter_remote_kit.plan.ssh import Near, Opening

_LOOKS_EVERY_S = 0.5
# A line that held for so long was a good one: the next try after it comes at once. One that fails as soon as it is up is no line.
_HELD_S = 2.0
# What is lost on the way to a host that comes back is sent again after 1, 2 and 4 s (RFC 6298); a fresh try is sooner than the next.
_AGAIN_CONNECT_S = 6


class Ended(Failed):
    """The server on the host is no longer there, although the line is."""


class _Reopen(Exception):
    """Without multiplexing a port is forwarded from the start: the line has to be made anew for another port."""

    def __init__(self, far_port: int) -> None:
        super().__init__(far_port)
        self.far_port = far_port


@dataclass(frozen=True)
class Held:
    """A line that leads to the server."""

    line: Line
    joined: Joined
    near: Near


class Keeper:
    """One line after the other, to the server that is wished for. What comes to `forwarder` goes through the one that is up.

    With `stop_on_exit` the server is stopped when `keep` is cancelled; `stopped` is then the number of its kernels.
    """

    def __init__(self, context: Context, wish: Wish, forwarder: Forwarder, screen: Screen) -> None:
        self._context, self._wish, self._forwarder, self._screen = context, wish, forwarder, screen
        self.stop_on_exit = False
        self._count = 0
        self._was_up = False
        self._has_started = False
        self._may_ask = context.interactive
        self._earlier: tuple[int, str] | None = None
        self._far_port = wish.known.far_ports.get(wish.instance)
        self.stopped: int | None = None

    async def keep(self, ready: Callable[[Joined], None]) -> None:
        """Hold a line until this task is cancelled; `ready` is called once, when the first one is up.

        Raises what keeps it from a first line, `LineCut` for what no other try would mend, and `Ended`.
        """
        async with distant.control_folder() as folder:
            tries = _tries()
            while True:
                begun = time.monotonic()
                try:
                    async with self._made(folder) as held:
                        begun = time.monotonic()
                        self._come_up(held, ready)
                        await self._watch_to_the_end(held)
                except _Reopen as elsewhere:
                    self._far_port = elsewhere.far_port
                    continue
                except LineCut as cut:
                    self._judge(cut)
                    reason = cut.trouble.problem.message
                except Ended:
                    raise
                except Failed as error:
                    # What the host could not do just now it may do later: it was able to before.
                    if not self._was_up:
                        raise
                    reason = error.problems[0].message
                if time.monotonic() - begun > _HELD_S:
                    tries = _tries()
                await self._pause(reason, next(tries))

    @asynccontextmanager
    async def _made(self, folder: Path) -> AsyncIterator[Held]:
        """A line to the server, for as long as the context lasts."""
        self._count += 1
        asking = self._may_ask
        if asking:
            self._screen.clear()
        opening, near = self._opening(folder, batch=not asking)
        try:
            async with Line.open(opening, distant.shown(self._context) if asking else None) as line:
                if self._earlier is not None:
                    await line.ask(shell.ending(*self._earlier))
                self._earlier = (line.far_pid, line.mark)
                joined = self._since_the_beginning(await joining.server(self._context, line, self._wish, self._screen))
                try:
                    if opening.control is not None:
                        await line.forward(near, joined.handover.port)
                    elif self._far_port != joined.handover.port:
                        raise _Reopen(joined.handover.port)
                    await joining.check(line, self._wish, near, joined)
                except (Failed, LineCut):
                    if not self._was_up:
                        await joining.undo(line, self._wish, joined)
                    raise
                yield Held(line, joined, near)
        finally:
            self._forwarder.line_is_down()

    def _since_the_beginning(self, joined: Joined) -> Joined:
        """Until the first line is up, what an earlier try has started counts as started now."""
        self._has_started = joined.handover.started or (self._has_started and not self._was_up)
        return replace(joined, handover=replace(joined.handover, started=self._has_started))

    def _opening(self, folder: Path, *, batch: bool) -> tuple[Opening, Near]:
        connect_s = _AGAIN_CONNECT_S if self._was_up else 10
        if distant.PLATFORM.multiplexes:
            near = Near(path=str(folder / f"near-{self._count}"))
            return Opening(self._wish.target, str(folder / f"ssh-{self._count}"), None, batch, connect_s), near
        near = Near(port=forwarding.free_port())
        forward = (near, self._far_port) if self._far_port is not None else None
        return Opening(self._wish.target, None, forward, batch, connect_s), near

    def _come_up(self, held: Held, ready: Callable[[Joined], None]) -> None:
        self._forwarder.line_is_up(held.near)
        self._may_ask = False
        if self._was_up:
            self._screen.up()
            if held.joined.handover.started:
                self._screen.say(msg("The server on {host} was started anew: what ran there is gone.", host=self._wish.name))
        else:
            self._was_up = True
            ready(held.joined)

    def _judge(self, cut: LineCut) -> None:
        """Whether another try can help. Raises `LineCut` where none does."""
        trouble = cut.trouble
        if not self._was_up:
            raise cut
        if trouble.asks and self._context.interactive:
            # ssh was told to ask nothing, and has a question: a person may answer it on the next try.
            self._may_ask = True
        elif trouble.lasting:
            raise cut

    async def _pause(self, reason: Message, seconds: float) -> None:
        self._screen.down(reason, seconds)
        await asyncio.sleep(seconds)

    async def _watch_to_the_end(self, held: Held) -> None:
        """Watch; when that is ended by Ctrl-C, the line is still there to stop the server by."""
        try:
            await self._watch(held)
        except asyncio.CancelledError:
            if self.stop_on_exit:
                self.stopped = await joining.stop(held.line, self._wish)
            raise

    async def _watch(self, held: Held) -> None:
        """Return never: a line that is dead, cut, or leads nowhere raises `LineCut` or `Ended`."""
        traffic = self._forwarder.traffic
        down, up = traffic.down, traffic.up
        live = Liveness(time.monotonic())
        looked, words = time.time(), 0
        pinging = _Pinging(held.line)
        try:
            while True:
                await pinging.wait(_LOOKS_EVERY_S)
                now, wall = time.monotonic(), time.time()
                if wall - looked > SLEPT_S:
                    live.slept(now)
                looked = wall
                if pinging.answered_at is not None:
                    live.answered(pinging.answered_at)
                live.carried(now, traffic.down - down, traffic.up - up)
                if live.dead(now):
                    raise LineCut(sshtrouble.silent(self._wish.target))
                if len(held.line.words) != words:
                    words = len(held.line.words)
                    await self._look_behind(held)
                self._screen.alive(pinging.round_trip_s, traffic.down, traffic.up)
        finally:
            pinging.stop()

    async def _look_behind(self, held: Held) -> None:
        """ssh has said something: when it is that nobody listens at the other end, the server has ended. Raises `Ended`."""
        if not any("connect failed" in said for said in held.line.words):
            return
        if await probe.healthy(held.near, held.joined.handover.base_url):
            return
        await held.line.ping()
        raise Ended.of(
            "server-ended",
            msg("The server on {host} has ended, and its kernels with it.", host=self._wish.name),
            msg("Start it again: {command}", command=self._wish.command("connect")),
        )


class _Pinging:
    """Asks the line for a sign of life, again and again."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._task = asyncio.ensure_future(self._ping())
        self._gone = asyncio.ensure_future(line.gone())
        self.round_trip_s: float | None = None
        self.answered_at: float | None = None

    async def wait(self, seconds: float) -> None:
        """Wait so long. Raises `LineCut` as soon as the line is cut."""
        await asyncio.wait({self._task, self._gone}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        if self._task.done():
            self._task.result()
        if self._gone.done():
            # Between two pings: the next one says why.
            await self._line.ping()

    def stop(self) -> None:
        """Ask no more."""
        self._task.cancel()
        self._gone.cancel()

    async def _ping(self) -> None:
        while True:
            self.round_trip_s = await self._line.ping()
            self.answered_at = time.monotonic()
            await asyncio.sleep(PING_EVERY_S)


def _tries() -> Iterator[float]:
    return retry.delays(iter(random.random, None))  # spreads laptops, hides nothing
