"""The GPUs of the host."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from jupyter_remote_kit.host import gpus, load


def test_gpus_are_what_the_driver_lists() -> None:
    """With a driver as many as its own tool lists, without one none, and the second look is as the first."""
    listed = 0
    if os.path.exists("/dev/nvidiactl"):  # noqa: PTH110
        listed = len(subprocess.run(["nvidia-smi", "-L"], capture_output=True, check=True).stdout.splitlines())
    found = gpus.sample_gpus()
    assert len(found) == listed
    assert [gpu.index for gpu in found] == list(range(listed))
    assert [gpu.uuid for gpu in gpus.sample_gpus()] == [gpu.uuid for gpu in found]
    assert load.has_nvidia_driver() or not found


def test_no_driver_is_no_error() -> None:
    code = "import ctypes; from jupyter_remote_kit.host import gpus; print(gpus.sample_gpus())"
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
    nvml = gpus.pynvml

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
    gpus._start_nvml.cache_clear()
    try:
        assert gpus.sample_gpus() == (
            gpus.Gpu(0, "NVIDIA A100 MIG 1g.10gb", "MIG-1", 80 << 30, 3 << 30, None, None),
            gpus.Gpu(1, None, None, None, None, None, None),
        )
    finally:
        gpus._start_nvml.cache_clear()
