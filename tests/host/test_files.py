"""Files are written whole or not at all, privately, and never through a link or over somebody else's work."""

from __future__ import annotations

import errno
import os
import random
import signal
import socket
import stat
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path

import pytest

from jupyter_remote_kit.errors import Failed, Refused, RemoteKitError
from jupyter_remote_kit.host import files, trouble
from jupyter_remote_kit.plan.facts import FileKind

OLD, NEW = b"old", b"new content\n"


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def leftovers(folder: Path) -> list[str]:
    return [entry.name for entry in folder.iterdir() if entry.name.endswith(".tmp")]


def code_of(error: pytest.ExceptionInfo[RemoteKitError]) -> str:
    (problem,) = error.value.problems
    assert str(problem.message).endswith(".")
    return problem.code


@contextmanager
def umask(value: int) -> Iterator[None]:
    before = os.umask(value)
    try:
        yield
    finally:
        os.umask(before)


@pytest.mark.parametrize("mode", [0o600, 0o644])
@pytest.mark.parametrize("mask", [0o000, 0o022, 0o777])
def test_a_file_gets_its_content_and_exactly_its_mode(tmp_path: Path, mode: int, mask: int) -> None:
    with umask(mask):
        files.write_atomic(tmp_path / "f", NEW, mode)
    assert (tmp_path / "f").read_bytes() == NEW
    assert mode_of(tmp_path / "f") == mode
    assert leftovers(tmp_path) == []


def test_an_exposed_file_is_replaced_by_a_private_one(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(OLD)
    path.chmod(0o666)
    files.write_atomic(path, NEW, 0o600)
    assert (path.read_bytes(), mode_of(path)) == (NEW, 0o600)


def test_another_hard_link_of_the_file_keeps_the_old_content(tmp_path: Path) -> None:
    path, other = tmp_path / "f", tmp_path / "other"
    path.write_bytes(OLD)
    os.link(path, other)
    files.write_atomic(path, NEW, 0o600)
    assert (path.read_bytes(), other.read_bytes()) == (NEW, OLD)


def test_a_link_in_the_way_is_left_with_what_it_leads_to(tmp_path: Path) -> None:
    target, path = tmp_path / "target", tmp_path / "f"
    target.write_bytes(OLD)
    path.symlink_to(target)
    with pytest.raises(Failed, match="symbolic link") as error:
        files.write_atomic(path, NEW, 0o600)
    assert code_of(error) == "symlink-in-the-way"
    assert path.is_symlink()
    assert target.read_bytes() == OLD
    assert leftovers(tmp_path) == []


def test_a_link_in_place_of_the_folder_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with pytest.raises(Failed) as error:
        files.write_atomic(tmp_path / "link" / "f", NEW, 0o600)
    assert code_of(error) == "symlink-in-the-way"
    assert list((tmp_path / "real").iterdir()) == []


def test_a_directory_in_the_way_is_named(tmp_path: Path) -> None:
    (tmp_path / "f").mkdir()
    with pytest.raises(Failed) as error:
        files.write_atomic(tmp_path / "f", NEW, 0o600)
    assert code_of(error) == "directory-in-the-way"


def test_a_pipe_in_the_way_does_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "f")
    with pytest.raises(Failed) as error:
        files.write_atomic(tmp_path / "f", NEW, 0o600)
    assert code_of(error) == "not-a-file"


@pytest.mark.parametrize(("name", "code"), [("absent/f", "not-found"), ("file/f", "not-a-directory"), ("n" * 300, "name-too-long")])
def test_a_place_that_cannot_be_is_named(tmp_path: Path, name: str, code: str) -> None:
    (tmp_path / "file").write_bytes(OLD)
    with pytest.raises(Failed) as error:
        files.write_atomic(tmp_path / name, NEW, 0o600)
    assert code_of(error) == code
    assert leftovers(tmp_path) == []


def test_somebody_elses_file_is_left(tmp_path: Path, foreign_uid: int) -> None:
    path = tmp_path / "f"
    path.write_bytes(OLD)
    os.chown(path, foreign_uid, foreign_uid)
    with pytest.raises(Failed) as error:
        files.write_atomic(path, NEW, 0o600)
    assert code_of(error) == "wrong-owner"
    assert (path.read_bytes(), path.stat().st_uid) == (OLD, foreign_uid)


