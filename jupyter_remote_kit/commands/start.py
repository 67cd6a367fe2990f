"""`jupyter remotekit start`: start the server on a host, or find it, without a line to it."""

from __future__ import annotations

from typing import Any

from jupyter_remote_kit.commands import distant
from jupyter_remote_kit.commands.connecting import joining, wishing
from jupyter_remote_kit.commands.connecting.wish import Wish
from jupyter_remote_kit.commands.context import Context, dry_run_option, plain_command
from jupyter_remote_kit.commands.hosts.wish import where_options
from jupyter_remote_kit.host import addressbook, paths
from jupyter_remote_kit.messages import marked, msg
from jupyter_remote_kit.plan.layout import Layout
from jupyter_remote_kit.result import Result


@plain_command("start", marked("On the laptop: start the server on a host, without a line to it."))
@wishing.host_argument
@where_options
@wishing.up_options
@dry_run_option
def command(context: Context, host: str, dry_run: bool, **said: Any) -> Result:
    """Start it, and remember the host."""
    layout = paths.layout()
    wish = wishing.wish_of(layout, host, said)
    if dry_run:
        return wishing.dry_run("start", wish, wish.up_arguments)
    wishing.check(layout, wish)
    return distant.run(_start(context, layout, wish))


async def _start(context: Context, layout: Layout, wish: Wish) -> Result:
    joined = await joining.once(context, wish)
    handover = joined.handover
    addressbook.change(layout, lambda book: wish.remembered(book, joined.kit, None, handover))
    data = {
        "host": str(wish.target),
        "name": wish.known.name,
        "instance": wish.instance,
        "pid": handover.pid,
        "kernels": handover.kernels,
        "changed": handover.started,
    }
    if handover.started:
        head = msg("The server on {host} was started as process {pid}.", host=wish.name, pid=handover.pid)
    else:
        head = msg("Nothing to do: the server on {host} is running as process {pid}.", host=wish.name, pid=handover.pid)
    return Result("start", data, (head, msg("Connect to it: {command}", command=wish.command("connect"))), problems=joined.problems)
