"""From an open line to a server that answers through it."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, replace

import click

from jupyter_remote_kit import __version__
from jupyter_remote_kit.commands import distant
from jupyter_remote_kit.commands.connecting import loginprofile
from jupyter_remote_kit.commands.connecting.screen import Screen
from jupyter_remote_kit.commands.connecting.wish import Wish
from jupyter_remote_kit.commands.context import Context
from jupyter_remote_kit.errors import Failed, Problem, RemoteKitError
from jupyter_remote_kit.host import probe
from jupyter_remote_kit.host.line import Line, LineCut
from jupyter_remote_kit.messages import msg
from jupyter_remote_kit.plan import shell, sshtrouble
from jupyter_remote_kit.plan.kitsearch import NotFound, Search
from jupyter_remote_kit.plan.liveness import DEAD_AFTER_S
from jupyter_remote_kit.plan.remoteserver import Asked, Handover
from jupyter_remote_kit.plan.ssh import Near
from jupyter_remote_kit.plan.terminal import printable


@dataclass(frozen=True)
class Joined:
    """The server, the path of the kit that has handed it over, and what is to be said of the way there."""

    kit: str
    handover: Handover
    problems: tuple[Problem, ...] = ()


# Whoever presses Ctrl-C while a server starts waits so long for it, that it may be ended as well; again, and nobody waits.
_STARTS_S, _STOPS_S = 20.0, 60.0


async def server(context: Context, line: Line, wish: Wish, screen: Screen) -> Joined:
    """Find the server on the host, or start it; install the kit where that is wanted. Raises `LineCut` and `RemoteKitError`.

    Where this is cancelled meanwhile, a server that it has started does not stay behind.
    """
    screen.working(msg("Looking for the server on {host}, or starting it …", host=wish.name))
    try:
        reply = await _up(line, wish, wish.search)
    except NotFound as missing:
        if not _can_install(context, wish, missing):
            raise
        from jupyter_remote_kit.commands import installing  # once in a host's life

        where, how = wish.options, wish.install
        wanted = installing.Wanted(where.python, where.env, where.project_dir, how.wheel, how.push, wish.name)
        await installing.preflight(line, wanted, missing, wish.instance, allow_root=where.allow_root)
        screen.clear()
        if not (how.wanted or _asked_to_install(context, wish)):
            raise
        kit = await installing.install(line, wanted, show=screen.working)
        reply = await _up(line, wish, wish.search.with_kit(kit))
    try:
        again = f"{wish.command('stop')} && {wish.command('connect')}"
        return Joined(reply.kit, Handover.parse(reply.data, Asked(__version__, reply.kit, again)))
    except Failed:
        if reply.data.get("started") is True:
            await stop_soon(line, wish)
        raise


async def once(context: Context, wish: Wish) -> Joined:
    """As `server`, by a line for this alone."""
    screen = Screen(context, wish.name)
    try:
        async with distant.opened(context, wish.target, wish.options.profile_s) as line:
            # Remembered even where nothing comes of the rest.
            loginprofile.left(line, wish.known, wish.options)
            joined = await server(context, line, wish, screen)
            return replace(joined, problems=loginprofile.left(line, wish.known, wish.options))
    finally:
        screen.clear()


async def _up(line: Line, wish: Wish, search: Search) -> distant.Reply:
    asking = asyncio.ensure_future(distant.ask_kit(line, search, wish.name, wish.up_arguments))
    try:
        return await asyncio.shield(asking)
    except asyncio.CancelledError:
        with contextlib.suppress(LineCut, RemoteKitError, asyncio.TimeoutError):
            reply = await asyncio.wait_for(asking, _STARTS_S)
            if reply.data.get("started") is True:
                await stop_soon(line, wish)
        raise


async def stop_soon(line: Line, wish: Wish) -> int | None:
    """As `stop`, for whoever is about to leave: a line that is dead is not waited for. `None` where it was not stopped."""
    with contextlib.suppress(LineCut, RemoteKitError, asyncio.TimeoutError):
        await asyncio.wait_for(line.ping(), DEAD_AFTER_S)
        return await asyncio.wait_for(stop(line, wish), _STOPS_S)
    return None


async def runs(line: Line, wish: Wish) -> bool:
    """Whether the server of that name runs on the host, be it another process than before. Raises as `distant.ask_kit`."""
    reply = await distant.ask_kit(line, wish.search, wish.name, ("status", "--json", "--instance", wish.instance))
    return reply.data.get("running") is True


async def stop(line: Line, wish: Wish) -> int | None:
    """Stop exactly that server; the number of its kernels, or `None` where it did not run. Raises as `distant.ask_kit`."""
    reply = await distant.ask_kit(line, wish.search, wish.name, stop_arguments(wish))
    kernels = reply.data.get("kernels")
    return (kernels if isinstance(kernels, int) else 0) if reply.data.get("changed") is True else None


def stop_arguments(wish: Wish) -> tuple[str, ...]:
    """What the host's kit is told, to stop the server."""
    return ("down", "--json", "--instance", wish.instance)


async def undo(line: Line, wish: Wish, joined: Joined) -> None:
    """Stop a server that this command has started in vain."""
    if joined.handover.started:
        await stop_soon(line, wish)


async def forwarded(line: Line, near: Near, handover: Handover) -> Near:
    """Forward to the server; the near end, which may be another one than `near`. Raises as `Line.forward`.

    Best to the socket that is the user's alone. Where the host's sshd forwards to none (`AllowStreamLocalForwarding no`, or one of before
    OpenSSH 6.7), or the server has none, it is the port of its loopback.
    """
    if handover.socket is not None:
        await line.forward(near, handover.socket)
        if await probe.healthy(near, handover.base_url):
            return near
        pong = await line.ping(handover.pid)
        # A server that is slow is waited for; one that is gone has left its port to anybody.
        if not (pong.alive and sshtrouble.not_opened(line.words)):
            return near
    other = Near(path=f"{near.path}-port")
    await line.forward(other, handover.port)
    return other


async def check(line: Line, wish: Wish, near: Near, joined: Joined) -> None:
    """See that the server answers at the near end. Raises `Failed` with the reason."""
    if await probe.healthy(near, joined.handover.base_url):
        return
    # That it still answers tells a line that is cut from a host that forwards nothing.
    await line.ping()
    if sshtrouble.prohibits_forwarding(line.words):
        raise Failed(sshtrouble.no_forwarding(wish.target))
    words = next((printable(said) for said in reversed(line.words) if sshtrouble.not_opened((said,))), "-")
    raise Failed.of(
        "not-reached",
        msg("The server on {host} runs, but cannot be reached through ssh: {words}", host=wish.name, words=words),
        msg("On {host}: {words}", host=wish.name, words=shell.quoted((printable(joined.kit), "status", "--instance", wish.instance))),
    )


def _can_install(context: Context, wish: Wish, missing: NotFound) -> bool:
    """Whether there is a Python for it, and an option or a person at the terminal can say yes."""
    wanted = wish.install.wanted
    return missing.installable and wanted is not False and (wanted is True or context.interactive)


def _asked_to_install(context: Context, wish: Wish) -> bool:
    question = msg("{host} has no jupyter-remote-kit. Install it there, into an environment of its own?", host=wish.name)
    with distant.answerable():
        return click.confirm(context.say(question), default=True, err=True)
