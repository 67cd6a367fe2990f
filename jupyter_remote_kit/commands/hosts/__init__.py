"""`jupyter remotekit hosts …`: the laptop's address book."""

from __future__ import annotations

import click

from jupyter_remote_kit.commands.context import CommandGroup
from jupyter_remote_kit.messages import marked

VERBS = {
    "list": marked("List the known hosts, and those of ~/.ssh/config."),
    "add": marked("Add a host, with what connect is to do there."),
    "set": marked("Change what connect is to do at a host."),
    "rename": marked("Give a host another name; the URLs of its servers change with it."),
    "remove": marked("Forget a host; what runs there goes on."),
}


class _Hosts(CommandGroup):
    """`hosts` alone lists them."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        named = any(argument in VERBS or argument in ctx.help_option_names for argument in args[:1])
        # A shell that completes `hosts` wants the verbs.
        if not ctx.resilient_parsing and not named and all(argument.startswith("-") for argument in args):
            args = ["list", *args]
        return super().parse_args(ctx, args)


command = _Hosts("hosts", "jupyter_remote_kit.commands.hosts", VERBS, help=marked("The hosts that this laptop knows, for connect."))
