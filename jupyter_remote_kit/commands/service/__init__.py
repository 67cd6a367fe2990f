"""`jupyter remotekit service …`: the server of an instance as a service of systemd, or of launchd on macOS."""

from __future__ import annotations

from jupyter_remote_kit.commands.context import CommandGroup
from jupyter_remote_kit.messages import marked

VERBS = {
    "install": marked("Install the service, or bring it up to date; run init first if needed."),
    "uninstall": marked("Stop the service and take back what install has written."),
    "start": marked("Start it, and wait until it answers."),
    "stop": marked("Stop it; kernels have 30 s to end."),
    "restart": marked("Stop it and start it again; kernels end."),
    "status": marked("Show the unit, and what in it is out of date."),
    "logs": marked("Show what it has logged."),
    "run": marked("Serve in the foreground, as the unit does."),
}

command = CommandGroup(
    "service", "jupyter_remote_kit.commands.service", VERBS, help=marked("Keep it running: a service of systemd that starts at boot.")
)
