"""`up` where there is something to do: init if needed, the checks, and a server in the foreground or detached.

In the foreground this process becomes the server (`execve`), so that signals, exit codes and memory are the server's own; a small watcher,
forked before, tells the user when it answers.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, NoReturn

from jupyter_remote_kit.commands import detaching, elsewhere, handover, init, machine, readiness, running, serving
from jupyter_remote_kit.commands.context import Context
from jupyter_remote_kit.commands.init import Prepared
from jupyter_remote_kit.commands.options import PasswordSource
from jupyter_remote_kit.errors import Failed, RemoteKitError
from jupyter_remote_kit.host import foreground, paths, processes, room, starting
from jupyter_remote_kit.messages import msg
from jupyter_remote_kit.plan.answers import Answers
from jupyter_remote_kit.plan.changes import held, waiting_for_restart
from jupyter_remote_kit.result import Result

# The other one waits for its server, and ends it where it does not answer.
OTHERS_START_S = starting.READY_WITHIN_S + 2 * detaching.ENDS_WITHIN_S
# Whoever sits before a terminal can end the wait; what goes on without one has an end.
DETACHED_AWAITS_ADDRESS_S = 60.0


@dataclass(frozen=True)
class Asked:
    """What the command line asks for; `ask`: a person may be asked in turn."""

    answers: Answers
    source: PasswordSource
    ask: bool = False
    dry_run: bool = False
    detach: bool = False
    open_browser: bool = False
    handover: bool = False

    @property
    def instance(self) -> str:
        """The name of the instance."""
        return self.answers.instance


def launch(context: Context, asked: Asked, status: Mapping[str, Any] | None) -> Result | None:
    """Do it; `status` is that of the server where one runs. Returns no result where this process becomes the server."""
    layout = paths.layout()
    if status is None:
        elsewhere.check(layout, asked.instance)
    prepared = init.prepare(context, asked.answers, asked.source, ask=asked.ask, look=lambda tried: _look(tried, asked, status))
    serving.check(prepared)
    if asked.dry_run:
        return _would_run(prepared)
    if status is not None:
        return _keep_running(prepared, asked, status)
    serving.await_address(
        prepared.settings.ip,
        DETACHED_AWAITS_ADDRESS_S if asked.detach else math.inf,
        lambda sentence: context.remark(context.say(sentence)),
    )
    if not asked.detach:
        return _become(context, _written(context, prepared, asked), open_browser=asked.open_browser)
    with starting.alone(layout, asked.instance, OTHERS_START_S):
        status = machine.client(layout, asked.instance).status()
        if status is None:
            elsewhere.check(layout, asked.instance)
            prepared = _written(context, prepared, asked)
            with machine.password_told(prepared.generated):
                return _detach(context, prepared, asked)
    # Somebody else was first.
    return launch(context, asked, status)


def _look(tried: Prepared, asked: Asked, status: Mapping[str, Any] | None) -> None:
    """All that can refuse a server, once a person has answered. Raises `RemoteKitError`."""
    if asked.handover:
        handover.check_access(tried.settings.access)
    serving.check(tried)
    if status is None:
        # The server's own files. How small a file system in memory is says nothing about them.
        room.check((tried.facts.layout.runtime_dir,), least=0)
    # Without a question nothing lies between this and `_written`, which knows whether another `up` has just taken the port.
    if asked.ask and status is None and not asked.dry_run:
        serving.check_port(tried.settings.ip, tried.settings.port)


def _written(context: Context, prepared: Prepared, asked: Asked) -> Prepared:
    """The instance as it stands on the disk now, ready to be served."""
    serving.check_port(prepared.settings.ip, prepared.settings.port)
    prepared = init.write(prepared, show=context.emit if asked.ask else None).done
    with machine.password_told(prepared.generated):
        serving.check_exposed(prepared)
    return replace(prepared, shown=asked.ask)


def _become(context: Context, prepared: Prepared, *, open_browser: bool) -> NoReturn:
    with machine.password_told(prepared.generated):
        starting.note(prepared.facts.layout, prepared.settings.instance, os.getpid())
        foreground.watch_from_child(lambda pid: _announce(context, prepared, pid, open_browser=open_browser))
    processes.exec_server(serving.launch_of(prepared))


def _would_run(prepared: Prepared) -> Result:
    result = init.report("up", prepared, dry_run=True)
    argv = " ".join(serving.launch_of(prepared).argv)
    return replace(result, messages=(*result.messages, msg("  {step}", step=msg("run {argv}", argv=argv))))


def _keep_running(prepared: Prepared, asked: Asked, status: Mapping[str, Any]) -> Result:
    """A server that runs stays; it takes a renewed certificate and other credentials. Other settings need a restart: `Failed`."""
    before = prepared.existing.settings if prepared.existing else prepared.settings
    has, _ = machine.in_force(status, before)
    waiting = waiting_for_restart(has, prepared.settings)
    # What was written earlier and waits for a restart is a warning, and only what is asked for now is refused.
    if waiting_for_restart(held(before), prepared.settings) or "access" in waiting:
        raise running.restart_needed(asked.instance, status, waiting)
    changes_password = prepared.existing is not None and prepared.credentials != prepared.existing.credentials
    taken = init.write(prepared)
    prepared = taken.done
    changed = (msg("Its password has been changed to this one, and every session has ended."),) if changes_password else ()
    problems = readiness.opened(asked.instance, status["scheme"], status["ip"], status["port"]) if asked.open_browser else ()
    data = {"instance": asked.instance, "pid": status["pid"], "url": status["url"], "changed": bool(prepared.plan.steps)}
    return _handed_over(
        Result("up", data, (running.sentence(asked.instance, status), *changed, *taken.messages), problems=(*problems, *taken.problems)),
        prepared,
        asked,
        status,
        started=False,
    )


def _announce(context: Context, prepared: Prepared, pid: int, *, open_browser: bool) -> None:
    """In the watcher: wait until the server `pid` answers, and say so. When it ends first, its own words have said why."""
    try:
        with machine.password_told(prepared.generated):
            status = readiness.wait_until_ready(prepared, pid)
            if status is not None:
                context.emit(readiness.report(context, prepared, status, open_browser=open_browser))
                return
            if not processes.process_alive(pid):
                starting.forget(prepared.facts.layout, prepared.settings.instance, pid)
            if context.as_json or prepared.generated or processes.process_alive(pid):
                raise Failed.of("not-ready", readiness.did_not_start(pid), msg("See its messages on standard error"))
    except RemoteKitError as error:
        context.emit(Result.from_error("up", error))


def _detach(context: Context, prepared: Prepared, asked: Asked) -> Result:
    def move(taken: Prepared) -> Prepared:
        again = init.prepare(context, Answers(asked.instance, auto_port=True), PasswordSource(), ask=False)
        init.write(again)
        return replace(taken, settings=again.settings)

    if asked.handover:
        handover.begin_start(context)
    prepared, status = detaching.start(prepared, move if asked.answers.auto_port else None)
    result = readiness.report(context, prepared, status, open_browser=asked.open_browser)
    log = prepared.facts.layout.server_log(asked.instance)
    head = msg("The server is running as process {pid}; its log is {log}", pid=status["pid"], log=log)
    problems = (*result.problems, *detaching.after_logout())
    result = replace(result, data={**result.data, "log": str(log)}, messages=(head, *result.messages), problems=problems)
    return _handed_over(result, prepared, asked, status, started=True)


def _handed_over(result: Result, prepared: Prepared, asked: Asked, status: Mapping[str, Any], *, started: bool) -> Result:
    if not asked.handover:
        return result
    handed = handover.data_of(asked.instance, prepared.credentials, status, started=started)
    return replace(result, data={**result.data, **handed})
