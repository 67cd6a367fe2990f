"""What `up` says of a server that runs already."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jupyter_remote_kit.errors import Failed
from jupyter_remote_kit.messages import Message, msg
from jupyter_remote_kit.plan.commandline import own_command


def sentence(instance: str, running: Mapping[str, Any]) -> Message:
    """Which process it is, and on what port."""
    return msg(
        "The instance {name!r} is already running as process {pid} on port {port}.", name=instance, pid=running["pid"], port=running["port"]
    )


def runs_already(instance: str, running: Mapping[str, Any]) -> Failed:
    """It was to be started."""
    return Failed.of(
        "already-running",
        sentence(instance, running),
        msg("See {urls}, or stop it: {down}", urls=own_command(instance, "urls"), down=own_command(instance, "down")),
    )


def restart_needed(instance: str, running: Mapping[str, Any], waiting: tuple[str, ...]) -> Failed:
    """It was to take up settings that it looks at only when it starts; `waiting` are their names."""
    return Failed.of(
        "restart-needed",
        msg(
            "{sentence} It would take up {names} at its next start.",
            sentence=sentence(instance, running),
            names=", ".join(waiting),
        ),
        msg("Stop it first: {command}", command=own_command(instance, "down")),
    )
