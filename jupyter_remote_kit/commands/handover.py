"""`up --handover`: what `connect` needs to come in, token and all. Where the server runs already this is all that `up` does.

So nothing here looks at the machine: whoever connects to a server that runs waits for ssh, not for us.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from jupyter_remote_kit import __version__
from jupyter_remote_kit.commands import machine, running
from jupyter_remote_kit.commands.context import Context, one_of
from jupyter_remote_kit.errors import Refused, WrongUsage
from jupyter_remote_kit.host import instances, paths, socketfolder, whoami
from jupyter_remote_kit.messages import Message, msg
from jupyter_remote_kit.plan.answers import Answers, merge
from jupyter_remote_kit.plan.changes import held, waiting_for_restart
from jupyter_remote_kit.plan.commandline import own_command
from jupyter_remote_kit.plan.remoteserver import KNOWN_AS, STARTING
from jupyter_remote_kit.plan.shell import TIMER
from jupyter_remote_kit.result import Result
from jupyter_remote_kit.settings import Access, Credentials


def check_options(answers: Answers, *, as_json: bool, detach: bool, dry_run: bool, open_browser: bool) -> None:
    """Reject what does not go with `--handover`. Raises `WrongUsage`."""
    one_of(("--handover", True), ("--dry-run", dry_run))
    one_of(("--handover", True), ("--open", open_browser))
    if not (as_json and detach):
        # Among sentences the token would stay in a terminal's scrollback, or in a log.
        raise WrongUsage.of(
            "handover-alone",
            msg("--handover is for programs: it needs --detach and --json."),
            msg("For people: {command}", command=own_command(answers.instance, "urls")),
        )
    if answers.access not in {None, Access.SSH}:
        raise WrongUsage.of("contradiction", *_not_over_ssh(answers.access))


def begin_start(context: Context) -> None:
    """From here on a server is waited for, within a time of its own: whoever asked does not end this process for hanging, nor its host."""
    with suppress(ValueError, OSError):
        timer = int(os.environ.pop(TIMER, "0"))
        # 0 and less would be groups of processes.
        if timer > 1:
            os.kill(timer, signal.SIGTERM)
            context.remark(STARTING)


def check_access(access: Access) -> None:
    """Raises `Refused` where the instance is not reached over ssh."""
    if access is not Access.SSH:
        raise Refused.of("contradiction", *_not_over_ssh(access))


def of_running(answers: Answers, status: Mapping[str, Any]) -> Result:
    """Hand the server over that has this status. Raises `Failed` where it would have to be started anew to be as `answers` want it."""
    instance = answers.instance
    found = instances.require(paths.layout(), instance)
    # Home and language of the machine count for a first `init` alone.
    wanted = merge(answers, found.settings, home=found.settings.root_dir, locale=found.settings.language)
    check_access(wanted.access)
    has, _ = machine.in_force(status, found.settings)
    waiting = waiting_for_restart(has, wanted)
    # Its file may have been changed while it ran; what else waits for a restart does not keep anybody from the server.
    if waiting_for_restart(held(found.settings), wanted) or "access" in waiting:
        raise running.restart_needed(instance, status, waiting)
    data = {"instance": instance, "url": status["url"], "changed": False, **data_of(instance, found.credentials, status, started=False)}
    return Result("up", data, (running.sentence(instance, status),))


def data_of(instance: str, credentials: Credentials, status: Mapping[str, Any], *, started: bool) -> dict[str, Any]:
    """Where the server listens, and how to come in. The ticket signs a browser in, once, within a minute."""
    return {
        "port": status["port"],
        "socket": str(socketfolder.door_socket(paths.layout(), instance)),
        "base_url": status["base_url"],
        "scheme": status["scheme"],
        "token": credentials.token.reveal(),
        "ticket": machine.client(paths.layout(), instance).ticket(os.environ.get(KNOWN_AS, "")),
        "started": started,
        "pid": status["pid"],
        "version": __version__,
        "kernels": status["kernels"],
        "user": whoami.user_name(),
        "hostname": whoami.host_name(),
    }


def _not_over_ssh(access: Access | None) -> tuple[Message, Message]:
    return (
        msg("--handover is for servers that are reached over ssh, not for --access {access}.", access=access.value if access else ""),
        msg("Add --access ssh, or name another instance: --instance connect"),
    )
