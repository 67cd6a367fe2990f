"""Sees kernels and terminals start and end, and who asked for it."""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Awaitable, Callable, Coroutine
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Protocol

from jupyter_remote_kit.plan.audit import Action

if TYPE_CHECKING:
    from jupyter_events.logger import EventLogger
    from jupyter_server.serverapp import ServerApp
    from tornado.httputil import HTTPServerRequest

KERNEL_ACTIONS = "https://events.jupyter.org/jupyter_server/kernel_actions/v1"
DIED, RESTARTED, STOPPED = "died", "restarted", "server-stopped"


class Record(Protocol):
    """`Audit.record`."""

    def __call__(self, action: Action, request: HTTPServerRequest | None = None, **details: str) -> None: ...


class CurrentRequest:
    """The request that the running code works for.

    A context outlives its request: the timers that watch a kernel are started while it is asked for, and inherit the context. So the
    request counts for as long as the task that handles it runs.
    """

    def __init__(self) -> None:
        self._entered: ContextVar[tuple[weakref.ref[HTTPServerRequest], weakref.ref[asyncio.Task[Any]]] | None]
        self._entered = ContextVar("remotekit_request", default=None)

    def set(self, request: HTTPServerRequest) -> None:
        """The task that runs now handles `request`."""
        task = asyncio.current_task()
        self._entered.set((weakref.ref(request), weakref.ref(task)) if task is not None else None)

    def get(self) -> HTTPServerRequest | None:
        """The request, unless it is over or there is none."""
        entered = self._entered.get()
        if entered is None:
            return None
        request, task = entered[0](), entered[1]()
        return request if task is not None and not task.done() else None


current_request = CurrentRequest()


class Watch:
    """Records the starts and ends of one server's kernels and terminals through `record`."""

    def __init__(self, app: ServerApp, record: Record) -> None:
        self._app = app
        self._record = record
        self._kernels: set[str] = set()
        self._terminals: set[str] = set()
        self._terminating: dict[str, HTTPServerRequest | None] = {}
        if app.event_logger is not None:
            app.event_logger.add_listener(schema_id=KERNEL_ACTIONS, listener=self._on_kernel_action)
        manager = app.web_app.settings.get("terminal_manager")
        if manager is not None:
            self._wrap(manager)

    def close(self) -> None:
        """The server ends: what still runs ends with it."""
        if self._app.event_logger is not None:
            self._app.event_logger.remove_listener(schema_id=KERNEL_ACTIONS, listener=self._on_kernel_action)
        for kernel in sorted(self._kernels):
            self._kernel_ended(kernel, None, STOPPED)
        for terminal in sorted(self._terminals):
            self._terminal_ended(terminal, STOPPED)

    def _on_kernel_action(self, logger: EventLogger, schema_id: str, data: dict[str, Any]) -> Coroutine[Any, Any, None]:
        """Whose request it is has to be asked now: by the time the event system runs the coroutine, the request may be over."""
        return self._kernel_action(data, current_request.get())

    async def _kernel_action(self, data: dict[str, Any], request: HTTPServerRequest | None) -> None:
        """An event of jupyter_server's. Those who are signed in can send such events themselves, so the kernel is looked up as well."""
        kernel, action = data.get("kernel_id"), data["action"]
        if not isinstance(kernel, str) or data.get("status") != "success":
            return
        if action == "start" and kernel not in self._kernels and self._runs(kernel):
            self._kernels.add(kernel)
            self._app.kernel_manager.add_restart_callback(kernel, lambda: self._kernel_ended(kernel, None, DIED), "dead")
            self._record(Action.KERNEL_STARTED, request, kernel=kernel, name=str(data.get("kernel_name", "")))
        elif action == "restart" and kernel in self._kernels:
            # Without a request the kernel had died, and jupyter_client has started it again.
            self._record(Action.KERNEL_STARTED, request, kernel=kernel, reason=RESTARTED if request else DIED)
        elif action == "shutdown":
            self._kernel_ended(kernel, request, "")

    def _runs(self, kernel: str) -> bool:
        return kernel in self._app.kernel_manager

    def _kernel_ended(self, kernel: str, request: HTTPServerRequest | None, reason: str) -> None:
        if kernel in self._kernels:
            self._kernels.remove(kernel)
            self._record(Action.KERNEL_ENDED, request, kernel=kernel, reason=reason)

    def _wrap(self, manager: Any) -> None:  # noqa: ANN401  # jupyter_server_terminals' manager, or another of that shape
        """jupyter_server_terminals tells nobody: its manager is made to. Every new terminal passes `start_reading`, every end `on_eof`."""
        start_reading: Callable[[Any], None] = manager.start_reading
        on_eof: Callable[[Any], None] = manager.on_eof
        terminate: Callable[..., Awaitable[None]] = manager.terminate

        def started(terminal: Any) -> None:  # noqa: ANN401
            start_reading(terminal)
            name = str(terminal.term_name)
            self._terminals.add(name)
            self._record(Action.TERMINAL_STARTED, current_request.get(), terminal=name)

        def ended(terminal: Any) -> None:  # noqa: ANN401
            on_eof(terminal)
            self._terminal_ended(str(terminal.term_name), "")

        async def terminated(name: str, force: bool = False) -> None:
            # Its end is read from the pty, in nobody's context.
            self._terminating[name] = current_request.get()
            try:
                await terminate(name, force=force)
            finally:
                if name not in self._terminals:
                    self._terminating.pop(name, None)

        manager.start_reading, manager.on_eof, manager.terminate = started, ended, terminated

    def _terminal_ended(self, name: str, reason: str) -> None:
        request = self._terminating.pop(name, None)
        if name in self._terminals:
            self._terminals.remove(name)
            self._record(Action.TERMINAL_ENDED, request, terminal=name, reason=reason)
