"""What the server tells a signed-in user and the control socket: the kit, the posture, the load, the kernels."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from tornado.ioloop import IOLoop

from jupyter_remote_kit import __version__
from jupyter_remote_kit.messages import Translate
from jupyter_remote_kit.plan import policy
from jupyter_remote_kit.plan.policy import Finding, Mode, Posture
from jupyter_remote_kit.server import posture
from jupyter_remote_kit.settings import Access

if TYPE_CHECKING:
    from jupyter_server.serverapp import ServerApp

    from jupyter_remote_kit.server.kitstate import KitState

T = TypeVar("T")
FRESH_SECONDS = 1.0


class Cached(Generic[T]):
    """The last answer of `measure`, asked for again when it is older than `FRESH_SECONDS`; many askers at once make one measurement."""

    def __init__(self, measure: Callable[[], Awaitable[T]], clock: Callable[[], float] = time.monotonic) -> None:
        self._measure = measure
        self._clock = clock
        self._task: asyncio.Task[T] | None = None
        self._begun = 0.0

    async def get(self) -> T:
        """A fresh answer, or the exception that the measurement has raised."""
        now = self._clock()
        task = self._task
        if task is None or (task.done() and now - self._begun >= FRESH_SECONDS):
            self._begun = now
            task = self._task = asyncio.ensure_future(self._awaited())
        # One asker that hangs up must not cancel the measurement of the others.
        return await asyncio.shield(task)

    async def _awaited(self) -> T:
        return await self._measure()


class Status:
    """Answers for one server; kept for its lifetime, since the load is cached in it."""

    def __init__(self, app: ServerApp, kit: KitState) -> None:
        self._app = app
        self._kit = kit
        # Two measurements: whoever waits for the server to come up asks for its posture, and pays for no driver.
        self._declared = Cached(lambda: _in_executor(self._collect))
        self._load = Cached(lambda: _in_executor(sample))

    async def document(self, translate: Translate, protocol: str) -> dict[str, Any]:
        """The answer of `GET /remotekit/api/status`, as `openapi.yaml` describes it; `protocol` is that of the request."""
        declared, (host, gpus) = await asyncio.gather(self._declared.get(), self._load.get())
        return {
            "kit": {"version": __version__},
            "server": {"version": self._app.version, "started": self.started()},
            "posture": self._posture(declared, translate, protocol),
            "host": host,
            "gpus": gpus,
            "kernels": self.kernels(),
            "language_servers": self._language_servers(),
            "language": self._kit.language or None,
        }

    async def posture(self, translate: Translate, protocol: str) -> dict[str, Any]:
        """The `posture` of the document alone."""
        return self._posture(await self._declared.get(), translate, protocol)

    def started(self) -> str:
        """When the server started, in UTC, as ISO 8601."""
        return str(self._app.web_app.settings["started"].isoformat().replace("+00:00", "Z"))

    def kernels(self) -> list[dict[str, Any]]:
        """The running kernels, as `GET /api/kernels` has them."""
        fields = ("id", "name", "execution_state", "connections", "last_activity")
        return [{field: kernel[field] for field in fields} for kernel in self._app.kernel_manager.list_kernels()]  # type: ignore[no-untyped-call]

    def _collect(self) -> Posture:
        return posture.collect(self._app, self._kit)

    def _posture(self, declared: Posture, translate: Translate, protocol: str) -> dict[str, Any]:
        managed = declared.mode is Mode.MANAGED
        return {
            "mode": declared.mode.value,
            "instance": (self._kit.instance or None) if managed else None,
            "access": declared.access.value if declared.access else None,
            "scheme": "https" if declared.tls or protocol == "https" else "http",
            "secure": is_secure(declared, protocol),
            "findings": [_finding(finding, translate) for finding in policy.check(declared)],
        }

    def _language_servers(self) -> list[dict[str, str]]:
        manager = getattr(self._app, "language_server_manager", None)
        sessions = getattr(manager, "sessions", None) or {}
        return [{"id": key, "status": str(session.status.value)} for key, session in sorted(sessions.items())]


def sample() -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The `host` and the `gpus` of the document. Blocks: /proc and the driver take milliseconds, and seconds on a bad day."""
    from jupyter_remote_kit.host import gpus, load  # psutil and NVML, which a server that nobody asks does not hold

    found = load.sample_host()
    host = {
        "hostname": found.hostname,
        "cpu_count": found.cpu_count,
        "cpu_percent": found.cpu_percent,
        "load_average": list(found.load_average) if found.load_average else None,
        "memory": {"total_bytes": found.memory_total_bytes, "available_bytes": found.memory_available_bytes},
    }
    return host, [asdict(gpu) for gpu in gpus.sample_gpus()]


async def _in_executor(measure: Callable[[], T]) -> T:
    return await IOLoop.current().run_in_executor(None, measure)


def is_secure(declared: Posture, protocol: str) -> bool:
    """Whether nobody on the way can read along: TLS up to here or up to the proxy, or a loopback that is the laptop's own or ssh's.

    Plain HTTP to a relay goes over a network in the clear, loopback or not.
    """
    if declared.tls or protocol == "https":
        return True
    return declared.loopback and declared.access is not Access.RELAY


def _finding(finding: Finding, translate: Translate) -> dict[str, Any]:
    return {
        "code": finding.code,
        "severity": finding.severity.value,
        "message": finding.message.render(translate),
        "fix": finding.fix.render(translate) if finding.fix else None,
    }