def test_nothing_is_put_into_somebody_elses_folder(tmp_path: Path, foreign_uid: int) -> None:
    folder = tmp_path / "theirs"
    folder.mkdir()
    os.chown(folder, foreign_uid, foreign_uid)
    with pytest.raises(Failed) as error:
        files.write_atomic(folder / "f", NEW, 0o600)
    assert code_of(error) == "wrong-owner"
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("mode", [0o600, 0o644])
def test_root_gives_a_file_to_its_owner(tmp_path: Path, foreign_uid: int, mode: int) -> None:
    path = tmp_path / "f"
    files.write_atomic(path, OLD, mode, foreign_uid)
    files.write_atomic(path, NEW, mode, foreign_uid)
    status = path.stat()
    assert (path.read_bytes(), status.st_uid, status.st_gid, mode_of(path)) == (NEW, foreign_uid, os.getegid(), mode)
    # The other way round as well, and a file of ours or root's is given away.
    files.write_atomic(tmp_path / "g", OLD, mode)
    files.write_atomic(tmp_path / "g", NEW, mode, foreign_uid)
    assert (tmp_path / "g").stat().st_uid == foreign_uid
    assert leftovers(tmp_path) == []


def test_a_third_ones_file_is_not_given_away(tmp_path: Path, foreign_uid: int) -> None:
    path = tmp_path / "f"
    files.write_atomic(path, OLD, 0o600, foreign_uid + 1)
    with pytest.raises(Failed) as error:
        files.write_atomic(path, NEW, 0o600, foreign_uid)
    assert code_of(error) == "wrong-owner"
    assert (path.read_bytes(), path.stat().st_uid) == (OLD, foreign_uid + 1)


def test_nothing_is_put_into_a_folder_of_the_owner(tmp_path: Path, foreign_uid: int) -> None:
    """Root's file would be behind whatever link that user puts there."""
    folder = tmp_path / "theirs"
    folder.mkdir()
    os.chown(folder, foreign_uid, foreign_uid)
    with pytest.raises(Failed) as error:
        files.write_atomic(folder / "f", NEW, 0o600, foreign_uid)
    assert code_of(error) == "wrong-owner"
    assert list(folder.iterdir()) == []


def test_a_link_of_the_owners_is_not_followed(tmp_path: Path, foreign_uid: int) -> None:
    (tmp_path / "target").write_bytes(OLD)
    (tmp_path / "f").symlink_to(tmp_path / "target")
    os.lchown(tmp_path / "f", foreign_uid, foreign_uid)
    with pytest.raises(Failed) as error:
        files.write_atomic(tmp_path / "f", NEW, 0o600, foreign_uid)
    assert code_of(error) == "symlink-in-the-way"
    assert (tmp_path / "target").read_bytes() == OLD


def test_whoever_is_not_root_gives_nothing_away_and_leaves_no_litter(tmp_path: Path) -> None:
    """In a process of its own, which gives up root's rights first."""
    place = tmp_path / "open"
    place.mkdir()
    place.chmod(0o777)
    (place / "f").write_bytes(OLD)
    if os.geteuid() == 0:
        os.chown(place, 12345, 12345)
        os.chown(place / "f", 12345, 12345)
    # Imported with root's rights, since the interpreter may be closed to others.
    done = subprocess.run([sys.executable, "-c", GIVER, str(place)], capture_output=True, text=True, check=False, cwd="/")
    assert (done.stdout, done.stderr) == ("permission\n", "")
    assert ((place / "f").read_bytes(), leftovers(place)) == (OLD, [])


GIVER = textwrap.dedent(
    """
    import os, pathlib, sys
    from jupyter_remote_kit.errors import Failed
    from jupyter_remote_kit.host import files, trouble
    folder = pathlib.Path(sys.argv[1])
    if os.geteuid() == 0:
        # Relative from here on: the folders above may be closed.
        os.chdir(folder)
        os.setresuid(12345, 12345, 12345)
        folder = pathlib.Path()
    try:
        files.write_atomic(folder / "f", b"new", 0o600, 54321)
    except Failed as error:
        print(error.problems[0].code)
    """
)


