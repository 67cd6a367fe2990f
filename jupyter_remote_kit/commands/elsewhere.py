"""An instance that another host runs from the same home: it has one control socket, one table of sessions and one port for both."""

from __future__ import annotations

import shlex
from pathlib import Path

from jupyter_remote_kit.errors import Failed
from jupyter_remote_kit.host import mounts, runtimerecord, whoami
from jupyter_remote_kit.messages import msg
from jupyter_remote_kit.plan import instancename
from jupyter_remote_kit.plan.layout import Layout


def check(layout: Layout, instance: str, mount_table: Path = mounts.TABLE) -> None:
    """Raises `Failed` where the server of `instance` is another host's, and the two share the runtime folder over a network.

    On a disk of this machine the other host was this one: a container that has got another name since.
    """
    host, folder = runtimerecord.elsewhere(layout, instance), layout.runtime_dir
    if host is None or not mounts.on_network(folder, mount_table):
        return
    raise Failed.of(
        "runs-elsewhere",
        msg("The instance {name!r} runs on {host}, which shares this home ({folder}).", name=instance, host=host, folder=folder),
        msg(
            "Use one of this host's own: --instance {own} (where nothing runs on {host} any more: rm {record})",
            own=instancename.of_host(instance, whoami.host_name()),
            host=host,
            record=shlex.quote(str(layout.runtime_file(instance))),
        ),
    )
