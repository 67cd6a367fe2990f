"""Whether another user could put something of theirs in the place of a running server's files: real folders, real owners, real modes."""

from __future__ import annotations

import grp
import os
import pwd
import re
import socket
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from jupyter_remote_kit.errors import Refused
from jupyter_remote_kit.host import connections, runtimefolder, socketfolder, starting, trouble
from jupyter_remote_kit.plan.layout import Layout
from jupyter_remote_kit.plan.target import Target

OTHER = 12345
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """`above/runtime`, as it should be."""
    made = tmp_path / "above" / "runtime"
    made.mkdir(parents=True)
    made.chmod(0o700)
    made.parent.chmod(0o755)
    return made


def refusal(folder: Path) -> tuple[str, str]:
    with pytest.raises(Refused) as refused:
        runtimefolder.check(folder)
    (problem,) = refused.value.problems
    assert problem.code == "runtime-folder-exposed"
    return str(problem.message), str(problem.hint)


def test_what_is_this_users_own_is_taken(folder: Path) -> None:
    runtimefolder.check(folder)
    runtimefolder.check(folder / "not" / "there" / "yet")
    folder.chmod(0o755)
    runtimefolder.check(folder)
    # As /tmp: only its owner can rename what is in it.
    folder.parent.chmod(0o1777)
    runtimefolder.check(folder)
    runtimefolder.check(folder.parent / "absent")


@pytest.mark.parametrize("mode", [0o777, 0o1777, 0o702, 0o722])
def test_a_folder_that_others_can_write_to_is_refused(folder: Path, mode: int) -> None:
    folder.chmod(mode)
    sentence, hint = refusal(folder)
    assert sentence.startswith(f"Other users can write to {folder} (mode {mode:04o})")
    if mode == 0o1777:
        # It may be /tmp itself.
        assert "chmod" not in hint
        return
    assert hint == f"Keep them out: chmod go-w {folder}"
    subprocess.run(hint.partition(": ")[2], shell=True, check=True)
    runtimefolder.check(folder)


@pytest.mark.parametrize("there", [True, False])
def test_a_folder_in_which_others_can_rename_it_is_refused(folder: Path, there: bool) -> None:
    folder.parent.chmod(0o777)
    below = folder if there else folder.parent / "absent"
    _, hint = refusal(below)
    assert hint == f"Keep them out: chmod +t {folder.parent}"
    subprocess.run(hint.partition(": ")[2], shell=True, check=True)
    runtimefolder.check(below)


