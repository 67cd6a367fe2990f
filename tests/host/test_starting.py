"""A server between its start and its first answer."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from jupyter_remote_kit.errors import Failed
from jupyter_remote_kit.host import processes, runtimerecord, starting
from jupyter_remote_kit.plan.layout import Layout

HOLD = """
import sys
from pathlib import Path
from jupyter_remote_kit.host import starting
from jupyter_remote_kit.plan.layout import Layout
with starting.alone(Layout(*map(Path, sys.argv[1:4])), "default", 5):
    print("held", flush=True)
    sys.stdin.read()
"""


@contextmanager
def held_by_another(layout: Layout) -> Iterator[subprocess.Popen[str]]:
    """Another process starts the server of `default`, until its standard input ends."""
    folders = map(str, (layout.config_dir, layout.data_dir, layout.runtime_dir))
    argv = [sys.executable, "-c", HOLD, *folders]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        try:
            yield other
        finally:
            other.kill()


def ended() -> int:
    """The id of a process that has ended."""
    with subprocess.Popen([sys.executable, "-c", ""]) as child:
        pass
    return child.pid


def test_only_one_starts_a_server(layout: Layout) -> None:
    with held_by_another(layout) as other:
        with (
            pytest.raises(Failed, match="Another command has been starting the instance 'default'") as caught,
            starting.alone(layout, "default", 0),
        ):
            pass
        assert caught.value.problems[0].code == "start-busy"
        with starting.alone(layout, "gpu2", 0):
            assert layout.start_lock("gpu2").stat().st_mode & 0o777 == 0o600
        assert other.stdin is not None
        other.stdin.close()
        with starting.alone(layout, "default", 20):
            assert layout.start_lock("default").exists()
    assert list(layout.data_root.iterdir()) == []
    assert layout.data_root.stat().st_mode & 0o777 == 0o700


def test_whoever_is_killed_holds_nothing(layout: Layout) -> None:
    with held_by_another(layout) as other:
        other.kill()
        other.wait()
        assert layout.start_lock("default").exists()
        with starting.alone(layout, "default", 0):
            pass
    assert not layout.start_lock("default").exists()


def test_a_lock_on_a_file_that_was_taken_away_is_none(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    """The one before takes the file away when it is done; whoever has opened that one and whoever comes next would both go on."""
    real, away = fcntl.flock, []

    def late(descriptor: object, operation: int) -> None:
        real(descriptor, operation)  # type: ignore[arg-type]
        if not away:
            layout.start_lock("default").unlink()
            away.append(True)

    monkeypatch.setattr(fcntl, "flock", late)
    with starting.alone(layout, "default", 5), held_nowhere_else(layout):
        pass
    assert away


@contextmanager
def held_nowhere_else(layout: Layout) -> Iterator[None]:
    """The file that is there now is locked."""
    with layout.start_lock("default").open("rb") as file:
        with pytest.raises(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.ENOLCK])
def test_a_file_system_without_locks_keeps_nobody_from_a_server(layout: Layout, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    def refused(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", refused)
    with starting.alone(layout, "default", 0):
        assert layout.start_lock("default").exists()


def test_a_start_is_noted_until_it_is_forgotten(layout: Layout) -> None:
    starting.note(layout, "default", os.getpid())
    record = starting.alive(layout, "default")
    assert record is not None
    assert (record["pid"], record["create_time"]) == (os.getpid(), processes.create_time(os.getpid()))
    assert layout.runtime_file("default").stat().st_mode & 0o777 == 0o600
    starting.forget(layout, "default", os.getpid() + 1)
    assert starting.alive(layout, "default") == record
    starting.forget(layout, "default", os.getpid())
    assert list(layout.runtime_dir.iterdir()) == []


def test_what_has_ended_already_is_not_noted(layout: Layout) -> None:
    starting.note(layout, "default", ended())
    assert runtimerecord.read(layout, "default") is None


@pytest.mark.parametrize("text", ["", "{", "[]", '{"pid": "7"}', '{"create_time": 1.0}'])
def test_a_damaged_record_is_none(layout: Layout, text: str) -> None:
    layout.runtime_dir.mkdir()
    layout.runtime_file("default").write_text(text)
    assert runtimerecord.read(layout, "default") is None
    assert starting.alive(layout, "default") is None
    starting.forget(layout, "default", os.getpid())
    assert layout.runtime_file("default").exists()


@pytest.mark.parametrize("record", [{"pid": os.getpid()}, {"pid": os.getpid(), "create_time": 1.0}, {"pid": 2**30, "create_time": 1.0}])
def test_a_process_that_came_later_is_not_the_one(layout: Layout, record: dict[str, float]) -> None:
    layout.runtime_dir.mkdir()
    layout.runtime_file("default").write_text(json.dumps(record))
    assert starting.alive(layout, "default") is None


def test_nobody_waits_for_what_has_been_there_for_long(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server whose socket somebody has cleaned away is no server that starts."""
    starting.note(layout, "default", os.getpid())
    monkeypatch.setattr(starting, "READY_WITHIN_S", 0.0)
    assert starting.awaited(layout, "default") is None


def test_a_runtime_folder_that_cannot_be_made_is_a_sentence(layout: Layout) -> None:
    Path(layout.runtime_dir).write_bytes(b"")
    with pytest.raises(Failed, match="a part of the path is not a directory"):
        starting.note(layout, "default", os.getpid())
