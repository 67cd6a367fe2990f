"""The audit's files: private from the first byte, rotated by size, whole lines, and read over all of that."""

from __future__ import annotations

import os
import resource
import signal
import stat
from itertools import islice
from pathlib import Path

import pytest

from jupyter_remote_kit.errors import Failed, Refused, RemoteKitError
from jupyter_remote_kit.host.audit import MAX_LINE, AuditReader
from jupyter_remote_kit.host.rotating import RotatingFile, generations


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "audit.jsonl"


def _log(path: Path, limit: int = 100) -> RotatingFile:
    return RotatingFile(path, limit=limit, kept=3)


def _read(path: Path) -> list[bytes]:
    with AuditReader(path) as reader:
        return list(reader.lines())


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_private_from_the_first_byte_and_after_a_rotation(path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        log = _log(path)
        for number in range(30):
            log.write(b"%020d\n" % number)
    finally:
        os.umask(before)
    found = [file for file in generations(path, 5) if file.exists()]
    assert len(found) == 3
    assert {stat.S_IMODE(file.stat().st_mode) for file in found} == {0o600}
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert all(file.stat().st_size <= 100 for file in found)


def test_lines_survive_a_rotation_whole_and_in_order(path: Path) -> None:
    log = _log(path)
    for number in range(12):
        log.write(b"%020d\n" % number)
    assert [int(line) for line in _read(path)] == list(range(12))


def test_a_line_longer_than_the_limit_has_a_file_of_its_own(path: Path) -> None:
    log = _log(path)
    for line in (b"a" * 300 + b"\n", b"b\n"):
        log.write(line)
    assert [len(line) for line in _read(path)] == [300, 1]


def test_it_goes_on_after_a_restart(path: Path) -> None:
    _log(path).write(b"one\n")
    _log(path).write(b"two\n")
    assert _read(path) == [b"one", b"two"]


def test_a_line_that_was_cut_off_does_not_swallow_the_next_one(path: Path) -> None:
    path.parent.mkdir(mode=0o700)
    path.touch(0o600)
    path.write_bytes(b'one\n{"half')
    _log(path).write(b"two\n")
    assert _read(path) == [b"one", b'{"half', b"two"]


def test_a_full_disk_costs_the_line_and_nothing_else(path: Path) -> None:
    log = _log(path, limit=10_000)
    log.write(b"one\n")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, before[1]))
    try:
        with pytest.raises(OSError, match="too large"):
            log.write(b"two two two two\n")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)
    log.write(b"three\n")
    assert _read(path) == [b"one", b"two tw", b"three"]


def test_a_file_that_was_taken_away_is_made_anew(path: Path) -> None:
    log = _log(path)
    log.write(b"one\n")
    path.unlink()
    log.write(b"two\n")
    assert _read(path) == [b"two"]


def test_a_file_that_was_moved_away_is_left_alone(path: Path) -> None:
    log = _log(path)
    log.write(b"one\n")
    path.rename(path.with_name("kept"))
    log.write(b"two\n")
    assert (path.with_name("kept").read_bytes(), path.read_bytes()) == (b"one\n", b"two\n")


@pytest.mark.parametrize(
    ("stands_there", "code"),
    [("exposed", "file-exposed"), ("link", "symlink-in-the-way"), ("pipe", "not-a-file"), ("foreign", "wrong-owner")],
)
def test_what_others_can_write_or_lead_elsewhere_is_refused(path: Path, stands_there: str, code: str) -> None:
    path.parent.mkdir(mode=0o700)
    target = path.with_name("elsewhere")
    if stands_there == "link":
        path.symlink_to(target)
    elif stands_there == "pipe":
        os.mkfifo(path, 0o600)
    else:
        path.touch(0o600)
        path.chmod(0o640 if stands_there == "exposed" else 0o600)
    if stands_there == "foreign":
        if os.geteuid() != 0:
            pytest.skip("needs root, to give a file away")
        os.chown(path, 12345, 12345)
    with pytest.raises(Refused) as error:
        _log(path)
    assert error.value.problems[0].code == code
    assert not target.exists()


def test_what_is_put_in_its_place_later_is_not_written_to(path: Path) -> None:
    log = _log(path)
    target = path.with_name("elsewhere")
    target.touch(0o600)
    path.unlink()
    path.symlink_to(target)
    with pytest.raises(RemoteKitError):
        log.write(b"one\n")
    path.unlink()
    log.write(b"two\n")
    assert (target.read_bytes(), path.read_bytes()) == (b"", b"two\n")


def test_a_folder_that_cannot_be_made(path: Path) -> None:
    path.parent.write_text("a file")
    with pytest.raises(Failed):
        _log(path)


def test_there_is_nothing_to_read_yet(path: Path) -> None:
    assert _read(path) == []


def test_an_exposed_file_is_not_read(path: Path) -> None:
    _log(path).write(b"one\n")
    path.chmod(0o644)
    with pytest.raises(Refused):
        _read(path)


def test_followed_over_rotations_every_line_comes_once(path: Path) -> None:
    log = _log(path)
    seen: list[int] = []
    with AuditReader(path) as reader:
        for start in range(0, 60, 5):
            for number in range(start, start + 5):
                log.write(b"%020d\n" % number)
            seen += [int(line) for line in reader.lines()]
    assert seen == list(range(60))


def test_followed_over_more_rotations_than_files_are_kept_what_is_left_comes(path: Path) -> None:
    log = _log(path)
    log.write(b"first\n")
    with AuditReader(path) as reader:
        list(reader.lines())
        for number in range(40):
            log.write(b"%020d\n" % number)
        seen = [int(line) for line in reader.lines()]
    assert seen == list(range(40 - len(seen), 40))
    assert seen


def test_followed_over_an_emptied_and_a_new_file(path: Path) -> None:
    log = _log(path, limit=10_000)
    log.write(b"one and some more\n")
    with AuditReader(path) as reader:
        assert list(reader.lines()) == [b"one and some more"]
        os.truncate(path, 0)
        log.write(b"two\n")
        assert list(reader.lines()) == [b"two"]
        path.unlink()
        assert list(reader.lines()) == []
        log.write(b"three\n")
        assert list(reader.lines()) == [b"three"]


def test_followed_a_line_comes_when_it_is_whole(path: Path) -> None:
    _log(path).write(b"one\n")
    with AuditReader(path) as reader, path.open("ab", buffering=0) as file:
        file.write(b"tw")
        assert list(reader.lines()) == [b"one"]
        file.write(b"o\n")
        assert list(reader.lines()) == [b"two"]


def test_a_line_that_never_ends_is_skipped(path: Path) -> None:
    _log(path).write(b"one\n")
    with path.open("ab") as file:
        file.write(b"x" * (3 * MAX_LINE + 5) + b"\ntwo\n")
    assert _read(path) == [b"one", b"two"]


def test_following_says_when_there_is_nothing(path: Path) -> None:
    log = _log(path)
    log.write(b"one\n")
    with AuditReader(path) as reader:
        lines = reader.follow()
        assert list(islice(lines, 2)) == [b"one", None]
        log.write(b"two\n")
        assert next(lines) == b"two"
