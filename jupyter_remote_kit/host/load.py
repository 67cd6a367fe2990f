"""How busy the machine is: processor and memory. Blocking calls of a few milliseconds; a server runs them in an executor.

psutil is imported where nothing else will do: it takes longer to load than all of this to be read.
"""

from __future__ import annotations

import os
import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from jupyter_remote_kit.host import whoami

_MEMORY = Path("/proc/meminfo")
_LINE = re.compile(r"^(MemTotal|MemAvailable): +([0-9]+) kB$", re.MULTILINE)
# A driver shows itself by one of these: natively or in a container, and in WSL, where Windows has the driver.
_NVIDIA = (Path("/dev/nvidiactl"), Path("/proc/driver/nvidia/version"), Path("/dev/dxg"))


@dataclass(frozen=True)
class Memory:
    """Of the whole machine; what is available can be had without swapping."""

    total_bytes: int
    available_bytes: int


@dataclass(frozen=True)
class HostLoad:
    """One moment. `cpu_percent` is 0 to 100 over all processors since the last sample; `load_average` is over 1, 5 and 15 minutes."""

    hostname: str
    cpu_count: int
    cpu_percent: float
    load_average: tuple[float, float, float] | None
    memory_total_bytes: int
    memory_available_bytes: int


def sample_host() -> HostLoad:
    """Processor and memory now. The first call after the start reports 0 % (psutil measures between two calls)."""
    import psutil

    found = memory()
    return HostLoad(
        hostname=whoami.host_name(),
        cpu_count=cpu_count(),
        cpu_percent=psutil.cpu_percent(interval=None),
        load_average=load_average(),
        memory_total_bytes=found.total_bytes,
        memory_available_bytes=found.available_bytes,
    )


def cpu_count() -> int:
    """The processors that the kernel has in use."""
    return os.cpu_count() or 1


def load_average() -> tuple[float, float, float] | None:
    """Over 1, 5 and 15 minutes; `None` where the system does not tell."""
    with suppress(OSError, AttributeError):
        return os.getloadavg()
    return None


def memory() -> Memory:
    """The memory now, as psutil tells it; on Linux it is read from where psutil has it."""
    with suppress(OSError, KeyError):
        lines = {name: int(kilobytes) * 1024 for name, kilobytes in _LINE.findall(_MEMORY.read_text())}
        return Memory(lines["MemTotal"], lines["MemAvailable"])
    import psutil

    found = psutil.virtual_memory()
    return Memory(found.total, found.available)


def has_nvidia_driver() -> bool:
    """Whether it is worth loading `host.gpus`, which takes as long as all else that a quick answer does."""
    return any(sign.exists() for sign in _NVIDIA)
