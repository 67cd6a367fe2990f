"""Load of the host."""

from __future__ import annotations

import socket
from pathlib import Path

import psutil
import pytest

from jupyter_remote_kit.host import load


def test_the_host() -> None:
    sample = load.sample_host()
    assert (sample.hostname, sample.cpu_count) == (socket.gethostname(), psutil.cpu_count())
    assert 0 <= sample.cpu_percent <= 100
    assert 0 < sample.memory_available_bytes <= sample.memory_total_bytes
    assert sample.load_average is None or len(sample.load_average) == 3


@pytest.mark.parametrize("text", [None, "", "MemTotal: 12 kB\n"])
def test_the_memory_is_what_psutil_tells(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str | None) -> None:
    """Also on a system without the file, or with one that says less."""
    table = tmp_path / "meminfo"
    if text is not None:
        table.write_text(text)
    in_the_file = load.memory()
    monkeypatch.setattr(load, "_MEMORY", table)
    elsewhere = load.memory()
    assert in_the_file.total_bytes == elsewhere.total_bytes == psutil.virtual_memory().total
    assert 0 < in_the_file.available_bytes <= in_the_file.total_bytes
    assert 0 < elsewhere.available_bytes <= elsewhere.total_bytes
