"""`jupyter remotekit up`: init if needed, then serve.

In the foreground this process becomes the server (`execve`), so that signals, exit codes and memory are the server's own; a small watcher,
forked before, tells the user when it answers.
"""

from __future__ import annotations

import os
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

from jupyter_remote_kit.commands import init, machine, urls
from jupyter_remote_kit.commands.context import Context, kit_command, one_of, option
from jupyter_remote_kit.commands.init import Prepared
from jupyter_remote_kit.commands.options import instance_options, parse
from jupyter_remote_kit.errors import Failed, Problem, Refused, RemoteKitError
from jupyter_remote_kit.host import files, foreground, logs, paths, ports, processes
from jupyter_remote_kit.messages import BLANK, Message, marked, msg
from jupyter_remote_kit.plan.answers import WILDCARDS
from jupyter_remote_kit.plan.init import private_folders
from jupyter_remote_kit.plan.launch import plan_launch
from jupyter_remote_kit.plan.policy import Severity, check, refused
from jupyter_remote_kit.plan.posture import declared, problem
from jupyter_remote_kit.plan.urls import authority, plan_urls
from jupyter_remote_kit.plan.userconfig import REFUSED_CODES
from jupyter_remote_kit.result import Result

READY_WITHIN_S = 60.0
POLL_S = 0.1
FINDING_LINE = re.compile(r"(?P<code>[a-z]+(-[a-z0-9]+)*): (?P<text>.*?)( — (?P<fix>.*))?$")
"""How the server words a refusal on standard error, one finding a line (`server.report`)."""


@kit_command("up", marked("Serve JupyterLab; run init first if needed."))
@instance_options
@option("--detach", is_flag=True, help=marked("Return when the server answers; it goes on after you log out."))
@option("--open", "open_browser", is_flag=True, help=marked("Open a browser on this machine, signed in by a one-time ticket."))
def command(context: Context, instance: str, yes: bool, dry_run: bool, **said: Any) -> Result | None:
    """Serve, in the foreground or detached."""
    answers, source = parse(instance, said)
    detach, open_browser = said["detach"], said["open_browser"]
    one_of(("--dry-run", dry_run), ("--open", open_browser))
    running = machine.client(paths.layout(), instance).status()
    if running is not None and not dry_run:
        return _already_runs(instance, running, detach=detach, open_browser=open_browser)
    prepared = init.prepare(context, answers, source, ask=context.interactive and not yes)
    _check(prepared)
    launch = _launch(prepared)
    if dry_run:
        result = init.report("up", prepared, dry_run=True)
        return replace(result, messages=(*result.messages, msg("  {step}", step=msg("run {argv}", argv=" ".join(launch.argv)))))
    _check_port(prepared)
    init.write(prepared)
    _check_exposed(prepared)
    if detach:
        return _detach(context, prepared, launch, open_browser=open_browser)
    foreground.watch_from_child(lambda pid: _announce(context, prepared, pid, open_browser=open_browser))
    return processes.exec_server(launch)


def _already_runs(instance: str, running: dict[str, Any], *, detach: bool, open_browser: bool) -> Result:
    """A second detached `up` has nothing to do; in the foreground there would be nothing to hold on to."""
    message = msg(
        "The instance {name!r} runs already, as process {pid} on port {port}.", name=instance, pid=running["pid"], port=running["port"]
    )
    if detach or open_browser:
        if open_browser:
            _open_browser(instance, running["scheme"], running["ip"], running["port"])
        return Result("up", {"instance": instance, "pid": running["pid"], "url": running["url"], "changed": False}, (message,))
    raise Failed.of("already-running", message, msg("See jupyter remotekit urls, or stop it: jupyter remotekit down"))


def _check(prepared: Prepared) -> None:
    """Refuse on what the policy, or the user's own configuration, would refuse inside the server as well. Raises `Refused`."""
    findings = check(declared(prepared.settings, prepared.credentials, as_root=prepared.facts.is_root))
    config = tuple(found for found in prepared.plan.findings if found.code in REFUSED_CODES)
    if refused(findings) or config:
        raise Refused(*(problem(finding) for finding in findings if finding.severity is Severity.REFUSE), *config)


def _check_exposed(prepared: Prepared) -> None:
    """Refuse when others can read what was written; the folders' modes were just set right. Raises `Refused`."""
    layout, settings = prepared.facts.layout, prepared.settings
    private = [*private_folders(settings, layout), layout.instance_file(settings.instance)]
    if settings.private_ca:
        private += [layout.ca_file, layout.leaf_file(settings.instance)]
    posture = declared(settings, prepared.credentials, as_root=prepared.facts.is_root, exposed_paths=files.exposed(private))
    findings = check(posture)
    if refused(findings):
        raise Refused(*(problem(finding) for finding in findings if finding.code == "exposed-path"))


