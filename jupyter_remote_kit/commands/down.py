"""`jupyter remotekit down`: stop exactly this server."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jupyter_remote_kit.commands import machine
from jupyter_remote_kit.commands.context import Context, dry_run_option, kit_command
from jupyter_remote_kit.errors import Failed
from jupyter_remote_kit.host import paths, processes, runtimerecord, starting, systemd
from jupyter_remote_kit.messages import marked, msg
from jupyter_remote_kit.plan.commandline import own_command
from jupyter_remote_kit.plan.layout import Layout
from jupyter_remote_kit.result import Result

KERNELS_GET_S = 40.0
HUNG_GETS_S = 10.0
POLL_S = 0.1


@kit_command("down", marked("Stop exactly this server; its kernels are shut down first."))
@dry_run_option
def command(context: Context, instance: str, dry_run: bool) -> Result:
    """Ask the server to shut its kernels down and to end; wait until it has."""
    layout = paths.layout()
    client = machine.client(layout, instance)
    try:
        running = client.status()
    except Failed:
        return _end_hung(layout, instance, dry_run=dry_run)
    if running is None:
        return _end_silent(layout, instance, dry_run=dry_run)
    pid, kernels = running["pid"], running["kernels"]
    data = {"instance": instance, "pid": pid, "kernels": kernels, "changed": not dry_run}
    if dry_run:
        return Result("down", data, (msg("This would stop process {pid} (kernels: {kernels}).", pid=pid, kernels=kernels),))
    unit = systemd.unit_of(pid)
    client.shutdown()
    if not processes.wait_for(lambda: not processes.process_alive(pid, running["create_time"]), KERNELS_GET_S, POLL_S):
        processes.terminate(pid, running["create_time"], KERNELS_GET_S)
    stopped = msg("Stopped process {pid} (kernels: {kernels}).", pid=pid, kernels=kernels)
    again = msg("It is a service, and starts again at the next boot: {command}", command=own_command(instance, "service uninstall"))
    return Result("down", data, (stopped, again) if unit else (stopped,))


def _end_hung(layout: Layout, instance: str, *, dry_run: bool) -> Result:
    """End the process that the runtime file names, where its control socket does not answer. Raises `Failed` when there is none."""
    record = starting.alive(layout, instance)
    if record is None:
        raise Failed.of(
            "control-timeout",
            msg("The server of the instance {name!r} does not answer, and its process is not known.", name=instance),
            msg("Look for it: pgrep -af RemoteKit.instance={name}", name=instance),
        )
    return _end(layout, instance, record, HUNG_GETS_S, dry_run=dry_run)


def _end_silent(layout: Layout, instance: str, *, dry_run: bool) -> Result:
    """End a server that has no control socket: not yet, while it starts, or not any more, where somebody cleans that folder up."""
    left = runtimerecord.read(layout, instance)
    record = starting.alive(layout, instance)
    if record is not None:
        return _end(layout, instance, record, KERNELS_GET_S, dry_run=dry_run)
    if left is not None and not dry_run:
        # Of a server that was killed: it would keep other hosts with this home from starting one.
        starting.forget(layout, instance, left["pid"])
    host = runtimerecord.elsewhere(layout, instance)
    nothing = (
        msg("Nothing to do: the instance {name!r} is not running.", name=instance)
        if host is None
        else msg("Nothing to do: the instance {name!r} is not running on this host; {host} has started it.", name=instance, host=host)
    )
    return Result("down", {"instance": instance, "changed": False}, (nothing,))


def _end(layout: Layout, instance: str, record: Mapping[str, Any], grace_s: float, *, dry_run: bool) -> Result:
    pid = record["pid"]
    data = {"instance": instance, "pid": pid, "changed": not dry_run}
    if dry_run:
        return Result("down", data, (msg("This would end process {pid}, which does not answer.", pid=pid),))
    processes.terminate(pid, record.get("create_time"), grace_s)
    starting.forget(layout, instance, pid)
    return Result("down", data, (msg("Ended process {pid}, which did not answer.", pid=pid),))
