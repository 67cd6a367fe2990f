"""`--port auto`: the port that an instance keeps or, where somebody else has it by now, another that is free."""

from __future__ import annotations

import os
from collections.abc import Iterable

from jupyter_remote_kit.commands import machine
from jupyter_remote_kit.errors import Failed
from jupyter_remote_kit.host import ports
from jupyter_remote_kit.messages import msg
from jupyter_remote_kit.plan import freeport
from jupyter_remote_kit.plan.layout import Layout
from jupyter_remote_kit.settings import Settings


def choose(settings: Settings, existing: Settings | None, others: Iterable[Settings], layout: Layout) -> int:
    """The port for `settings`; `existing` is what the instance was until now. Raises `Failed` when every port is taken."""
    if existing is not None and _may_keep(existing, settings.ip, layout):
        return existing.port
    declared = {other.port for other in others}
    # The user's number, not the name: a directory service that is slow to tell it has no say in this.
    for port in freeport.candidates(str(os.geteuid()), settings.instance, declared):
        if ports.is_free(settings.ip, port):
            return port
    last = freeport.FIRST + freeport.COUNT - 1
    raise Failed.of(
        "no-free-port",
        msg("Every port from {first} to {last} is taken on this host.", first=freeport.FIRST, last=last),
        msg("Name another: --port {port}", port=last + 1),
    )


def _may_keep(existing: Settings, ip: str, layout: Layout) -> bool:
    """Whether the port is free, or the instance's own server has it."""
    return ports.is_free(ip, existing.port) or machine.client(layout, existing.instance).status() is not None
