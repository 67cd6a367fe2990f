"""A system service for somebody else: root's part of `service install --system`, and all that root needs of that user."""

from __future__ import annotations

import json
import os
import shlex
from pathlib import Path

from jupyter_remote_kit.commands import serving
from jupyter_remote_kit.commands.context import Context
from jupyter_remote_kit.commands.service import elevated, starting
from jupyter_remote_kit.commands.service.making import check_other_scope, check_written, environment_of, make, put
from jupyter_remote_kit.commands.service.reporting import report
from jupyter_remote_kit.errors import Failed, Refused
from jupyter_remote_kit.host import handwritten, paths, programs, services
from jupyter_remote_kit.messages import msg
from jupyter_remote_kit.plan import snapshot as snapshots
from jupyter_remote_kit.plan.commandline import own_command
from jupyter_remote_kit.plan.service import InstallOptions, Place
from jupyter_remote_kit.plan.snapshot import Snapshot
from jupyter_remote_kit.plan.terminal import printable
from jupyter_remote_kit.plan.units import Scope
from jupyter_remote_kit.result import Result

# Of a shell of somebody else's: where that one's files are.
_PERSONAL = ("XDG_", "JUPYTER_", "IPYTHON", "TMPDIR", "CONDA", "MAMBA", "VIRTUAL_ENV")


def install(context: Context, instance: str, user: str, options: InstallOptions, given: str | None) -> Result:
    """Install the service of an instance that `user` has set up; `given` is the environment, where that user has sent it.

    Raises `Failed` where this is not root, and `Refused` where there is no such instance.
    """
    place = services.place(Scope.SYSTEM, instance, paths.layout(), user)
    if not elevated.is_root():
        words = ("service", "install", "--system", "--run-as", user, "--instance", instance)
        raise Failed.of(
            "not-root",
            msg("Only root installs a service for another user."),
            msg("{command}", command=shlex.join(("sudo", *map(str, services.program()), *words))),
        )
    check_other_scope(place)
    environment = snapshots.parse(given.encode()) if given is not None else _kept_or_of_this_shell(place, options)
    root_dir, ip, port = _settings(place, environment)
    # The machine's units alone: what is in that user's folders is not root's to follow.
    written = handwritten.holding(port, None)
    check_written(written, options, place, port)
    active = starting.is_active(place)
    if not (active or written or options.dry_run):
        serving.check_port(ip, port)
    made = make(place, root_dir, options, environment, written)
    if not options.dry_run:
        put(made)
    result = report(Result("service install", {"instance": instance}), made, options, starting.running(place) if active else None)
    return starting.start(context, place, result) if options.now else result


def _kept_or_of_this_shell(place: Place, options: InstallOptions) -> Snapshot:
    """What that user's shell has left is better than what sudo has left of root's; without any, root's own."""
    content = services.content(place.environment_file)
    if content is not None and options.also is None:
        return snapshots.parse(content)
    home = str(Path.home())
    own = {name: value for name, value in os.environ.items() if not name.startswith(_PERSONAL) and (name == "PATH" or home not in value)}
    return environment_of(place, own, options.also)


def _settings(place: Place, environment: Snapshot) -> tuple[Path, str, int]:
    """Root directory, address and port of the instance, read by that user's own process: root follows no path of a user's.

    It also shows that this user can run this interpreter.
    """
    python, script = map(str, services.program())
    done = programs.call_as(place.user, (python, script, "status", "--instance", place.instance, "--json"), environment.variables)
    try:
        envelope = json.loads(done.out)
        found = envelope["data"]
        if not envelope["ok"]:
            raise Refused(*map(elevated.problem_of, envelope["problems"]))
        if not found["configured"]:
            raise Refused.of(
                "no-instance",
                msg("{user} has no instance {name!r} yet.", user=place.user, name=place.instance),
                msg("As {user}: {command}", user=place.user, command=own_command(place.instance, "init")),
            )
        settings = found["settings"]
        if settings is None:
            # It was broken since its server has read it.
            raise Refused.of(
                "instance-file-broken",
                msg("The instance {name!r} of {user} cannot be read.", user=place.user, name=place.instance),
                # It says which line of the file it is, and how to begin again.
                msg("As {user}: {command}", user=place.user, command=own_command(place.instance, "urls")),
            )
        return Path(settings["root_dir"]), str(settings["ip"]), int(settings["port"])
    except (ValueError, KeyError, TypeError, IndexError):
        raise Failed.of(
            "not-for-user",
            msg("{user} cannot run {program}: {reason}", user=place.user, program=python, reason=printable(done.last_line)),
            msg("namei -l {program}", program=shlex.quote(python)),
        ) from None
