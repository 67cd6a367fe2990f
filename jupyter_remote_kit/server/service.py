"""A server that runs as a service: says when it is ready, what it does, and that it stops."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from tornado.ioloop import PeriodicCallback

from jupyter_remote_kit import words
from jupyter_remote_kit.messages import Message, msg
from jupyter_remote_kit.server.health import Endpoint, NoAnswer
from jupyter_remote_kit.server.watchdog import Watchdog

if TYPE_CHECKING:
    from jupyter_server.serverapp import ServerApp

    from jupyter_remote_kit.server.notify import Manager

# How often the status line is looked at; it is sent when it has changed.
LOOK_EVERY_S = 5.0
ANSWER_GETS_S = 5.0
ASK_AGAIN_S = 0.5
# The unit's TimeoutStartSec=180, within which the server has to come up as well, ends and restarts what is not ready by then.
READY_ANYWAY_S = 20.0
# What a kernel gets to end by itself when the service stops. The unit's TimeoutStopSec has to be longer.
KERNELS_GET_S = 30.0


class Service:
    """The server `app` as `manager`, who started it, is told of it; `people` counts who is signed in."""

    def __init__(self, manager: Manager, app: ServerApp, people: Callable[[], int]) -> None:
        self._manager, self._app, self._people = manager, app, people
        self._log: logging.Logger = app.log
        self._translate = words.catalogue(words.terminal_locale())
        self._told: tuple[object, ...] = ()
        self._looks = PeriodicCallback(self._look, LOOK_EVERY_S * 1000)
        self._beginning: asyncio.Task[None] | None = None
        self._watchdog: Watchdog | None = None

    def begin(self) -> None:
        """Have the manager told once HTTP answers. Called on the event loop, with the gate open and the sockets listening."""
        if self._manager.listens:
            self._beginning = asyncio.ensure_future(self._be_ready(Endpoint.of(self._app)))

    def end(self) -> None:
        """The server is going to stop: say so, and give its kernels their time."""
        if not self._manager.listens:
            return
        if self._beginning is not None:
            self._beginning.cancel()
        self._looks.stop()
        if self._watchdog is not None:
            self._watchdog.stop()
        kernels = self._kernels()
        self._manager.tell(STOPPING="1", STATUS=self._said(msg("Stopping; kernels: {kernels}", kernels=kernels)))
        self._be_patient()

    async def _be_ready(self, endpoint: Endpoint) -> None:
        await self._answered(endpoint)
        if self._manager.watchdog_s is not None:
            # First: the manager's time begins when it is told.
            self._watchdog = Watchdog(self._manager.watchdog_s, lambda: self._manager.tell(WATCHDOG="1"), self._log)
            self._watchdog.start()
        state = self._state()
        # Lost, it would be waited for until the manager starts another server.
        while not self._manager.tell(READY="1", STATUS=self._line(*state)):
            await asyncio.sleep(ASK_AGAIN_S)
        self._told = state
        self._looks.start()

    async def _answered(self, endpoint: Endpoint) -> None:
        """Return once the server answers itself.

        Where something keeps it from its own address (a packet filter), that its loop turns, its gate is open and its sockets listen has
        to do: not ready for ever, it would be ended and started again for ever.
        """
        deadline = time.monotonic() + READY_ANYWAY_S
        while True:
            try:
                await endpoint.ask(ANSWER_GETS_S)
            except NoAnswer as error:
                url = self._app.connection_url
                said = self._said(msg("The server does not answer itself at {url}: {reason}", url=url, reason=error.reason))
                if time.monotonic() >= deadline:
                    self._log.warning("%s", said)
                    return
                if self._told != (said,) and self._manager.tell(STATUS=said):
                    self._told = (said,)
                await asyncio.sleep(ASK_AGAIN_S)
            else:
                return

    def _look(self) -> None:
        state = self._state()
        if state != self._told and self._manager.tell(STATUS=self._line(*state)):
            self._told = state

    def _state(self) -> tuple[str, int, int]:
        return (self._app.connection_url, self._kernels(), self._people())

    def _line(self, url: str, kernels: int, people: int) -> str:
        return self._said(msg("{url} · kernels: {kernels} · signed in: {people}", url=url, kernels=kernels, people=people))

    def _said(self, message: Message) -> str:
        return message.render(self._translate)

    def _kernels(self) -> int:
        return len(self._app.kernel_manager.list_kernel_ids())

    def _be_patient(self) -> None:
        """Let kernels end by themselves for `KERNELS_GET_S`, where jupyter_client gives them 2.5 s.

        It sends SIGTERM after half of `shutdown_wait_time`, on which Python ends at once, and SIGKILL after all of it
        (manager.py, `finish_shutdown`). Set now and not from the start: a kernel that hangs would make whoever restarts it from the page
        wait for as long.
        """
        manager = self._app.kernel_manager
        for kernel_id in manager.list_kernel_ids():
            kernel = manager.get_kernel(kernel_id)
            # A gateway's has none.
            if kernel.has_trait("shutdown_wait_time"):
                kernel.shutdown_wait_time = max(kernel.shutdown_wait_time, 2 * KERNELS_GET_S)
