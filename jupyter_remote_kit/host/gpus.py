"""How busy the NVIDIA GPUs are. Blocking calls of a few milliseconds, and of seconds where a driver is in trouble."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeVar

import pynvml  # type: ignore[import-untyped]

T = TypeVar("T")


@dataclass(frozen=True)
class Gpu:
    """One GPU; a field that it does not tell is `None` (utilization of a MIG device, temperature of a virtual one)."""

    index: int
    name: str | None
    uuid: str | None
    memory_total_bytes: int | None
    memory_used_bytes: int | None
    utilization_percent: int | None
    temperature_celsius: int | None


def sample_gpus() -> tuple[Gpu, ...]:
    """The NVIDIA GPUs that this process may see, in the driver's order; none where there is no driver."""
    if not _driver():
        return ()
    count = _told(pynvml.nvmlDeviceGetCount)
    return tuple(_gpu(index) for index in range(count or 0))


_starting = threading.Lock()


def _driver() -> bool:
    # Two executor threads may ask at once, and the library wants to be initialised once.
    with _starting:
        return _start_nvml()


@lru_cache(maxsize=1)
def _start_nvml() -> bool:
    """Whether there is a driver; loaded once a process (20 ms and more), so that a machine without one is not searched at each sample."""
    try:
        pynvml.nvmlInit()
    except (pynvml.NVMLError, OSError):
        return False
    return True


def _gpu(index: int) -> Gpu:
    handle = _told(lambda: pynvml.nvmlDeviceGetHandleByIndex(index))
    if handle is None:
        # Lost (Xid 79) or denied by a cgroup: it is listed, and nothing is known of it.
        return Gpu(index, None, None, None, None, None, None)
    memory = _told(lambda: pynvml.nvmlDeviceGetMemoryInfo(handle))
    busy = _told(lambda: pynvml.nvmlDeviceGetUtilizationRates(handle))
    return Gpu(
        index=index,
        name=_told(lambda: _text(pynvml.nvmlDeviceGetName(handle))),
        uuid=_told(lambda: _text(pynvml.nvmlDeviceGetUUID(handle))),
        memory_total_bytes=memory.total if memory else None,
        memory_used_bytes=memory.used if memory else None,
        utilization_percent=busy.gpu if busy else None,
        temperature_celsius=_told(lambda: pynvml.nvmlDeviceGetTemperature(handle, pynvml.NVML_TEMPERATURE_GPU)),
    )


def _told(ask: Callable[[], T]) -> T | None:
    try:
        return ask()
    except pynvml.NVMLError:
        return None


def _text(value: str | bytes) -> str:
    # nvidia-ml-py before 11.5 answers bytes.
    return value.decode(errors="replace") if isinstance(value, bytes) else value
