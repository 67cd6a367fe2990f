"""The options of `connect` and `start`, and the `Wish` that those, and `stop`'s, come to."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from jupyter_remote_kit import grammar
from jupyter_remote_kit.commands import distant
from jupyter_remote_kit.commands.connecting.wish import Install, Wish, known_host
from jupyter_remote_kit.commands.context import Decorated, Parsed, option, with_options
from jupyter_remote_kit.commands.hostname import HOST
from jupyter_remote_kit.commands.hosts.wish import laid_over
from jupyter_remote_kit.host import addressbook, room
from jupyter_remote_kit.messages import marked, msg
from jupyter_remote_kit.plan import shell, ssh, target
from jupyter_remote_kit.plan.addressbook import DEFAULTS
from jupyter_remote_kit.plan.layout import Layout
from jupyter_remote_kit.plan.ssh import Opening
from jupyter_remote_kit.result import Result

PORT = Parsed("port", grammar.port)
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)

host_argument = click.argument("host", type=HOST, metavar="[USER@]HOST")

_UP: tuple[Callable[[Any], Any], ...] = (
    option("--allow-root", is_flag=True, default=None, help=marked("Allow the host to serve as root.")),
    option(
        "--language", type=Parsed("locale", grammar.language), metavar="LOCALE", help=marked("The interface's language, such as zh_CN.")
    ),
    option("--install/--no-install", default=None, help=marked("Install the kit on the host when it is absent; a terminal asks.")),
    option("--push", is_flag=True, help=marked("Send the packages from this machine; by itself where the host reaches no index.")),
    option("--wheel", type=FILE, metavar="FILE", help=marked("The kit's own wheel on this machine, to install on the host.")),
)


def up_options(function: Decorated) -> Decorated:
    """How the server is started there, and the kit installed."""
    return with_options(function, _UP)


def wish_of(layout: Layout, host: str, said: dict[str, Any]) -> Wish:
    """What this command line, laid over what is remembered of the host, asks for. Raises `WrongUsage`."""
    book = addressbook.load(layout)
    remembered = book.find(host)
    known = remembered or known_host(book, host, target.parse(host))
    options = laid_over(known.options, {key: said.get(key) for key in vars(DEFAULTS)})
    install = Install(said.get("install"), said.get("wheel"), bool(said.get("push")))
    return Wish(known, options, said.get("language"), install, bool(said.get("stop_on_exit")))


def check(layout: Layout, wish: Wish) -> None:
    """What of this machine can refuse, looked at before the host is asked. Raises `Failed`."""
    # The host is remembered once its server runs.
    room.check((layout.hosts_file.parent,))
    if wish.install.wheel is not None:
        from jupyter_remote_kit.host import wheels  # once in a host's life

        wheels.check(wish.install.wheel)


def dry_run(name: str, wish: Wish, arguments: tuple[str, ...], *, forwards: bool = False) -> Result:
    """What would be run, here and on the host; `forwards`: a port of this machine comes to it, which is not known before."""
    control = "…" if forwards and distant.PLATFORM.multiplexes else None
    session = shell.session_command(shell.mark("0" * 16), wish.options.profile_s)
    argv = ssh.open_argv(Opening(wish.target, control), session)
    far = ("jupyter-remotekit", *arguments)
    data = {
        "host": str(wish.target),
        "name": wish.known.name,
        "instance": wish.instance,
        "ssh": list(argv),
        "there": list(far),
        "dry_run": True,
    }
    steps = (msg("This would be done:"), msg("  {step}", step=msg("run {argv}", argv=shell.quoted(argv))))
    on_host = msg("  on {host}: {argv}", host=wish.name, argv=shell.quoted(far))
    return Result(name, data, (*steps, on_host))
