"""`jupyter remotekit completion`: what makes a shell complete our commands, their options, and the names of hosts."""

from __future__ import annotations

import click

from jupyter_remote_kit.commands.completing import SHELLS, TEMPLATES
from jupyter_remote_kit.commands.context import Context, plain_command
from jupyter_remote_kit.messages import marked
from jupyter_remote_kit.result import Result


@plain_command("completion", marked('Print what completes commands and hosts in a shell: eval "$(jupyter remotekit completion bash)".'))
@click.argument("shell", type=click.Choice(tuple(SHELLS)))
def command(context: Context, shell: str) -> Result:
    """A script for the shell to read; it says itself where it belongs."""
    script = (TEMPLATES / shell).read_text(encoding="utf-8")
    return Result("completion", {"shell": shell, "script": script}, blocks=(script.rstrip("\n"),))
