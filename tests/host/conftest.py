"""A machine in a folder: layouts, small disks, read-only folders, stand-ins of other programs."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from jupyter_remote_kit.host import logind, programs
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


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], Path]:
    """Puts a script on PATH, in front of the machine's own; the file returned holds the words it was called with, a call a line."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")

    def put(name: str, script: str) -> Path:
        log = tmp_path / f"{name}.log"
        (folder / name).write_text(f'#!/bin/sh\necho "$@" >> {log}\n{script}\n')
        (folder / name).chmod(0o755)
        return log

    return put


@pytest.fixture
def listen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], socket.socket]:
    """A user whose own systemd manager is not there; a call lets it come, until the socket is closed."""
    runtime = tmp_path / "run"
    runtime.mkdir()
    monkeypatch.setattr(programs, "runtime_folder", lambda: runtime)
    monkeypatch.setattr(logind, "_runs", lambda: True)

    def come() -> socket.socket:
        (runtime / "systemd").mkdir()
        listener = socket.socket(socket.AF_UNIX)
        # The path below a test's folder may be too long for a socket's address.
        folder = os.open(runtime / "systemd", os.O_RDONLY)
        listener.bind(f"/proc/self/fd/{folder}/private")
        os.close(folder)
        return listener

    return come
