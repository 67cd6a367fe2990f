"""What a running server takes at once, and what waits for its next start."""

from __future__ import annotations

from jupyter_remote_kit.errors import Problem
from jupyter_remote_kit.messages import msg
from jupyter_remote_kit.plan.commandline import own_command
from jupyter_remote_kit.settings import Settings

# The certificate and the credentials are read anew while the server runs.
_AT_START = (
    "access",
    "ip",
    "port",
    "root_dir",
    "language",
    "plain_http",
    "allow_root",
    "allow_hosts",
    "allow_networks",
    "trusted_proxies",
    "session_days",
    "hsts",
)


def waiting_for_restart(before: Settings, after: Settings) -> tuple[str, ...]:
    """The settings that differ and that a running server looks at only when it starts, by name."""
    changed = [name for name in _AT_START if getattr(before, name) != getattr(after, name)]
    if before.tls != after.tls and "plain_http" not in changed:
        changed.append("plain_http")
    return tuple(changed)


def restart_needed(instance: str, names: tuple[str, ...], *, service: bool = False) -> Problem:
    """The warning beside a success: what was written waits. `service`: systemd runs the server."""
    by_hand = f"{own_command(instance, 'down')} && {own_command(instance, 'up --detach')}"
    return Problem(
        "restart-needed",
        msg("The running server takes up {names} at its next start.", names=", ".join(names)),
        msg("{command}", command=own_command(instance, "service restart") if service else by_hand),
    )