def test_a_full_disk_leaves_the_old_file_and_no_litter(small_disk: Path) -> None:
    path = small_disk / "f"
    path.write_bytes(OLD)
    with pytest.raises(Failed, match="full") as error:
        files.write_atomic(path, b"x" * 200_000, 0o600)
    assert code_of(error) == "disk-full"
    assert "df -h" in str(error.value.problems[0].hint)
    assert path.read_bytes() == OLD
    assert leftovers(small_disk) == []


def test_a_read_only_disk_leaves_the_old_file(read_only: Path) -> None:
    with pytest.raises(Failed) as error:
        files.write_atomic(read_only / "there", NEW, 0o600)
    assert code_of(error) == "read-only"
    # In a folder that another user may have made first, nothing is kept.
    assert str(error.value.problems[0].hint).startswith("Have Jupyter keep its files elsewhere: mkdir -m 700 /var/tmp/jupyter-")
    assert (read_only / "there").read_bytes() == OLD


def test_an_immutable_file_is_left(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(OLD)
    if subprocess.run(["chattr", "+i", path], capture_output=True, check=False).returncode:
        pytest.skip("this file system has no immutable files")
    try:
        assert not files.file_fact(path).writable
        with pytest.raises(Failed) as error:
            files.write_atomic(path, NEW, 0o600)
        assert code_of(error) == "permission"
        assert path.read_bytes() == OLD
        assert leftovers(tmp_path) == []
    finally:
        subprocess.run(["chattr", "-i", path], check=True)


def test_hints_can_be_pasted_whatever_the_path(tmp_path: Path) -> None:
    folder = tmp_path / "it's $HOME; here"
    with pytest.raises(Failed) as error:
        files.write_atomic(folder / "f", NEW, 0o600)
    hint = str(error.value.problems[0].hint)
    command = hint.partition(": ")[2].replace("ls -la", "printf '%s\\n'")
    assert subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True).stdout.splitlines() == [str(tmp_path)]
    folder.mkdir()
    folder.chmod(0)
    mend = trouble._permit(folder / "f") if os.geteuid() else f"chmod u+rwX {trouble.quoted(folder)}"
    subprocess.run(["sh", "-c", mend], check=True)
    assert folder.stat().st_mode & 0o700 == 0o700


def test_a_laptop_with_windows_is_told_of_its_own_program(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trouble.folders, "HAS_MODES", False)
    monkeypatch.delattr(os, "geteuid")
    error = trouble.failed(PermissionError(errno.EACCES, "Access is denied"), Path("/Ann Lee/hosts.json"))
    assert str(error.problems[0].hint) == 'icacls "/Ann Lee/hosts.json"'


def test_what_a_killed_writer_left_is_swept_at_the_next_write(tmp_path: Path) -> None:
    orphan = tmp_path / f".remotekit-{files._where()}-{2**22 + 1}-0123456789abcdef.tmp"
    own = tmp_path / f".remotekit-{files._where()}-{os.getpid()}-0123456789abcdef.tmp"
    elsewhere = tmp_path / f".remotekit-00000000-{2**22 + 1}-0123456789abcdef.tmp"
    old = tmp_path / f".remotekit-00000000-{os.getpid()}-fedcba9876543210.tmp"
    user_file = tmp_path / "notes.tmp"
    for path in (orphan, own, elsewhere, old, user_file):
        path.write_bytes(b"part")
    os.utime(old, (1, 1))
    os.utime(user_file, (1, 1))
    files.write_atomic(tmp_path / "f", NEW, 0o600)
    assert {path.name for path in tmp_path.iterdir()} == {"f", own.name, elsewhere.name, user_file.name}


