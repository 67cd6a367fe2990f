"""Keeps a line to one server: makes it, and makes it anew whenever it is cut, until somebody ends it."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from jupyter_remote_kit import invocation
from jupyter_remote_kit.commands import distant
from jupyter_remote_kit.commands.connecting import joining, loginprofile, watching
from jupyter_remote_kit.commands.connecting.joining import Joined
from jupyter_remote_kit.commands.connecting.screen import Screen
from jupyter_remote_kit.commands.connecting.watching import Held, ServerGone
from jupyter_remote_kit.commands.connecting.wish import Wish
from jupyter_remote_kit.commands.context import Context
from jupyter_remote_kit.errors import Failed, Problem, of_system
from jupyter_remote_kit.host import localports, sshprocess
from jupyter_remote_kit.host.forwarder import Forwarder
from jupyter_remote_kit.host.line import Line, LineCut
from jupyter_remote_kit.messages import Message, msg
from jupyter_remote_kit.plan import retry, shell
from jupyter_remote_kit.plan.ssh import Near, Opening, Settings

# A line that held for so long was a good one: the next try after it comes at once. One that fails as soon as it is up is no line.
_HELD_S = 2.0
# What is lost on the way to a host that comes back is sent again after 1, 2 and 4 s (RFC 6298); a fresh try is sooner than the next.
_AGAIN_CONNECT_S = 6
# A configuration that gives a host longer is heeded within bounds: a try that is begun while the network is down is over when it is up.
_AGAIN_MOST_S = 15
# A server that is found on another port each time is none that could be forwarded to.
_MOST_MOVES = 2


class Ended(Failed):
    """The server on the host is no longer there, although the line is."""


class _Moved(Exception):
    """The server has another port than the line forwards. Without multiplexing that takes another line."""

    def __init__(self, far_port: int) -> None:
        super().__init__(far_port)
        self.far_port = far_port


class Keeper:
    """One line after the other, to the server that is wished for. What comes to `forwarder` goes through the one that is up.

    Where the wish is to stop the server in the end, that is done when `keep` is cancelled; `stopped` is then the number of its kernels.
    """

    def __init__(self, context: Context, wish: Wish, forwarder: Forwarder, screen: Screen) -> None:
        self._context, self._wish, self._forwarder, self._screen = context, wish, forwarder, screen
        self._settings = Settings()
        self._moves = 0
        self._was_up = False
        self._has_started = False
        self._may_ask = context.interactive
        self._up_since: float | None = None
        self._earlier: tuple[int, str] | None = None
        self._far_port = wish.known.far_ports.get(wish.instance)
        self.stopped: int | None = None

    async def keep(self, ready: Callable[[Joined], None]) -> None:
        """Hold a line until this task is cancelled; `ready` is called once, when the first one is up.

        Raises what keeps it from a first line, `LineCut` for what no other try would mend, and `Ended`.
        """
        self._settings = await sshprocess.settings(self._wish.target)
        if not self._may_ask:
            self._screen.connecting()
        tries = _tries()
        while True:
            self._up_since = None
            reason = await self._once(ready)
            if self._held_for() > _HELD_S:
                tries = _tries()
            if reason is not None:
                await self._pause(reason, next(tries))

    def _held_for(self) -> float:
        """How long the last line was up, in seconds."""
        return time.monotonic() - self._up_since if self._up_since is not None else 0.0

    async def _once(self, ready: Callable[[Joined], None]) -> Message | None:
        """One line, from its making to its end; why it ended, `None` where the next one is to be made at once."""
        try:
            # A folder for each line: what cleans up temporary ones may have taken that of the last.
            with distant.control_folder() as folder:
                async with self._made(folder) as held:
                    self._come_up(held, ready)
                    await self._hold(held)
        except _Moved as moved:
            self._move(moved.far_port)
            return None
        except LineCut as cut:
            self._judge(cut)
            return cut.trouble.problem.message
        except Ended:
            raise
        except (Failed, OSError) as error:
            # What the host, or this machine, could not do just now it may do later: it was able to before.
            if not self._was_up:
                raise
            return (of_system(error) if isinstance(error, OSError) else error).problems[0].message
        raise AssertionError

    @asynccontextmanager
    async def _made(self, folder: Path) -> AsyncIterator[Held]:
        """A line to the server, for as long as the context lasts."""
        asking = self._may_ask
        if asking:
            self._screen.connecting(by_way=self._settings.behind)
        opening, near = self._opening(folder, batch=not asking)
        try:
            async with Line.open(opening, distant.shown(self._context) if asking else None) as line:
                if self._earlier is not None:
                    await line.ask(shell.ending(*self._earlier))
                self._earlier = (line.far_pid, line.mark)
                wish = self._wish
                self._note_profile(line, wish)
                joined = self._since_the_beginning(await joining.server(self._context, line, self._wish, self._screen))
                joined = replace(joined, problems=self._note_profile(line, wish))
                try:
                    if opening.control is not None:
                        near = await joining.forwarded(line, near, joined.handover)
                    elif self._far_port != joined.handover.port:
                        raise _Moved(joined.handover.port)
                    await joining.check(line, self._wish, near, joined)
                except (Failed, LineCut, asyncio.CancelledError):
                    if not self._was_up:
                        await joining.undo(line, self._wish, joined)
                    raise
                yield Held(line, joined, near)
        finally:
            self._forwarder.line_is_down()

    def _note_profile(self, line: Line, wish: Wish) -> tuple[Problem, ...]:
        """What is to be said of the login profile, by which this line was made for `wish`; later lines do without one that failed."""
        problems = loginprofile.left(line, wish.known, wish.options)
        if problems:
            self._wish = replace(self._wish, options=replace(wish.options, login_profile=False))
        return problems

    def _since_the_beginning(self, joined: Joined) -> Joined:
        """Until the first line is up, what an earlier try has started counts as started now."""
        self._has_started = joined.handover.started or (self._has_started and not self._was_up)
        return replace(joined, handover=replace(joined.handover, started=self._has_started))

    def _opening(self, folder: Path, *, batch: bool) -> tuple[Opening, Near]:
        connect_s, for_tunnels = self._patience_s(batch=batch), self._settings.for_tunnels
        profile_s = self._wish.options.profile_s
        opening = Opening(self._wish.target, batch=batch, connect_s=connect_s, for_tunnels=for_tunnels, profile_s=profile_s)
        if distant.PLATFORM.multiplexes:
            near = Near(path=str(folder / "near"))
            return replace(opening, control=str(folder / "ssh")), near
        near = Near(port=localports.free())
        forward = (near, self._far_port) if self._far_port is not None else None
        return replace(opening, forward=forward), near

    def _patience_s(self, *, batch: bool) -> int:
        """How long the host may take to a first answer; nobody is asked anything where a line is made anew for the first time."""
        if self._was_up and batch:
            return min(self._settings.patience_s(_AGAIN_CONNECT_S, batch=True), _AGAIN_MOST_S)
        return self._settings.patience_s(distant.CONNECT_S, batch=batch)

    def _come_up(self, held: Held, ready: Callable[[Joined], None]) -> None:
        self._forwarder.line_is_up(held.near)
        self._up_since = time.monotonic()
        self._may_ask, self._moves = False, 0
        if not self._was_up:
            ready(held.joined)
            self._was_up = True
            return
        self._screen.up()
        for problem in held.joined.problems:
            self._screen.say(problem.message)
        if held.joined.handover.started:
            self._screen.say(msg("The server on {host} was started anew: what ran there is gone.", host=self._wish.name))

    async def _hold(self, held: Held) -> None:
        """Watch; when that is ended by Ctrl-C, the line is still there to stop the server by."""
        try:
            await watching.watch(held, self._wish.target, self._forwarder, self._screen)
        except asyncio.CancelledError:
            if self._wish.stop_on_exit:
                self.stopped = await joining.stop_soon(held.line, self._wish)
            raise
        except ServerGone:
            self._forwarder.line_is_down()
            if await joining.runs(held.line, self._wish):
                # Another command has started it anew.
                raise _Moved(held.joined.handover.port) from None
            raise Ended.of(
                "server-ended",
                msg("The server on {host} has ended, and its kernels with it.", host=self._wish.name),
                msg("Start it again: {command}", command=self._wish.command("connect")),
            ) from None

    def _move(self, far_port: int) -> None:
        """Take the next line for that port. Raises `Failed` where there is no end to it."""
        self._far_port = far_port
        self._moves += 1
        if self._moves > _MOST_MOVES:
            raise Failed.of(
                "server-moves",
                msg("The server on {host} has another port each time.", host=self._wish.name),
                msg("Look for what starts it: {command}", command=invocation.command(f"list {shell.quoted((self._wish.name,))}")),
            )

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


def _tries() -> Iterator[float]:
    return retry.delays(iter(random.random, None))  # spreads laptops, hides nothing
