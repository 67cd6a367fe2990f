"""`jupyter remotekit stop`: stop exactly that server on a host; others of the same user go on."""

from __future__ import annotations

from typing import Any

from jupyter_remote_kit.commands import distant
from jupyter_remote_kit.commands.connecting import joining, loginprofile, wishing
from jupyter_remote_kit.commands.connecting.wish import Wish
from jupyter_remote_kit.commands.context import Context, dry_run_option, plain_command
from jupyter_remote_kit.commands.hosts.wish import where_options
from jupyter_remote_kit.host import paths
from jupyter_remote_kit.messages import marked, msg
from jupyter_remote_kit.result import Result


@plain_command("stop", marked("On the laptop: stop the server on a host; its kernels are shut down first."))
@wishing.host_argument
@where_options
@dry_run_option
def command(context: Context, host: str, dry_run: bool, **said: Any) -> Result:
    """Have the host's own kit stop it."""
    wish = wishing.wish_of(paths.layout(), host, said)
    if dry_run:
        return wishing.dry_run("stop", wish, joining.stop_arguments(wish))
    return distant.run(_stop(context, wish))


async def _stop(context: Context, wish: Wish) -> Result:
    async with distant.opened(context, wish.target, wish.options.profile_s) as line:
        loginprofile.left(line, wish.known, wish.options)
        stopped = await joining.stop(line, wish)
        problems = loginprofile.left(line, wish.known, wish.options)
    data = {
        "host": str(wish.target),
        "name": wish.known.name,
        "instance": wish.instance,
        "changed": stopped is not None,
        "kernels": stopped or 0,
    }
    if stopped is None:
        nothing = msg("Nothing to do: no server {instance!r} is running on {host}.", instance=wish.instance, host=wish.name)
        return Result("stop", data, (nothing,), problems=problems)
    told = msg("Stopped the server {instance!r} on {host} (kernels: {kernels}).", instance=wish.instance, host=wish.name, kernels=stopped)
    return Result("stop", data, (told,), problems=problems)