def test_writers_at_the_same_time_leave_one_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "f"
    contents = [bytes([65 + number]) * 50_000 for number in range(8)]
    threads = [threading.Thread(target=files.write_atomic, args=(path, content, 0o600)) for content in contents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert path.read_bytes() in contents
    assert leftovers(tmp_path) == []


WRITER = textwrap.dedent(
    """
    import itertools, pathlib, sys
    from jupyter_remote_kit.host.files import write_atomic
    path = pathlib.Path(sys.argv[1])
    for number in itertools.count():
        write_atomic(path, (b"%08d" % number) * 8192 + b"end", 0o600)
        if number == 0:
            print("started", flush=True)
    """
)


def test_a_writer_killed_at_any_moment_leaves_a_whole_file(tmp_path: Path) -> None:
    path, chance = tmp_path / "f", random.Random(7)
    for _ in range(30):
        with subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE) as writer:
            assert writer.stdout is not None
            assert writer.stdout.readline() == b"started\n"
            with pytest.raises(subprocess.TimeoutExpired):
                writer.wait(chance.uniform(0, 0.03))
            writer.send_signal(signal.SIGKILL)
        data = path.read_bytes()
        assert data == data[:8] * 8192 + b"end"
        assert mode_of(path) == 0o600
    files.write_atomic(path, NEW, 0o600)
    assert [entry.name for entry in tmp_path.iterdir()] == ["f"]


def test_no_temporary_file_is_ever_open_to_others(tmp_path: Path) -> None:
    seen: set[int] = set()
    done = threading.Event()

    def watch() -> None:
        while not done.is_set():
            for entry in os.scandir(tmp_path):
                try:
                    seen.add(stat.S_IMODE(entry.stat(follow_symlinks=False).st_mode))
                except FileNotFoundError:
                    continue

    watcher = threading.Thread(target=watch)
    with umask(0):
        watcher.start()
        for _ in range(200):
            files.write_atomic(tmp_path / "f", NEW, 0o600)
        done.set()
        watcher.join()
    assert seen == {0o600}


class TestMakeDirectory:
    def test_missing_parents_are_ordinary_and_the_last_is_private(self, tmp_path: Path) -> None:
        with umask(0o022):
            files.make_directory(tmp_path / "a" / "b" / "c", 0o700)
        assert [mode_of(tmp_path / part) for part in ("a", "a/b", "a/b/c")] == [0o755, 0o755, 0o700]

    def test_the_umask_does_not_take_from_the_mode(self, tmp_path: Path) -> None:
        with umask(0o077):
            files.make_directory(tmp_path / "a" / "b", 0o755)
        assert [mode_of(tmp_path / part) for part in ("a", "a/b")] == [0o700, 0o755]

    def test_an_existing_one_is_set_right_and_keeps_its_files(self, tmp_path: Path) -> None:
        (tmp_path / "a").mkdir(mode=0o755)
        (tmp_path / "a" / "f").write_bytes(OLD)
        files.make_directory(tmp_path / "a", 0o700)
        assert mode_of(tmp_path / "a") == 0o700
        assert (tmp_path / "a" / "f").read_bytes() == OLD

    @pytest.mark.parametrize("target", ["real", "nowhere"])
    def test_a_link_is_refused(self, tmp_path: Path, target: str) -> None:
        (tmp_path / "real").mkdir(mode=0o755)
        (tmp_path / "a").symlink_to(tmp_path / target)
        with pytest.raises(Failed) as error:
            files.make_directory(tmp_path / "a", 0o700)
        assert code_of(error) == "symlink-in-the-way"
        assert mode_of(tmp_path / "real") == 0o755

    @pytest.mark.parametrize("name", ["f", "f/below"])
    def test_a_file_is_refused(self, tmp_path: Path, name: str) -> None:
        (tmp_path / "f").write_bytes(OLD)
        with pytest.raises(Failed) as error:
            files.make_directory(tmp_path / name, 0o700)
        assert code_of(error) == "not-a-directory"
        assert (tmp_path / "f").read_bytes() == OLD

    def test_somebody_elses_is_refused(self, tmp_path: Path, foreign_uid: int) -> None:
        (tmp_path / "a").mkdir(mode=0o755)
        os.chown(tmp_path / "a", foreign_uid, foreign_uid)
        with pytest.raises(Failed) as error:
            files.make_directory(tmp_path / "a", 0o700)
        assert code_of(error) == "wrong-owner"
        assert mode_of(tmp_path / "a") == 0o755

    def test_a_read_only_disk_is_named(self, read_only: Path) -> None:
        with pytest.raises(Failed) as error:
            files.make_directory(read_only / "a", 0o700)
        assert code_of(error) == "read-only"


