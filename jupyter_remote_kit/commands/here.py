"""The host's own part of `list`: the servers of this user that run here, and how busy the machine is.

A laptop asks many hosts at once, and one of them may be a small one: psutil, NVML and the like are loaded where nothing else will do.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from typing import Any

from jupyter_remote_kit import __version__, grammar
from jupyter_remote_kit.errors import Failed, Refused, WrongUsage
from jupyter_remote_kit.host import load, paths, runtimerecord, socketfolder, whoami
from jupyter_remote_kit.plan.layout import Layout

ANSWERS_WITHIN_S = 1.0
# A driver that nobody has used since the last boot is loaded first.
GPUS_WITHIN_S = 2.0

Row = dict[str, Any]


def servers_here() -> dict[str, Any]:
    """JSON-able; `gpus` is `None` where the driver does not answer in time.

    `servers` has every server that runs, by name. The `state` of each is `running`, `starting` or, where it does not answer, `hung`: of
    that only what it wrote of itself when it started is known, and the rest is `None`.
    """
    layout = paths.layout()
    names = _names(layout)
    begun = time.monotonic()
    gpus = _Question(_gpus)
    asked = [_Question(partial(_server, layout, name)) for name in names]
    late = begun + ANSWERS_WITHIN_S
    servers = [question.answer(late, partial(_hung, layout, name)) for question, name in zip(asked, names, strict=True)]
    average = load.load_average()
    memory = load.memory()
    return {
        "version": __version__,
        "hostname": whoami.host_name(),
        "user": whoami.user_name(),
        "load": {
            "cpu_count": load.cpu_count(),
            "load_average": list(average) if average else None,
            "memory": asdict(memory),
        },
        "gpus": gpus.answer(begun + GPUS_WITHIN_S, lambda: None),
        "servers": [server for server in servers if server is not None],
    }


class _Question(threading.Thread):
    """Asked in a thread, which is left behind where it takes too long."""

    def __init__(self, ask: Callable[[], Any]) -> None:
        super().__init__(daemon=True)
        self._ask = ask
        self._answers: list[Any] = []
        self.start()

    def run(self) -> None:
        self._answers.append(self._ask())

    def answer(self, deadline: float, otherwise: Callable[[], Any]) -> Any:  # noqa: ANN401
        """What was answered until `deadline` of the monotonic clock, or else `otherwise`."""
        self.join(max(0.0, deadline - time.monotonic()))
        return self._answers[0] if self._answers else otherwise()


def _names(layout: Layout) -> list[str]:
    """The instances that have a control socket, whether or not somebody listens."""
    pattern = layout.control_socket("*").name
    before, after = pattern.split("*")
    found = {path.name[len(before) : -len(after)] for folder in socketfolder.folders(layout) for path in folder.glob(pattern)}
    return sorted(name for name in found if _is_name(name))


def _is_name(text: str) -> bool:
    try:
        grammar.instance_name(text)
    except WrongUsage:
        return False
    return True


def _gpus() -> list[Row]:
    if not load.has_nvidia_driver():
        return []
    from jupyter_remote_kit.host import gpus

    return [asdict(gpu) for gpu in gpus.sample_gpus()]


def _server(layout: Layout, name: str) -> Row | None:
    """What the server says of itself; `None` where nobody listens, or a stranger does."""
    try:
        status = socketfolder.client(layout, name, ANSWERS_WITHIN_S).status()
    except Failed:
        return _hung(layout, name)
    except Refused:
        return None
    return _row(name, "running" if status.get("ready") else "starting", status) if status is not None else None


def _hung(layout: Layout, name: str) -> Row | None:
    """What it wrote of itself; `None` where it is another host's, with which this one shares a home that is slow."""
    record = runtimerecord.read(layout, name)
    return _row(name, "hung", record or {}) if runtimerecord.other_host(record) is None else None


def _row(name: str, state: str, known: Row) -> Row:
    born = known.get("create_time")
    return {
        "instance": name,
        "state": state,
        "access": (known.get("posture") or {}).get("access"),
        "pid": known.get("pid"),
        "port": known.get("port"),
        "url": known.get("url"),
        "started": known.get("started"),
        "uptime_s": max(0, round(time.time() - born)) if isinstance(born, float) else None,
        "kernels": known.get("kernels"),
        "root_dir": known.get("root_dir"),
    }
