"""systemd on this machine: whether it runs, what it says of a unit, and what its journal holds."""

from __future__ import annotations

import json
import os
import re
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from jupyter_remote_kit.errors import Failed
from jupyter_remote_kit.host import logind, processes, programs, whoami
from jupyter_remote_kit.messages import msg
from jupyter_remote_kit.plan.model import Run
from jupyter_remote_kit.plan.units import Scope

BOOTED = Path("/run/systemd/system")
_ASK_S = 10.0
_MANAGER_COMES_S = 15.0
_POLL_S = 0.1
_UNIT_IN_CGROUP = re.compile(r"/(jupyter-remotekit@[^/]+\.service)(?:/|$)", re.MULTILINE)


def booted() -> bool:
    """Whether systemd runs this machine (sd_booted(3))."""
    return BOOTED.is_dir()


def user_manager_runs() -> bool:
    """Whether this user's own manager is there."""
    # Where it always is; a variable may lead elsewhere, or be absent as under sudo and cron.
    return logind.user_manager({}) is not None


def await_user_manager() -> None:
    """Wait for the manager that lingering has just started. Raises `Failed` when it does not come."""
    if processes.wait_for(user_manager_runs, _MANAGER_COMES_S, _POLL_S):
        return
    raise no_user_manager()


def no_user_manager() -> Failed:
    """The user's own manager is not there."""
    return Failed.of(
        "no-user-manager",
        msg("Your own systemd manager (user@{uid}.service) is not running.", uid=os.geteuid()),
        msg(
            "{command}; or install a system service: --system",
            command=f"sudo systemctl start user@{os.geteuid()}.service",
        ),
    )


def run(step: Run) -> None:
    """Run a step of a plan; one for the user's manager waits until lingering has started that. Raises `Failed` as `programs.run` does."""
    if "--user" in step.argv:
        await_user_manager()
    programs.run(step)


def properties(scope: Scope, unit: str, *names: str) -> Mapping[str, str]:
    """What the manager of that scope says of a unit; empty where there is no manager to ask."""
    if scope is Scope.USER and not user_manager_runs():
        return {}
    command = ("systemctl", "--user") if scope is Scope.USER else ("systemctl",)
    done = programs.call((*command, "show", f"--property={','.join(names)}", "--", unit), patience_s=_ASK_S)
    return dict(line.partition("=")[::2] for line in done.out.splitlines())


def unit_of(pid: int) -> str | None:
    """Which unit of ours the process belongs to; `None` where it is none, or another user's."""
    try:
        found = _UNIT_IN_CGROUP.search(Path(f"/proc/{pid}/cgroup").read_text())
    except OSError:
        return None
    return found[1] if found else None


def journal(scope: Scope, unit: str, *words: str) -> list[dict[str, Any]]:
    """The entries of a unit, oldest first. Raises `Failed` where this user may not read them."""
    done = programs.call(journal_command(scope, unit, *words), patience_s=60.0)
    if done.code != 0 or (not done.out and "insufficient permissions" in done.err):
        raise _closed(done.err or done.last_line)
    return list(entries(done.out.splitlines()))


def _closed(said: str) -> Failed:
    reason = next((line.strip() for line in reversed(said.splitlines()) if line.strip()), "?")
    return Failed.of(
        "journal-closed",
        msg("The journal cannot be read: {reason}", reason=reason),
        msg("{command}  # from your next log-in on", command=f"sudo usermod -aG systemd-journal {shlex.quote(whoami.user_name())}"),
    )


def journal_command(scope: Scope, unit: str, *words: str) -> tuple[str, ...]:
    """The argv that prints the entries of a unit, one JSON object a line."""
    return ("journalctl", "--user-unit" if scope is Scope.USER else "--unit", unit, "--output=json", "--all", "--no-pager", *words)


def follow(scope: Scope, unit: str, *words: str) -> Iterator[dict[str, Any] | None]:
    """The same, and then whatever comes; `None` while nothing does. Ends with journalctl."""
    # It follows what it may not read as well, and says nothing.
    journal(scope, unit, "--lines=1")
    with programs.lines(journal_command(scope, unit, *words, "--follow")) as coming:
        for line in coming:
            if line is None:
                yield None
            else:
                yield from entries([line])


def entries(lines: Iterator[str] | list[str]) -> Iterator[dict[str, Any]]:
    """What journalctl prints, as objects; a value of bytes that are no UTF-8 comes as a list of numbers."""
    for line in lines:
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        yield {name: bytes(value).decode(errors="replace") if _is_bytes(value) else value for name, value in entry.items()}


def _is_bytes(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(number, int) for number in value)
