"""`jupyter remotekit hosts list`: the hosts that this laptop knows, and those of its ssh."""

from __future__ import annotations

from jupyter_remote_kit import invocation
from jupyter_remote_kit.commands.context import Context, plain_command
from jupyter_remote_kit.commands.hosts.reporting import as_data, main_url_name, option_words
from jupyter_remote_kit.commands.table import table
from jupyter_remote_kit.host import addressbook, paths, sshconfig
from jupyter_remote_kit.messages import marked, msg
from jupyter_remote_kit.result import Result

HEADINGS = (msg("Name"), msg("Host"), msg("Name in the URL"), msg("Options"))


@plain_command("list", marked("List the known hosts, and those of ~/.ssh/config."))
def command(context: Context) -> Result:
    """Asks no host anything; `list` does."""
    known = addressbook.load(paths.layout()).hosts
    taken = {host.name for host in known} | {str(host.target) for host in known}
    of_ssh = tuple(name for name in sshconfig.names() if name not in taken)
    data = {"hosts": [as_data(host) for host in known], "ssh_config": list(of_ssh)}
    if not known and not of_ssh:
        hint = msg("It remembers each that it has connected to: {command}", command=invocation.command("connect user@host"))
        return Result("hosts list", data, (msg("This machine knows no hosts yet."), hint))
    rows = [(host.name, str(host.target), main_url_name(host), option_words(host.options)) for host in known]
    rows += [(name, "~/.ssh/config", "-", "-") for name in of_ssh]
    if context.on_terminal:
        return Result("hosts list", data, blocks=(table(tuple(context.say(heading) for heading in HEADINGS), rows),))
    return Result("hosts list", data, rows=tuple((heading, cell) for row in rows for heading, cell in zip(HEADINGS, row, strict=True)))
