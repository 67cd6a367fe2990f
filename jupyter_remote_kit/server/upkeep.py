"""Keeps a running server's certificate in step with time and with this host's addresses, and looks at how it stands."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Callable
from dataclasses import replace

from tornado.ioloop import IOLoop, PeriodicCallback

from jupyter_remote_kit.errors import RemoteKitError
from jupyter_remote_kit.host import apply, facts, leafdates, paths
from jupyter_remote_kit.plan import certificates
from jupyter_remote_kit.plan.facts import Facts
from jupyter_remote_kit.plan.init import managed_paths
from jupyter_remote_kit.plan.instance import Instance
from jupyter_remote_kit.plan.model import Plan
from jupyter_remote_kit.plan.policy import ServedCertificate, certificate_findings
from jupyter_remote_kit.server import report
from jupyter_remote_kit.settings import Settings

# Within a minute a new address is on the certificate, or `status` says that it is not.
LOOK_EVERY_S = 15.0
# Time alone changes how a certificate stands by days.
WHOLE_LOOK_EVERY_S = 3600.0


class Upkeep:
    """Looks after the certificate of one instance. `standing` is how it stood at the last look, `None` before the first.

    `read` gives the instance as it is on the disk; `reload` has the server take the certificate that is there, which `is_served` says
    whether it has done.
    """

    def __init__(
        self, read: Callable[[], Instance], is_served: Callable[[], bool], reload: Callable[[], None], log: logging.Logger
    ) -> None:
        self._read, self._is_served, self._reload, self._log = read, is_served, reload, log
        self.standing: ServedCertificate | None = None
        self._instance = ""
        self._seen: tuple[object, ...] = ()
        self._looked_at = -math.inf
        self._told: list[str] = []
        self._next: asyncio.Task[None] | None = None
        self._one_at_a_time = asyncio.Lock()
        self._timer = PeriodicCallback(self.look, LOOK_EVERY_S * 1000)

    def start(self) -> None:
        """Look now, and from now on. Called on the event loop."""
        self._timer.start()
        self._next = asyncio.ensure_future(self.look())

    def changed(self) -> None:
        """Another certificate is served: look how that one stands. Called on the event loop."""
        self._looked_at = -math.inf
        self._next = asyncio.ensure_future(self.look())

    def stop(self) -> None:
        """Look no more."""
        self._timer.stop()
        if self._next is not None:
            self._next.cancel()

    async def look(self) -> None:
        """One look, off the event loop; what it finds and cannot mend is logged once."""
        async with self._one_at_a_time:
            await self._look()

    async def _look(self) -> None:
        rows: tuple[report.Row, ...]
        try:
            instance, served = await IOLoop.current().run_in_executor(None, self._looked)
            if not served:
                # Others renew certificates as well: `init`, or an ACME client one of the user's own.
                self._reload()
            rows = tuple(certificate_findings(instance, self.standing))
        except RemoteKitError as error:
            rows = error.problems
        self._tell(rows)

    def _looked(self) -> tuple[str, bool]:
        """The instance's name, and whether the certificate on the disk is the one that is served. Blocks for milliseconds."""
        seen, served = (facts.host_names(), facts.host_addresses()), self._is_served()
        # A clock that was set back may have issued what is not valid yet.
        if served and seen == self._seen and 0 <= time.time() - self._looked_at < WHOLE_LOOK_EVERY_S:
            return self._instance, served
        settings = self._read().settings
        # What cannot be served may lack its key, which takes the closer look.
        known = (_settled(settings) if served else None) or _mended(settings)
        self.standing = certificates.served(settings, known)
        # Last: a look that failed is taken again.
        self._seen, self._looked_at, self._instance = seen, time.time(), settings.instance
        return settings.instance, self._is_served()

    def _tell(self, rows: tuple[report.Row, ...]) -> None:
        # In words: an error of the system in a message is another object each time.
        told = report.lines(rows)
        if told and told != self._told:
            self._log.warning("jupyter-remote-kit:\n  %s", "\n  ".join(told))
        self._told = told


def _settled(settings: Settings) -> Facts | None:
    """The facts where nothing is to be done, which is nearly always; `None` where that takes a closer look."""
    if not settings.private_ca or paths.layout().previous_ca_file.exists():
        return None
    known = _gathered(settings, with_authority=False)
    known = replace(known, leaf=leafdates.read(known.layout.leaf_file(settings.instance)))
    return known if certificates.is_settled(settings, known) else None


def _mended(settings: Settings) -> Facts:
    """Do what is to be done; the facts after that."""
    known = _gathered(settings)
    plan = Plan(tuple(certificates.upkeep(settings, known)))
    apply.apply(plan, layout=known.layout, instance=settings.instance, now=known.now)
    return _gathered(settings) if plan.steps else known


def _gathered(settings: Settings, *, with_authority: bool = True) -> Facts:
    layout = paths.layout()
    return facts.gather(
        layout,
        paths=managed_paths(settings, layout),
        instance=settings.instance,
        root_dir=settings.root_dir,
        certfile=settings.certfile,
        keyfile=settings.keyfile,
        with_user_config=False,
        with_authority=with_authority,
    )
