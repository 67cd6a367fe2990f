"""What a host's kit says of itself (`list --here`), read with care: a host may be anybody's, and say anything."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from jupyter_remote_kit.plan.terminal import printable

_GIB = 1 << 30
_DAY_S, _HOUR_S, _MINUTE_S = 86400, 3600, 60


@dataclass(frozen=True)
class Gpu:
    """One GPU; `None` for what it does not tell. Memory in bytes."""

    utilization_percent: float | None
    memory_used: float | None
    memory_total: float | None


@dataclass(frozen=True)
class Server:
    """One server that runs. `state` is `running`, `starting` or `hung`."""

    instance: str
    state: str
    kernels: float | None
    uptime_s: float | None
    root_dir: str | None


@dataclass(frozen=True)
class Report:
    """One host. `gpus` is `None` where its driver did not answer; `load` is the average of the last minute over all processors."""

    servers: tuple[Server, ...]
    gpus: tuple[Gpu, ...] | None
    load: float | None
    cpu_count: float | None


def parse(data: Mapping[str, Any]) -> Report:
    """The `data` of the answer; whatever is not as expected is left out."""
    load = _object(data.get("load"))
    average = load.get("load_average")
    gpus = data.get("gpus")
    return Report(
        servers=tuple(_server(row) for row in _objects(data.get("servers"))),
        gpus=tuple(_gpu(row) for row in _objects(gpus)) if gpus is not None else None,
        load=_number(average[0]) if isinstance(average, list) and average else None,
        cpu_count=_number(load.get("cpu_count")),
    )


def gpus_in_words(gpus: tuple[Gpu, ...] | None) -> str:
    """How busy they are: `97 % 41/80 GB`, one after the other; `-` for none, `?` where the driver did not answer."""
    if gpus is None:
        return "?"
    return ", ".join(map(_gpu_in_words, gpus)) or "-"


def load_in_words(report: Report) -> str:
    """`2.1/16`: the load average over the number of processors."""
    if report.load is None:
        return "-"
    return f"{report.load:.1f}/{report.cpu_count:.0f}" if report.cpu_count else f"{report.load:.1f}"


def duration_in_words(seconds: float | None) -> str:
    """`3 d 4 h`, `4 h 5 min`, `5 min`, `40 s`; `-` for what is not known."""
    if seconds is None:
        return "-"
    whole = max(0, int(seconds))
    if whole >= _DAY_S:
        return f"{whole // _DAY_S} d {whole % _DAY_S // _HOUR_S} h"
    if whole >= _HOUR_S:
        return f"{whole // _HOUR_S} h {whole % _HOUR_S // _MINUTE_S} min"
    return f"{whole // _MINUTE_S} min" if whole >= _MINUTE_S else f"{whole} s"


def _gpu_in_words(gpu: Gpu) -> str:
    busy = "-" if gpu.utilization_percent is None else f"{gpu.utilization_percent:.0f} %"
    if gpu.memory_used is None or gpu.memory_total is None:
        return busy
    return f"{busy} {gpu.memory_used / _GIB:.0f}/{gpu.memory_total / _GIB:.0f} GiB"


def _server(row: Mapping[str, Any]) -> Server:
    return Server(
        instance=_text(row.get("instance")) or "-",
        state=_text(row.get("state")) or "-",
        kernels=_number(row.get("kernels")),
        uptime_s=_number(row.get("uptime_s")),
        root_dir=_text(row.get("root_dir")),
    )


def _gpu(row: Mapping[str, Any]) -> Gpu:
    return Gpu(*(_number(row.get(key)) for key in ("utilization_percent", "memory_used_bytes", "memory_total_bytes")))


def _object(found: object) -> Mapping[str, Any]:
    return found if isinstance(found, dict) else {}


def _objects(found: object) -> Iterable[Mapping[str, Any]]:
    return [row for row in found if isinstance(row, dict)] if isinstance(found, list) else []


def _text(found: object) -> str | None:
    return printable(found) if isinstance(found, str) else None


def _number(found: object) -> float | None:
    """A number that a person can read; JSON's may be true, or have a thousand digits."""
    if isinstance(found, bool) or not isinstance(found, int | float):
        return None
    return float(found) if abs(found) < 1e18 else None