def test_a_link_on_the_way_that_others_can_turn_is_refused(folder: Path, tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    (shared / "link").symlink_to(folder.parent)
    shared.chmod(0o777)
    refusal(shared / "link" / "runtime")
    shared.chmod(0o755)
    runtimefolder.check(shared / "link" / "runtime")
    folder.parent.chmod(0o777)
    refusal(shared / "link" / "runtime")


def test_each_of_several_links_on_the_way_is_looked_at(folder: Path, tmp_path: Path) -> None:
    """`first` leads to `shared/second`, and that to the folder: who can turn the second one is in neither's way alone."""
    shared = tmp_path / "shared"
    shared.mkdir()
    (shared / "second").symlink_to(Path("..") / "above")
    (tmp_path / "first").symlink_to(shared / "second")
    shared.chmod(0o777)
    sentence, _ = refusal(tmp_path / "first" / "runtime")
    assert f"Other users can write to {shared} " in sentence
    shared.chmod(0o755)
    runtimefolder.check(tmp_path / "first" / "runtime")


def test_links_in_a_circle_end(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    runtimefolder.check(tmp_path / "a" / "runtime")


USER, GROUP_OF_OWNER, GROUP, MASK = 2, 4, 8, 16


def grant(folder: Path, *granted: tuple[int, int, int], mask: int = 7) -> None:
    """What `setfacl` does: entries of tag, permissions and id beside those that each folder has."""
    nobody = 0xFFFFFFFF
    own = [] if any(tag == GROUP_OF_OWNER for tag, _, _ in granted) else [(GROUP_OF_OWNER, 5, nobody)]
    entries = sorted([(1, 7, nobody), *own, *granted, (MASK, mask, nobody), (32, 5, nobody)])
    packed = struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)
    try:
        os.setxattr(folder, "system.posix_acl_access", packed)
    except OSError as error:
        pytest.skip(f"this file system has no access control lists: {error}")


@pytest.mark.skipif(not hasattr(os, "setxattr"), reason="Linux")
@pytest.mark.parametrize(
    ("granted", "mask", "exposed"),
    [
        ((USER, 7, OTHER), 7, True),
        ((GROUP, 7, OTHER), 7, True),
        ((USER, 7, OTHER), 5, False),
        ((USER, 5, OTHER), 7, False),
        ((USER, 7, 0), 7, False),
        ((GROUP, 7, 0), 7, False),
    ],
)
def test_whom_an_access_control_list_lets_write_counts(granted: tuple[int, int, int], mask: int, exposed: bool, folder: Path) -> None:
    """`ls -l` shows the list's mask as the group's permissions, whoever it grants what."""
    grant(folder, granted, mask=mask)
    if not exposed:
        runtimefolder.check(folder)
        return
    _, hint = refusal(folder)
    subprocess.run(hint.partition(": ")[2], shell=True, check=True)
    runtimefolder.check(folder)


@needs_root
@pytest.mark.parametrize("which", ["the folder", "one above it", "in a folder like /tmp"])
def test_what_belongs_to_another_user_is_refused(folder: Path, which: str) -> None:
    if which == "in a folder like /tmp":
        folder.parent.chmod(0o1777)
    os.chown(folder.parent if which == "one above it" else folder, OTHER, OTHER)
    try:
        sentence, hint = refusal(folder)
    finally:
        os.chown(folder.parent, 0, 0)
    whose = folder.parent if which == "one above it" else folder
    assert sentence.startswith(f"{whose} belongs to another user ({OTHER})")
    assert "JUPYTER_RUNTIME_DIR=" in hint


@needs_root
def test_a_group_of_its_own_is_its_user(folder: Path) -> None:
    """Where each user has a group, many systems open folders to it (umask 002)."""
    user = next(
        row
        for row in pwd.getpwall()
        if row.pw_uid and row.pw_gid == next((g.gr_gid for g in grp.getgrall() if g.gr_name == row.pw_name), -1)
    )
    shared = next(row for row in grp.getgrall() if row.gr_gid not in {0, user.pw_gid})
    program = f"from pathlib import Path; from jupyter_remote_kit.host import runtimefolder; runtimefolder.check(Path({str(folder)!r}))"
    for parent in folder.parents:
        if parent.stat().st_mode & 0o001 == 0:
            parent.chmod(parent.stat().st_mode | 0o011)
    os.chown(folder, user.pw_uid, user.pw_gid)
    folder.chmod(0o770)
    argv = ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups", sys.executable, "-c", program]
    if subprocess.run([*argv[:4], sys.executable, "-c", "import jupyter_remote_kit"], capture_output=True, check=False).returncode:
        pytest.skip("another account cannot run this interpreter")
    assert subprocess.run(argv, capture_output=True, check=False).returncode == 0
    os.chown(folder, user.pw_uid, shared.gr_gid)
    assert "could take the place" in subprocess.run(argv, capture_output=True, text=True, check=False).stderr


@needs_root
@pytest.mark.parametrize(("mapped", "taken"), [("0 1000 1\n", True), ("0 0 4294967295\n", False), ("0 1000 1\n1 100000 65536\n", False)])
def test_in_a_container_without_privileges_the_machines_root_is_taken(
    mapped: str, taken: bool, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who is unknown in a user namespace (user_namespaces(7)) shows as 65534 there, unless that is an account of it."""
    (tmp_path / "uid_map").write_text(mapped)
    (tmp_path / "overflowuid").write_text("65534\n")
    monkeypatch.setattr(runtimefolder, "_USER_MAP", tmp_path / "uid_map")
    monkeypatch.setattr(runtimefolder, "_OVERFLOW", tmp_path / "overflowuid")
    runtimefolder._unmapped_uid.cache_clear()
    os.chown(folder.parent, 65534, 65534)
    try:
        if taken:
            runtimefolder.check(folder)
        else:
            refusal(folder)
    finally:
        os.chown(folder.parent, 0, 0)
        runtimefolder._unmapped_uid.cache_clear()


def test_nobody_asks_a_socket_there_nor_believes_a_record(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    layout = Layout(tmp_path / "c", tmp_path / "d", folder)
    target = Target("gpu")
    record = connections.path(layout, target, "default")
    with socket.socket(socket.AF_UNIX) as planted:
        # By its name alone: a socket's path has an end, and that of a test's folder may be beyond it.
        monkeypatch.chdir(folder)
        planted.bind(layout.door_socket("default").name)
        planted.listen()
        record.write_text('{"pid": 1, "port": 4}')
        record.chmod(0o600)
        folder.chmod(0o777)
        for ask in (
            lambda: socketfolder.door_socket(layout, "default"),
            lambda: socketfolder.client(layout, "default").status(),
            lambda: connections.find(layout, target, "default"),
            lambda: starting.note(layout, "default", os.getpid()),
        ):
            with pytest.raises(Refused, match="could take the place"):
                ask()
    assert not layout.runtime_file("default").exists()


class TestElsewhere:
    @pytest.fixture(autouse=True)
    def shared(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, ...]:
        made = tuple(tmp_path / name for name in ("first", "second"))
        for base in made:
            base.mkdir()
        monkeypatch.setattr(trouble, "_SHARED", made)
        return made

    def test_a_folder_is_made_and_used_again(self, shared: tuple[Path, ...], tmp_path: Path) -> None:
        folder = shared[0] / f"jupyter-{os.geteuid()}"
        hint = trouble.elsewhere(tmp_path / "x", ("runtime",))
        assert hint == f"mkdir -m 700 {folder} && export JUPYTER_RUNTIME_DIR={folder}/runtime"
        subprocess.run(hint, shell=True, check=True)
        assert trouble.elsewhere(tmp_path / "x", ("runtime",)) == f"export JUPYTER_RUNTIME_DIR={folder}/runtime"

    def test_the_one_that_is_in_trouble_is_not_named_again(self, shared: tuple[Path, ...]) -> None:
        folder = shared[0] / f"jupyter-{os.geteuid()}"
        folder.mkdir(0o700)
        assert not re.search(rf"={folder}", trouble.elsewhere(folder / "runtime"))
        assert str(shared[1]) in trouble.elsewhere(folder / "runtime")

    @pytest.mark.parametrize("planted", ["open", "a file", "a link"])
    def test_what_another_user_may_have_made_is_passed_over(self, planted: str, shared: tuple[Path, ...], tmp_path: Path) -> None:
        folder = shared[0] / f"jupyter-{os.geteuid()}"
        if planted == "open":
            folder.mkdir()
            folder.chmod(0o777)
        elif planted == "a file":
            folder.write_text("")
        else:
            folder.symlink_to(tmp_path)
        assert str(folder) not in trouble.elsewhere(tmp_path / "x")
        (shared[1] / folder.name).write_text("")
        assert trouble.elsewhere(tmp_path / "x").startswith("ls -ld ")