class TestBackup:
    def test_the_copy_is_private_and_carries_the_time(self, tmp_path: Path) -> None:
        (tmp_path / "f.json").write_bytes(OLD)
        (tmp_path / "f.json").chmod(0o644)
        before = datetime.now(timezone.utc)
        copy = files.backup(tmp_path / "f.json", tmp_path / "backups")
        assert copy.read_bytes() == OLD
        assert (mode_of(copy), mode_of(copy.parent)) == (0o600, 0o700)
        stamp = datetime.strptime(copy.name.removeprefix("f.json."), "%Y%m%dT%H%M%S.%f%z")
        assert before <= stamp <= datetime.now(timezone.utc)

    def test_the_newest_five_of_each_name_are_kept(self, tmp_path: Path) -> None:
        backups = tmp_path / "backups"
        (tmp_path / "f").write_bytes(OLD)
        (tmp_path / "f.json").write_bytes(OLD)
        other = files.backup(tmp_path / "f.json", backups)
        (backups / "f.notes").write_bytes(b"a user's")
        copies = []
        for number in range(8):
            (tmp_path / "f").write_bytes(b"%d" % number)
            copies.append(files.backup(tmp_path / "f", backups))
        assert {path.name for path in backups.iterdir()} == {path.name for path in [*copies[-5:], other, backups / "f.notes"]}
        assert [path.read_bytes() for path in copies[-5:]] == [b"3", b"4", b"5", b"6", b"7"]

    def test_after_a_clock_set_back_the_new_copy_is_kept(self, tmp_path: Path) -> None:
        backups = tmp_path / "backups"
        backups.mkdir()
        for day in range(1, 8):
            (backups / f"f.299901{day:02}T000000.000000Z").write_bytes(b"future")
        (tmp_path / "f").write_bytes(OLD)
        assert files.backup(tmp_path / "f", backups).read_bytes() == OLD
        assert len(list(backups.iterdir())) == 5

    def test_a_link_is_not_copied(self, tmp_path: Path) -> None:
        (tmp_path / "f").symlink_to("/etc/hostname")
        with pytest.raises(Failed) as error:
            files.backup(tmp_path / "f", tmp_path / "backups")
        assert code_of(error) == "symlink-in-the-way"


class TestReadPrivate:
    def test_a_private_file_is_read(self, tmp_path: Path) -> None:
        files.write_atomic(tmp_path / "f", NEW, 0o600)
        assert files.read_private(tmp_path / "f") == NEW

    @pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o610, 0o601])
    def test_one_that_others_can_use_is_refused_with_the_mending_command(self, tmp_path: Path, mode: int) -> None:
        path = tmp_path / "f"
        path.write_bytes(NEW)
        path.chmod(mode)
        with pytest.raises(Refused, match=format(mode, "04o")) as error:
            files.read_private(path)
        assert code_of(error) == "file-exposed"
        subprocess.run(["sh", "-c", str(error.value.problems[0].hint)], check=True)
        assert files.read_private(path) == NEW

    def test_a_link_is_refused(self, tmp_path: Path) -> None:
        files.write_atomic(tmp_path / "target", NEW, 0o600)
        (tmp_path / "f").symlink_to(tmp_path / "target")
        with pytest.raises(Refused) as error:
            files.read_private(tmp_path / "f")
        assert code_of(error) == "symlink-in-the-way"

    def test_somebody_elses_is_refused(self, tmp_path: Path, foreign_uid: int) -> None:
        files.write_atomic(tmp_path / "f", NEW, 0o600)
        os.chown(tmp_path / "f", foreign_uid, foreign_uid)
        with pytest.raises(Refused) as error:
            files.read_private(tmp_path / "f")
        assert code_of(error) == "wrong-owner"

    def test_a_pipe_and_a_directory_are_refused_at_once(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "pipe", 0o600)
        (tmp_path / "dir").mkdir(mode=0o700)
        for name in ("pipe", "dir"):
            with pytest.raises(Refused) as error:
                files.read_private(tmp_path / name)
            assert code_of(error) == "not-a-file"

    def test_an_endless_one_is_refused(self, tmp_path: Path) -> None:
        files.write_atomic(tmp_path / "f", b"x" * 11, 0o600)
        assert len(files.read_private(tmp_path / "f", limit=11)) == 11
        with pytest.raises(Refused) as error:
            files.read_private(tmp_path / "f", limit=10)
        assert code_of(error) == "file-too-large"

    def test_an_absent_one_is_a_failure_with_its_name(self, tmp_path: Path) -> None:
        with pytest.raises(Failed, match="gone") as error:
            files.read_private(tmp_path / "gone")
        assert code_of(error) == "not-found"


