"""The address book on a disk: nobody's entry gets lost, and no work of the user's."""

from __future__ import annotations

import stat
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from jupyter_remote_kit.errors import Failed, Refused
from jupyter_remote_kit.host import addressbook
from jupyter_remote_kit.plan.addressbook import AddressBook, KnownHost
from jupyter_remote_kit.plan.layout import Layout
from jupyter_remote_kit.plan.target import parse

GPU = KnownHost("gpu", parse("alice@gpu"))


def add(layout: Layout, known: KnownHost) -> AddressBook:
    return addressbook.change(layout, lambda book: book.with_host(known))


def backups(layout: Layout) -> list[bytes]:
    return [path.read_bytes() for path in layout.backups_dir.glob("hosts.json.*")]


def test_there_is_none_at_first(layout: Layout) -> None:
    assert addressbook.load(layout) == AddressBook()
    assert not layout.data_dir.exists()


def test_what_was_added_is_there_and_for_its_user_alone(layout: Layout) -> None:
    assert add(layout, GPU) == addressbook.load(layout) == AddressBook((GPU,))
    assert stat.S_IMODE(layout.hosts_file.stat().st_mode) == 0o600
    assert backups(layout) == []


def test_nothing_is_written_where_nothing_changes(layout: Layout) -> None:
    add(layout, GPU)
    before = layout.hosts_file.stat()
    assert add(layout, GPU).hosts == (GPU,)
    after = layout.hosts_file.stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_what_is_ours_is_not_copied_each_time(layout: Layout) -> None:
    for number in range(3):
        add(layout, KnownHost(f"host{number}", parse("x")))
    assert backups(layout) == []


def test_what_was_edited_by_hand_is_copied_before_it_is_written_anew(layout: Layout) -> None:
    add(layout, GPU)
    edited = layout.hosts_file.read_bytes().replace(b"  ", b"\t").replace(b"alice", b"bob")
    layout.hosts_file.write_bytes(edited)
    book = add(layout, KnownHost("cpu", parse("cpu")))
    assert [str(known.target) for known in book.hosts] == ["bob@gpu", "cpu"]
    assert backups(layout) == [edited]


def test_a_broken_file_is_named_and_left(layout: Layout) -> None:
    add(layout, GPU)
    layout.hosts_file.write_bytes(b"{")
    for use in (lambda: addressbook.load(layout), lambda: add(layout, KnownHost("cpu", parse("cpu")))):
        with pytest.raises(Refused) as caught:
            use()
        (problem,) = caught.value.problems
        assert str(problem.message).startswith(f"{layout.hosts_file}: not valid JSON")
        assert f"mv {layout.hosts_file} {layout.hosts_file}.broken" in str(problem.hint)
    assert layout.hosts_file.read_bytes() == b"{"


def test_a_newer_versions_file_says_what_to_do_about_it(layout: Layout) -> None:
    add(layout, GPU)
    layout.hosts_file.write_bytes(b'{"version": 2, "hosts": []}')
    with pytest.raises(Refused) as caught:
        addressbook.load(layout)
    assert "pip install --upgrade" in str(caught.value.problems[0].hint)


def test_a_file_that_others_could_have_written_is_not_believed(layout: Layout) -> None:
    add(layout, GPU)
    layout.hosts_file.chmod(0o666)
    with pytest.raises(Refused, match=r"can be used by others \(mode 0666\)"):
        addressbook.load(layout)


def test_a_change_that_cannot_be_leaves_the_book_as_it_was(layout: Layout) -> None:
    add(layout, KnownHost("x-gpu", parse("x-gpu")))
    before = layout.hosts_file.read_bytes()
    with pytest.raises(Failed, match="cannot be a host's name beside"):
        add(layout, KnownHost("x.gpu", parse("x")))
    assert layout.hosts_file.read_bytes() == before


ADDER = textwrap.dedent(
    """
    import pathlib, sys
    from jupyter_remote_kit.host import addressbook
    from jupyter_remote_kit.plan.addressbook import KnownHost
    from jupyter_remote_kit.plan.layout import Layout
    from jupyter_remote_kit.plan.target import parse
    base, name = pathlib.Path(sys.argv[1]), sys.argv[2]
    print("ready", flush=True)
    sys.stdin.readline()
    for number in range(10):
        addressbook.change(
            Layout(base / "config", base / "data", base / "runtime"),
            lambda book: book.with_host(KnownHost(f"{name}-{number}", parse("x"))),
        )
    """
)


def test_those_who_write_at_the_same_time_lose_nothing_of_each_other(layout: Layout, tmp_path: Path) -> None:
    commands = [[sys.executable, "-c", ADDER, str(tmp_path), f"host{number}"] for number in range(4)]
    processes = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) for command in commands]
    assert [process.stdout.readline() for process in processes if process.stdout] == [b"ready\n"] * 4
    for process in processes:
        process.communicate(b"go\n", timeout=60)
    assert [process.returncode for process in processes] == [0] * 4
    names = {known.name for known in addressbook.load(layout).hosts}
    assert names == {f"host{number}-{entry}" for number in range(4) for entry in range(10)}
