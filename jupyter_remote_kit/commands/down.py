"""`jupyter remotekit down`: stop exactly this server."""

from __future__ import annotations

from jupyter_remote_kit.commands import machine
from jupyter_remote_kit.commands.context import Context, dry_run_option, kit_command
from jupyter_remote_kit.errors import Failed
from jupyter_remote_kit.host import paths, processes
from jupyter_remote_kit.messages import marked, msg
from jupyter_remote_kit.result import Result

KERNELS_GET_S = 40.0
POLL_S = 0.1


@kit_command("down", marked("Stop exactly this server; its kernels are told."))
@dry_run_option
def command(context: Context, instance: str, dry_run: bool) -> Result:
    """Ask the server to shut its kernels down and to end; wait until it has."""
    client = machine.client(paths.layout(), instance)
    running = client.status()
    if running is None:
        return Result(
            "down", {"instance": instance, "changed": False}, (msg("Nothing to do: the instance {name!r} does not run.", name=instance),)
        )
    pid, kernels = running["pid"], running["kernels"]
    created = processes.create_time(pid)
    data = {"instance": instance, "pid": pid, "kernels": kernels, "changed": not dry_run}
    if dry_run:
        return Result("down", data, (msg("This would stop process {pid} (kernels: {kernels}).", pid=pid, kernels=kernels),))
    client.shutdown()
    if not processes.wait_for(lambda: not processes.process_alive(pid, created), KERNELS_GET_S, POLL_S):
        raise Failed.of(
            "does-not-end",
            msg("Process {pid} was asked to end and still runs after {seconds} s.", pid=pid, seconds=int(KERNELS_GET_S)),
            msg("{command}", command=f"kill {pid}"),
        )
    return Result("down", data, (msg("Stopped process {pid} (kernels: {kernels}).", pid=pid, kernels=kernels),))