class TestExposed:
    def test_those_that_others_can_use_are_listed_with_their_mode(self, tmp_path: Path) -> None:
        private, public, folder = tmp_path / "private", tmp_path / "public", tmp_path / "folder"
        for path, mode in ((private, 0o600), (public, 0o644)):
            path.write_bytes(NEW)
            path.chmod(mode)
        folder.mkdir()
        folder.chmod(0o750)
        assert files.exposed([private, public, folder, tmp_path / "absent"]) == ((str(public), "0644", ""), (str(folder), "0750", ""))

    def test_a_link_counts_as_what_it_leads_to(self, tmp_path: Path) -> None:
        key, link = tmp_path / "key", tmp_path / "link"
        key.write_bytes(NEW)
        link.symlink_to(key)
        key.chmod(0o600)
        assert files.exposed([link]) == ()
        key.chmod(0o640)
        assert files.exposed([link]) == ((str(link), "0640", ""),)

    def test_somebody_elses_is_listed(self, tmp_path: Path, foreign_uid: int) -> None:
        files.write_atomic(tmp_path / "f", NEW, 0o600)
        os.chown(tmp_path / "f", foreign_uid, foreign_uid)
        assert files.exposed([tmp_path / "f"]) == ((str(tmp_path / "f"), "0600", str(foreign_uid)),)


class TestFileFact:
    def test_a_file(self, tmp_path: Path) -> None:
        files.write_atomic(tmp_path / "f", NEW, 0o640)
        fact = files.file_fact(tmp_path / "f")
        assert (fact.kind, fact.mode, fact.uid, fact.content, fact.writable) == (FileKind.FILE, 0o640, os.geteuid(), NEW, True)
        assert files.file_fact(tmp_path / "f", with_content=False).content is None

    def test_what_is_not_a_file(self, tmp_path: Path) -> None:
        (tmp_path / "link").symlink_to("/etc/hostname")
        os.mkfifo(tmp_path / "pipe")
        facts = {name: files.file_fact(tmp_path / name) for name in (".", "link", "pipe", "absent", "absent/below")}
        assert {name: fact.kind for name, fact in facts.items()} == {
            ".": FileKind.DIRECTORY,
            "link": FileKind.SYMLINK,
            "pipe": FileKind.OTHER,
            "absent": FileKind.ABSENT,
            "absent/below": FileKind.ABSENT,
        }
        assert all(fact.content is None for fact in facts.values())
        assert facts["absent/below"].writable

    def test_a_socket_is_other(self, tmp_path: Path) -> None:
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(tmp_path / "s"))
            assert files.file_fact(tmp_path / "s").kind is FileKind.OTHER

    def test_below_a_file_nothing_can_be_made(self, tmp_path: Path) -> None:
        (tmp_path / "f").write_bytes(OLD)
        assert not files.file_fact(tmp_path / "f" / "below").writable

    def test_on_a_read_only_disk_nothing_is_writable(self, read_only: Path) -> None:
        assert [files.file_fact(path).writable for path in (read_only, read_only / "there", read_only / "new")] == [False, False, False]
