"""A system service for somebody else: root's part of `service install --system`, and all that root needs of that user."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jupyter_remote_kit.commands.context import Context
from jupyter_remote_kit.commands.service import elevated, starting
from jupyter_remote_kit.commands.service.making import Wish, check_written, environment_of, make, put, report
from jupyter_remote_kit.errors import Failed, Refused
from jupyter_remote_kit.host import handwritten, paths, programs, services
from jupyter_remote_kit.messages import msg
from jupyter_remote_kit.plan import snapshot as snapshots
from jupyter_remote_kit.plan.commandline import own_command
from jupyter_remote_kit.plan.service import Place
from jupyter_remote_kit.plan.snapshot import Snapshot
from jupyter_remote_kit.plan.units import Scope
from jupyter_remote_kit.result import Result

# Of a shell of somebody else's: where that one's files are.
_PERSONAL = ("XDG_", "JUPYTER_", "IPYTHON", "TMPDIR")


def install(context: Context, instance: str, user: str, wish: Wish, given: str | None) -> Result:
    """Install the service of an instance that `user` has set up; `given` is the environment, where that user has sent it.

    Raises `Failed` where this is not root, and `Refused` where there is no such instance.
    """
    place = services.place(Scope.SYSTEM, instance, paths.layout(), user)
    if not elevated.is_root():
        raise Failed.of(
            "not-root",
            msg("Only root installs a service for another user."),
            msg("{command}", command=f"sudo {own_command(instance, f'service install --system --run-as {user}')}"),
        )
    environment = snapshots.parse(given.encode()) if given is not None else _of_this_shell(place, wish)
    settings = _settings(place, environment)
    written = handwritten.holding(settings["port"], place.home)
    check_written(written, wish, instance, settings["port"])
    made = make(place, Path(settings["root_dir"]), wish, environment, written)
    if not wish.dry_run:
        put(made)
    result = report(Result("service install", {"instance": instance}), made, wish)
    return starting.start(context, place, result) if wish.now else result


def _of_this_shell(place: Place, wish: Wish) -> Snapshot:
    own = {name: value for name, value in os.environ.items() if not name.startswith(_PERSONAL)}
    return environment_of(place, own, wish.also)


def _settings(place: Place, environment: Snapshot) -> Mapping[str, Any]:
    """What the instance says, read by that user's own process: root follows no path of a user's.

    It also shows that this user can run this interpreter.
    """
    python, script = map(str, services.program())
    done = programs.call_as(place.user, (python, script, "status", "--instance", place.instance, "--json"), environment.variables)
    try:
        envelope = json.loads(done.out)
        found = envelope["data"]
        if not envelope["ok"]:
            row = envelope["problems"][0]
            raise Refused.of(row["code"], msg("{text}", text=row["message"]), msg("{text}", text=row["hint"]) if row["hint"] else None)
        if not found["configured"]:
            raise Refused.of(
                "no-instance",
                msg("{user} has no instance {name!r} yet.", user=place.user, name=place.instance),
                msg("As {user}: {command}", user=place.user, command=own_command(place.instance, "init")),
            )
        settings: Mapping[str, Any] = found["settings"]
    except (ValueError, KeyError, TypeError, IndexError):
        raise Failed.of(
            "not-for-user",
            msg("{user} cannot run {program}: {reason}", user=place.user, program=python, reason=done.last_line),
            msg("namei -l {program}", program=python),
        ) from None
    return settings
