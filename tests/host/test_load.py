"""Load of the host and its GPUs."""

from __future__ import annotations

import os
import socket
import subprocess
import sys

import psutil
import pytest

from jupyter_remote_kit.host import load


def test_the_host() -> None:
    sample = load.sample_host()
    assert (sample.hostname, sample.cpu_count) == (socket.gethostname(), psutil.cpu_count())
    assert 0 <= sample.cpu_percent <= 100
    assert 0 < sample.memory_available_bytes <= sample.memory_total_bytes
    assert sample.load_average is None or len(sample.load_average) == 3


def test_gpus_are_what_the_driver_lists() -> None:
    """With a driver as many as its own tool lists, without one none, and the second look is as the first."""
    listed = 0
    if os.path.exists("/dev/nvidiactl"):  # noqa: PTH110
        listed = len(subprocess.run(["nvidia-smi", "-L"], capture_output=True, check=True).stdout.splitlines())
    gpus = load.sample_gpus()
    assert len(gpus) == listed
    assert [gpu.index for gpu in gpus] == list(range(listed))
    assert [gpu.uuid for gpu in load.sample_gpus()] == [gpu.uuid for gpu in gpus]


def test_no_driver_is_no_error() -> None:
    code = "import ctypes; from jupyter_remote_kit.host import load; print(load.sample_gpus())"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "CUDA_VISIBLE_DEVICES": ""},
    )
    assert done.stderr == ""
    assert done.stdout.startswith("(")


def test_a_gpu_that_tells_little_is_listed_with_gaps(monkeypatch: pytest.MonkeyPatch) -> None:
    """A driver as NVML shows it for a MIG device and for one that fell off the bus; the library is the edge of the machine."""
    nvml = load.pynvml

    def refuse(code: int) -> object:
        def ask(*_: object) -> None:
            raise nvml.NVMLError(code)

        return ask

    def handle(index: int) -> str:
        if index == 1:
            raise nvml.NVMLError(nvml.NVML_ERROR_GPU_IS_LOST)
        return "device"

    class Memory:
        total, used = 80 << 30, 3 << 30

    answers = {
        "nvmlInit": lambda: None,
        "nvmlDeviceGetCount": lambda: 2,
        "nvmlDeviceGetHandleByIndex": handle,
        "nvmlDeviceGetName": lambda _: b"NVIDIA A100 MIG 1g.10gb",
        "nvmlDeviceGetUUID": lambda _: "MIG-1",
        "nvmlDeviceGetMemoryInfo": lambda _: Memory,
        "nvmlDeviceGetUtilizationRates": refuse(nvml.NVML_ERROR_NOT_SUPPORTED),
        "nvmlDeviceGetTemperature": refuse(nvml.NVML_ERROR_NOT_SUPPORTED),
    }
    for name, answer in answers.items():
        monkeypatch.setattr(nvml, name, answer)
    load._start_nvml.cache_clear()
    try:
        assert load.sample_gpus() == (
            load.Gpu(0, "NVIDIA A100 MIG 1g.10gb", "MIG-1", 80 << 30, 3 << 30, None, None),
            load.Gpu(1, None, None, None, None, None, None),
        )
    finally:
        load._start_nvml.cache_clear()
