"""`jupyter remotekit up`: init if needed, then serve.

In the foreground this process becomes the server (`execve`), so that signals, exit codes and memory are the server's own; a small watcher,
forked before, tells the user when it answers.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from jupyter_remote_kit.commands import init, machine, serving, urls
from jupyter_remote_kit.commands.context import Context, kit_command, one_of, option
from jupyter_remote_kit.commands.init import Prepared
from jupyter_remote_kit.commands.options import instance_options, parse
from jupyter_remote_kit.errors import Failed, Problem, Refused, RemoteKitError
from jupyter_remote_kit.host import foreground, logind, logs, paths, processes
from jupyter_remote_kit.messages import BLANK, Message, marked, msg
from jupyter_remote_kit.plan.answers import WILDCARDS
from jupyter_remote_kit.plan.changes import waiting_for_restart
from jupyter_remote_kit.plan.commandline import own_command
from jupyter_remote_kit.plan.refusal import parse_line
from jupyter_remote_kit.plan.urls import authority, plan_urls
from jupyter_remote_kit.result import Result

READY_WITHIN_S = 60.0
ENDS_WITHIN_S = 10.0
POLL_S = 0.1


@kit_command("up", marked("Serve JupyterLab; run init first if needed."))
@instance_options
@option("--detach", is_flag=True, help=marked("Return when the server answers; it keeps running after you log out."))
@option("--open", "open_browser", is_flag=True, help=marked("Open a browser on this machine, signed in by a one-time ticket."))
def command(context: Context, instance: str, yes: bool, dry_run: bool, **said: Any) -> Result | None:
    """Serve, in the foreground or detached."""
    answers, source = parse(instance, said)
    detach, open_browser = said["detach"], said["open_browser"]
    one_of(("--dry-run", dry_run), ("--open", open_browser))
    running = machine.client(paths.layout(), instance).status()
    if running is not None and not (detach or open_browser or dry_run):
        raise _runs_already(instance, running)
    asking = context.interactive and not yes
    prepared = init.prepare(context, answers, source, ask=asking)
    serving.check(prepared)
    launch = serving.launch_of(prepared)
    if dry_run:
        result = init.report("up", prepared, dry_run=True)
        return replace(result, messages=(*result.messages, msg("  {step}", step=msg("run {argv}", argv=" ".join(launch.argv)))))
    if running is not None:
        return _keep_running(prepared, running, open_browser=open_browser)
    serving.check_port(prepared.settings.ip, prepared.settings.port)
    init.write(prepared, show=context.emit if asking else None)
    prepared = replace(prepared, shown=asking)
    with machine.password_told(prepared.generated):
        serving.check_exposed(prepared)
        if detach:
            return _detach(context, prepared, launch, open_browser=open_browser)
        foreground.watch_from_child(lambda pid: _announce(context, prepared, pid, open_browser=open_browser))
    return processes.exec_server(launch)


def _runs_already(instance: str, running: dict[str, Any]) -> Failed:
    return Failed.of(
        "already-running",
        _running_sentence(instance, running),
        msg("See {urls}, or stop it: {down}", urls=own_command(instance, "urls"), down=own_command(instance, "down")),
    )


def _running_sentence(instance: str, running: dict[str, Any]) -> Message:
    return msg(
        "The instance {name!r} is already running as process {pid} on port {port}.", name=instance, pid=running["pid"], port=running["port"]
    )


def _keep_running(prepared: Prepared, running: dict[str, Any], *, open_browser: bool) -> Result:
    """A server that runs stays; it takes a renewed certificate and other credentials. Other settings need a restart: `Failed`."""
    instance = prepared.settings.instance
    waiting = waiting_for_restart(prepared.existing.settings, prepared.settings) if prepared.existing else ()
    if waiting:
        raise Failed.of(
            "restart-needed",
            msg(
                "{sentence} It would take up {names} at its next start.",
                sentence=_running_sentence(instance, running),
                names=", ".join(waiting),
            ),
            msg("Stop it first: {command}", command=own_command(instance, "down")),
        )
    init.write(prepared)
    problems = _opened(instance, running["scheme"], running["ip"], running["port"]) if open_browser else ()
    data = {"instance": instance, "pid": running["pid"], "url": running["url"], "changed": bool(prepared.plan.steps)}
    return Result("up", data, (_running_sentence(instance, running),), problems=problems)


def _announce(context: Context, prepared: Prepared, pid: int, *, open_browser: bool) -> None:
    """In the watcher: wait until the server `pid` answers, and say so. When it ends first, its own words have said why."""
    try:
        with machine.password_told(prepared.generated):
            status = _wait_until_ready(prepared, pid)
            if status is not None:
                context.emit(_ready(context, prepared, status, open_browser=open_browser))
            elif context.as_json or prepared.generated or processes.process_alive(pid):
                raise Failed.of("not-ready", _not_ready(pid), msg("See its messages on standard error"))
    except RemoteKitError as error:
        context.emit(Result.from_error("up", error))


def _detach(context: Context, prepared: Prepared, launch: processes.Launch, *, open_browser: bool) -> Result:
    log = prepared.facts.layout.server_log(prepared.settings.instance)
    said_before = logs.size(log)
    pid = processes.spawn_detached(replace(launch, log=log), f"jupyter-remotekit-{prepared.settings.instance}")
    status = _wait_until_ready(prepared, pid)
    if status is None:
        raise _why_not(pid, log, logs.lines_since(log, said_before))
    result = _ready(context, prepared, status, open_browser=open_browser)
    head = msg("The server is running as process {pid}; its log is {log}", pid=pid, log=log)
    problems = result.problems
    if logind.survives_logout() is False:
        problems += (
            Problem(
                "ends-at-logout",
                msg("This host ends all your processes when you log out (KillUserProcesses=yes)."),
                msg("{command}", command="loginctl enable-linger"),
            ),
        )
    return replace(result, data={**result.data, "log": str(log)}, messages=(head, *result.messages), problems=problems)


def _wait_until_ready(prepared: Prepared, pid: int) -> dict[str, Any] | None:
    """The status of the server once it answers; `None` when it ends before that, or time is out."""
    client = machine.client(prepared.facts.layout, prepared.settings.instance)

    def answer() -> dict[str, Any] | None:
        status = client.status()
        return status if status is not None and status["pid"] == pid and status["ready"] else None

    processes.wait_for(lambda: answer() or not processes.process_alive(pid), READY_WITHIN_S, POLL_S)
    return answer()


def _not_ready(pid: int) -> Message:
    return msg("The server (process {pid}) did not start.", pid=pid)


def _why_not(pid: int, log: Path, said: tuple[str, ...]) -> RemoteKitError:
    """What the server said before it ended: the policy's findings where it was refused, else its log's last line.

    One that is still there after so long would go on starting, unseen: it is ended.
    """
    hint = msg("The log ends with: {words} (whole log: {log})", words=next((line for line in reversed(said) if line.strip()), "-"), log=log)
    if processes.process_alive(pid):
        processes.terminate(pid, processes.create_time(pid), ENDS_WITHIN_S)
        message = msg("The server (process {pid}) did not answer within {seconds} s, and was ended.", pid=pid, seconds=int(READY_WITHIN_S))
        return Failed.of("not-ready", message, hint)
    findings = [finding for finding in map(parse_line, said) if finding]
    if findings:
        return Refused(*(Problem(code, _verbatim(text), _verbatim(fix) if fix else None) for code, text, fix in findings))
    return Failed.of("not-ready", _not_ready(pid), hint)


def _verbatim(text: str) -> Message:
    """Words of the server's, which are in the user's language already."""
    return msg("{text}", text=text)


def _ready(context: Context, prepared: Prepared, status: dict[str, Any], *, open_browser: bool) -> Result:
    """The one result of `up`. The token is shown to a person at a terminal alone: what goes to a pipe ends up in a journal."""
    settings, facts = prepared.settings, prepared.facts
    found = plan_urls(settings, facts, prepared.credentials.token, status["base_url"])
    result = init.report("up", prepared, dry_run=False, shown_before=prepared.shown)
    data = {**result.data, "pid": status["pid"], "lab": list(found.lab), "ssh": found.ssh}
    messages = (*result.messages, BLANK, *urls.trust_notes(settings, facts)) if prepared.plan.steps else urls.trust_notes(settings, facts)
    if not context.on_terminal:
        messages += (msg("PyCharm and VS Code need a URL with the token: {command}", command=own_command(settings.instance, "urls")),)
    opened = _opened(settings.instance, settings.scheme, settings.ip, settings.port) if open_browser else ()
    rows = urls.rows(settings, found, with_token=context.on_terminal)
    return replace(result, data=data, messages=messages, rows=rows, problems=(*result.problems, *opened))


def _opened(instance: str, scheme: str, ip: str, port: int) -> tuple[Problem, ...]:
    """Open the lab page on this machine, with a ticket that works once, within a minute. Without a browser: a warning."""
    host = "localhost" if ip in WILDCARDS else ip
    try:
        ticket = machine.client(paths.layout(), instance).ticket()
        foreground.open_browser(f"{scheme}://{authority(host, port)}{ticket}")
    except Failed as error:
        return error.problems
    return ()
