"""`jupyter remotekit connect`: a server on a host with ssh, in this laptop's browser, for as long as the line is wanted."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

from jupyter_remote_kit.commands import distant
from jupyter_remote_kit.commands.connecting import browsing, joining, reserving, wishing
from jupyter_remote_kit.commands.connecting.joining import Joined
from jupyter_remote_kit.commands.connecting.keeper import Keeper
from jupyter_remote_kit.commands.connecting.reserving import Reservation
from jupyter_remote_kit.commands.connecting.screen import Screen
from jupyter_remote_kit.commands.connecting.wish import Wish
from jupyter_remote_kit.commands.context import AlreadyTold, Context, dry_run_option, option, plain_command
from jupyter_remote_kit.commands.hosts.wish import where_options
from jupyter_remote_kit.errors import Failed, Problem, RemoteKitError, of_system
from jupyter_remote_kit.host import addressbook, connections, paths
from jupyter_remote_kit.host.connections import Connection
from jupyter_remote_kit.host.forwarder import Forwarder
from jupyter_remote_kit.messages import Message, marked, msg
from jupyter_remote_kit.plan.layout import Layout
from jupyter_remote_kit.result import Result


@plain_command("connect", marked("On the laptop: a host's JupyterLab over ssh, in your browser, and kept there."))
@wishing.host_argument
@where_options
@wishing.up_options
@option("--browser/--no-browser", default=None, help=marked("Open a browser, signed in by a one-time ticket, or only print the URLs."))
@option("--local-port", type=wishing.PORT, metavar="PORT", help=marked("The port of this machine; each server keeps the one it had."))
@option("--stop-on-exit", is_flag=True, help=marked("Stop the server when this command ends; by default it goes on."))
@dry_run_option
def command(context: Context, host: str, local_port: int | None, dry_run: bool, **said: Any) -> Result | None:
    """Make a line, tell the URLs, keep the line until Ctrl-C."""
    layout = paths.layout()
    wish = wishing.wish_of(layout, host, said)
    if dry_run:
        return wishing.dry_run("connect", wish, wish.up_arguments, forwards=True)
    wishing.check(layout, wish)
    other = connections.find(layout, wish.target, wish.instance)
    if other is None:
        # From here on nobody else has the name or the port: two accounts on one host may be connected to for the first time at once.
        return _Call(context, layout, reserving.reserve(layout, wish, local_port)).run()
    if wish.stop_on_exit or local_port not in {None, other.port}:
        raise Failed.of(
            "already-connected",
            _held_already(wish, other),
            msg("End that one first, or leave out --local-port and --stop-on-exit: kill {pid}", pid=other.pid),
        )
    return distant.run(_join(context, wish, other))


async def _join(context: Context, wish: Wish, other: Connection) -> Result:
    """Another `connect` holds the line to that server already: open its URL once more, signed in anew."""
    joined = await joining.once(context, wish)
    problems = browsing.opened(wish, other.port, joined.handover) if wish.options.browser else None
    result = browsing.result(context, wish, other.port, joined.handover, _held_already(wish, other), problems)
    return replace(result, problems=(*joined.problems, *result.problems))


def _held_already(wish: Wish, other: Connection) -> Message:
    return msg("Process {pid} of this machine holds the line to {host} already.", pid=other.pid, host=wish.name)


class _Call:
    """One call of `connect`, from the first line to Ctrl-C."""

    def __init__(self, context: Context, layout: Layout, reservation: Reservation) -> None:
        self._context, self._layout, self._reservation = context, layout, reservation
        self._wish, self._port = reservation.wish, reservation.port
        self._screen = Screen(context, self._wish.name)
        self._keeper: Keeper | None = None
        self._ready = False

    def run(self) -> Result | None:
        """Until Ctrl-C, or until something ends it that no other try would mend. Raises `RemoteKitError`."""
        try:
            distant.run(self._hold())
        except (KeyboardInterrupt, asyncio.CancelledError):
            if not self._ready:
                raise Failed.of("interrupted", msg("Interrupted.")) from None
            self._screen.say(self._goodbye())
        except (RemoteKitError, OSError) as error:
            if not self._ready or not self._context.as_json:
                raise
            # The one object on standard output has been printed.
            raise AlreadyTold(error if isinstance(error, RemoteKitError) else of_system(error)) from None
        finally:
            if not self._ready:
                self._reservation.give_back(self._layout)
        return None

    async def _hold(self) -> None:
        distant.heed_signals()
        forwarder = Forwarder(self._port, self._wish.local_name(self._port))
        await forwarder.listen()
        self._keeper = Keeper(self._context, self._wish, forwarder, self._screen)
        try:
            with connections.held(self._layout, self._wish.target, self._wish.instance, self._port):
                await self._keeper.keep(self._come_up)
        finally:
            self._screen.clear()
            await forwarder.close()

    def _come_up(self, joined: Joined) -> None:
        """The first line is up: remember the host, tell the URLs, open the browser."""
        self._ready = True
        wish, handover = self._wish, joined.handover
        forgotten = self._remember(joined)
        self._screen.clear()
        problems = browsing.opened(wish, self._port, handover) if wish.options.browser else None
        head = (
            msg("The server on {host} was started as process {pid}.", host=wish.name, pid=handover.pid)
            if handover.started
            else msg(
                "The server on {host} was running as process {pid} (kernels: {kernels}).",
                host=wish.name,
                pid=handover.pid,
                kernels=handover.kernels,
            )
        )
        result = browsing.result(self._context, wish, self._port, handover, head, problems)
        self._context.emit(replace(result, problems=(*joined.problems, *result.problems, *forgotten)))

    def _remember(self, joined: Joined) -> tuple[Problem, ...]:
        """Write the host down. Where that fails the line is as good, and the next one may have another URL: a warning."""
        try:
            addressbook.change(self._layout, lambda book: self._wish.remembered(book, joined.kit, self._port, joined.handover))
        except (RemoteKitError, OSError) as error:
            reason = error.problems[0].message if isinstance(error, RemoteKitError) else error.strerror or str(error)
            return (Problem("not-remembered", msg("{host} is not remembered: {reason}", host=self._wish.name, reason=reason)),)
        return ()

    def _goodbye(self) -> Message:
        stopped = self._keeper.stopped if self._keeper else None
        name = self._wish.name
        if stopped is not None:
            return msg("The line is closed, and the server on {host} stopped (kernels: {kernels}).", host=name, kernels=stopped)
        stop = self._wish.command("stop")
        if self._wish.stop_on_exit:
            return msg("There was no line to stop the server on {host} by; it goes on. Stop it: {command}", host=name, command=stop)
        return msg("The line is closed. The server on {host} goes on, and what it computes; stop it: {command}", host=name, command=stop)
