"""A server that has been started: waiting for its first answer, and what `up` says then."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from jupyter_remote_kit.commands import init, machine, urls
from jupyter_remote_kit.commands.context import Context
from jupyter_remote_kit.commands.init import Prepared
from jupyter_remote_kit.errors import Failed, Problem
from jupyter_remote_kit.host import foreground, paths, processes
from jupyter_remote_kit.host.starting import READY_WITHIN_S
from jupyter_remote_kit.messages import BLANK, Message, msg
from jupyter_remote_kit.plan.answers import WILDCARDS
from jupyter_remote_kit.plan.commandline import own_command
from jupyter_remote_kit.plan.urls import authority, plan_urls
from jupyter_remote_kit.result import Result

POLL_S = 0.1


def wait_until_ready(prepared: Prepared, pid: int) -> dict[str, Any] | None:
    """The status of the server once it answers; `None` when it ends before that, or time is out."""
    client = machine.client(prepared.facts.layout, prepared.settings.instance)

    def answer() -> dict[str, Any] | None:
        status = client.status()
        return status if status is not None and status["pid"] == pid and status["ready"] else None

    processes.wait_for(lambda: answer() or not processes.process_alive(pid), READY_WITHIN_S, POLL_S)
    return answer()


def did_not_start(pid: int) -> Message:
    """The first half of why."""
    return msg("The server (process {pid}) did not start.", pid=pid)


def report(context: Context, prepared: Prepared, status: dict[str, Any], *, open_browser: bool) -> Result:
    """The one result of `up`. The token is shown to a person at a terminal alone: what goes to a pipe ends up in a journal."""
    settings, facts = prepared.settings, prepared.facts
    found = plan_urls(settings, facts, prepared.credentials.token, status["base_url"])
    result = init.report("up", prepared, dry_run=False, shown_before=prepared.shown)
    data = {**result.data, "pid": status["pid"], "lab": list(found.lab), "ssh": found.ssh}
    messages = (*result.messages, BLANK, *urls.trust_notes(settings, facts)) if prepared.plan.steps else urls.trust_notes(settings, facts)
    if not context.on_terminal:
        messages += (msg("PyCharm and VS Code need a URL with the token: {command}", command=own_command(settings.instance, "urls")),)
    problems = opened(settings.instance, settings.scheme, settings.ip, settings.port) if open_browser else ()
    rows = urls.rows(settings, found, with_token=context.on_terminal)
    return replace(result, data=data, messages=messages, rows=rows, problems=(*result.problems, *problems))


def opened(instance: str, scheme: str, ip: str, port: int) -> tuple[Problem, ...]:
    """Open the lab page on this machine, with a ticket that works once, within a minute. Without a browser: a warning."""
    host = "localhost" if ip in WILDCARDS else ip
    try:
        ticket = machine.client(paths.layout(), instance).ticket()
        foreground.open_browser(f"{scheme}://{authority(host, port)}{ticket}", own_command(instance, "urls"))
    except Failed as error:
        return error.problems
    return ()