def _check_port(prepared: Prepared) -> None:
    """Raises `Failed` with the name of whoever holds the port."""
    settings = prepared.settings
    holder = ports.port_holder(settings.ip, settings.port)
    if holder is None:
        return
    hint = msg("Stop it, or choose another port: --port {port}", port=settings.port + 1)
    if holder.pid is None:
        raise Failed.of("port-taken", msg("Port {port} is taken by a process of another user.", port=settings.port), hint)
    raise Failed.of(
        "port-taken",
        msg(
            "Port {port} is taken by process {pid} of {user}: {command}",
            port=settings.port,
            pid=holder.pid,
            user=holder.user or "?",
            command=holder.command or "?",
        ),
        hint,
    )


def _launch(prepared: Prepared) -> processes.Launch:
    layout, instance = prepared.facts.layout, prepared.settings.instance
    plan = plan_launch(instance, layout, prepared.facts.python, os.environ.get("PATH", ""))
    environment = {**os.environ, **plan.environment}
    return processes.Launch(plan.argv, environment, plan.cwd, None)


def _announce(context: Context, prepared: Prepared, pid: int, *, open_browser: bool) -> None:
    """In the watcher: wait until the server `pid` answers, and say so. When it ends first, its own words have said why."""
    try:
        if _wait_until_ready(prepared, pid):
            context.emit(_ready(context, prepared, pid, open_browser=open_browser))
        elif context.as_json or processes.process_alive(pid):
            raise Failed.of(*_no_answer(pid), msg("See what it said on standard error"))
    except RemoteKitError as error:
        context.emit(Result.from_error("up", error))


def _detach(context: Context, prepared: Prepared, launch: processes.Launch, *, open_browser: bool) -> Result:
    log = prepared.facts.layout.server_log(prepared.settings.instance)
    said_before = logs.size(log)
    pid = processes.spawn_detached(replace(launch, log=log), f"jupyter-remotekit-{prepared.settings.instance}")
    if not _wait_until_ready(prepared, pid):
        raise _not_ready(pid, log, logs.lines_since(log, said_before))
    result = _ready(context, prepared, pid, open_browser=open_browser)
    messages: tuple[Message, ...] = (msg("The server runs as process {pid}; its log is {log}", pid=pid, log=log),)
    problems = result.problems
    if processes.survives_logout() is False:
        problems += (
            Problem(
                "ends-at-logout",
                msg("This host ends all your processes when you log out (KillUserProcesses=yes)."),
                msg("{command}", command="loginctl enable-linger"),
            ),
        )
    return replace(result, data={**result.data, "log": str(log)}, messages=(*messages, *result.messages), problems=problems)


def _wait_until_ready(prepared: Prepared, pid: int) -> bool:
    """Whether the server answers before it ends, or time is out."""
    client = machine.client(prepared.facts.layout, prepared.settings.instance)

    def answers() -> bool:
        status = client.status()
        return status is not None and status["pid"] == pid and status["ready"]

    processes.wait_for(lambda: answers() or not processes.process_alive(pid), READY_WITHIN_S, POLL_S)
    return answers()


def _no_answer(pid: int) -> tuple[str, Message]:
    return "not-ready", msg("The server (process {pid}) did not come up.", pid=pid)


def _not_ready(pid: int, log: Path, said: tuple[str, ...]) -> RemoteKitError:
    """What the server said before it ended: the policy's findings where it was refused, else its log's last line."""
    findings = [match for match in map(FINDING_LINE.match, said) if match]
    if findings and not processes.process_alive(pid):
        return Refused(*(Problem(found["code"], _verbatim(found["text"]), _verbatim(found["fix"] or "-")) for found in findings))
    last = next((line for line in reversed(said) if line.strip()), "-")
    return Failed(Problem(*_no_answer(pid), msg("The log ends with: {words} (whole log: {log})", words=last, log=log)))


def _verbatim(text: str) -> Message:
    """Words of the server's, which are in the user's language already."""
    return msg("{text}", text=text)


def _ready(context: Context, prepared: Prepared, pid: int, *, open_browser: bool) -> Result:
    """The one result of `up`. The token is shown to a person at a terminal alone: what goes to a pipe ends up in a journal."""
    settings, facts = prepared.settings, prepared.facts
    found = plan_urls(settings, facts, prepared.credentials.token)
    result = init.report("up", prepared, dry_run=False)
    data = {**result.data, "pid": pid, "lab": list(found.lab), "ssh": found.ssh}
    messages = (*result.messages, BLANK, *urls.trust_notes(settings, facts)) if prepared.plan.steps else urls.trust_notes(settings, facts)
    if not context.on_terminal:
        messages += (msg("PyCharm and VS Code need a URL with the token: jupyter remotekit urls"),)
    if open_browser:
        _open_browser(settings.instance, settings.scheme, settings.ip, settings.port)
    return replace(result, data=data, messages=messages, rows=urls.rows(settings, found, with_token=context.on_terminal))


def _open_browser(instance: str, scheme: str, ip: str, port: int) -> None:
    """Open the lab page on this machine, with a ticket that works once, within a minute."""
    ticket = machine.client(paths.layout(), instance).ticket()
    host = "localhost" if ip in WILDCARDS else ip
    foreground.open_browser(f"{scheme}://{authority(host, port)}{ticket}")
