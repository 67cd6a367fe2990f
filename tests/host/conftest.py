"""A machine in a folder: layouts, small disks, read-only folders."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from jupyter_remote_kit.plan.layout import Layout


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """Jupyter's three folders, none of which exists yet."""
    return Layout(tmp_path / "config", tmp_path / "data", tmp_path / "runtime")


def _mounted(*arguments: str) -> None:
    done = subprocess.run(["mount", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"cannot mount here: {done.stderr.strip()}")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder on a file system of 64 KiB."""
    if os.geteuid() != 0 or not shutil.which("mount"):
        pytest.skip("mounting needs root")
    place = tmp_path / "small"
    place.mkdir()
    _mounted("-t", "tmpfs", "-o", "size=64k,mode=0700", "tmpfs", str(place))
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


@pytest.fixture
def read_only(tmp_path: Path) -> Iterator[Path]:
    """A folder on a read-only file system, with the file `there` in it: root ignores modes, but not this."""
    if os.geteuid() != 0 or not shutil.which("mount"):
        pytest.skip("mounting needs root")
    place = tmp_path / "fixed"
    place.mkdir()
    (place / "there").write_bytes(b"old")
    _mounted("--bind", str(place), str(place))
    _mounted("-o", "remount,ro,bind", str(place))
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


@pytest.fixture
def foreign_uid() -> int:
    """A user id that is neither ours nor root's, to give files away to."""
    if os.geteuid() != 0:
        pytest.skip("giving files away needs root")
    return 12345
