"""`up --detach`: a server of its own, watched until it answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from jupyter_remote_kit.commands import readiness, serving
from jupyter_remote_kit.commands.init import Prepared
from jupyter_remote_kit.errors import Failed, Problem, Refused, RemoteKitError
from jupyter_remote_kit.host import logind, logs, ports, processes, starting
from jupyter_remote_kit.messages import Message, msg
from jupyter_remote_kit.plan.refusal import parse_line

ENDS_WITHIN_S = 10.0
# How often a server moves on to another port, when others are quicker to take the one that was free.
MOVES = 3

Move = Callable[[Prepared], Prepared]
"""Gives an instance another port that is free."""


def start(prepared: Prepared, move: Move | None) -> tuple[Prepared, dict[str, Any]]:
    """Start the server and wait for its first answer: its status, and the instance as it was started in the end.

    Where somebody else takes the port in the meantime, `move` finds another one. Raises `Failed` or `Refused` in the server's own words
    where it ends before it answers.
    """
    moves = MOVES if move is not None else 0
    while True:
        log = prepared.facts.layout.server_log(prepared.settings.instance)
        said_before = logs.size(log)
        pid = _spawn(prepared, log)
        status = readiness.wait_until_ready(prepared, pid)
        if status is not None:
            return prepared, status
        error = _why_not(pid, log, logs.lines_since(log, said_before))
        starting.forget(prepared.facts.layout, prepared.settings.instance, pid)
        if move is None or not moves or ports.is_free(prepared.settings.ip, prepared.settings.port):
            raise error
        prepared, moves = move(prepared), moves - 1


def after_logout() -> tuple[Problem, ...]:
    """The warning that a server which was started now ends with its user's session."""
    if logind.survives_logout() is not False:
        return ()
    return (
        Problem(
            "ends-at-logout",
            msg("This host ends all your processes when you log out (KillUserProcesses=yes)."),
            msg("{command}", command="loginctl enable-linger"),
        ),
    )


def _spawn(prepared: Prepared, log: Path) -> int:
    instance = prepared.settings.instance
    pid = processes.spawn_detached(replace(serving.launch_of(prepared), log=log), f"jupyter-remotekit-{instance}")
    starting.note(prepared.facts.layout, instance, pid)
    return pid


def _why_not(pid: int, log: Path, said: tuple[str, ...]) -> RemoteKitError:
    """What the server said before it ended: the policy's findings where it was refused, else its log's last line.

    One that is still there after so long would go on starting, unseen: it is ended.
    """
    hint = msg("The log ends with: {words} (whole log: {log})", words=next((line for line in reversed(said) if line.strip()), "-"), log=log)
    if processes.process_alive(pid):
        processes.terminate(pid, processes.create_time(pid), ENDS_WITHIN_S)
        seconds = int(starting.READY_WITHIN_S)
        message = msg("The server (process {pid}) did not answer within {seconds} s, and was ended.", pid=pid, seconds=seconds)
        return Failed.of("not-ready", message, hint)
    findings = [finding for finding in map(parse_line, said) if finding]
    if findings:
        return Refused(*(Problem(code, _verbatim(text), _verbatim(fix) if fix else None) for code, text, fix in findings))
    return Failed.of("not-ready", readiness.did_not_start(pid), hint)


def _verbatim(text: str) -> Message:
    """Words of the server's, which are in the user's language already."""
    return msg("{text}", text=text)
