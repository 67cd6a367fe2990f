"""What a running server takes at once, and what waits for its next start."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from typing import Any

from jupyter_remote_kit.errors import Problem, RemoteKitError
from jupyter_remote_kit.messages import msg
from jupyter_remote_kit.plan.commandline import own_command
from jupyter_remote_kit.settings import Credentials, Settings

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


def held(settings: Settings) -> dict[str, Any]:
    """What a running server has of its settings until it ends, as JSON: it tells so, and its file may be another by then."""
    return {"tls": settings.tls} | {name: _plain(getattr(settings, name)) for name in _AT_START}


def digest(credentials: Credentials) -> str:
    """Tells whether credentials are the same, and nothing else of them: a token has 256 random bits, a hash its salt."""
    hashed = credentials.hashed_password.reveal() if credentials.hashed_password else ""
    return hashlib.sha256(f"{credentials.token.reveal()}\0{hashed}".encode("utf-8", "surrogatepass")).hexdigest()


def waiting_for_restart(before: Mapping[str, Any], after: Settings) -> tuple[str, ...]:
    """The settings that differ and that a running server looks at only when it starts, by name; `before` is what is `held`."""
    wanted = held(after)
    changed = [name for name in _AT_START if name in before and before[name] != wanted[name]]
    if before.get("tls", wanted["tls"]) != wanted["tls"] and "plain_http" not in changed:
        changed.append("plain_http")
    return tuple(changed)


def not_in_force(instance: str, error: RemoteKitError) -> RemoteKitError:
    """What was written, and a running server could not be told."""
    written = Problem(
        "not-in-force",
        msg("What was written is not in force yet: the running server goes on with what it had."),
        msg("Once it answers, let it take that up: {command}", command=own_command(instance, "init")),
    )
    return type(error)(*error.problems, written)


def credentials_waiting(instance: str) -> Problem:
    """A running server has other credentials than its file."""
    return Problem(
        "credentials-waiting",
        msg("The running server has another password or token than its file: it could not be told of a change."),
        msg("{command}", command=own_command(instance, "init")),
    )


def _plain(value: object) -> object:
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, tuple):
        return list(value)
    return str(value) if isinstance(value, Path) else value


def restart_needed(instance: str, names: tuple[str, ...], *, service: bool = False) -> Problem:
    """The warning beside a success: what was written waits. `service`: systemd runs the server."""
    by_hand = f"{own_command(instance, 'down')} && {own_command(instance, 'up --detach')}"
    return Problem(
        "restart-needed",
        msg("The running server takes up {names} at its next start.", names=", ".join(names)),
        msg("{command}", command=own_command(instance, "service restart") if service else by_hand),
    )
