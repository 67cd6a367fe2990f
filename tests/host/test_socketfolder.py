"""Sockets outside of the runtime folder: found by every command, and never in a folder that is another user's."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from jupyter_remote_kit.host import socketfolder
from jupyter_remote_kit.host.control import ControlClient
from jupyter_remote_kit.plan.layout import Layout
from jupyter_remote_kit.server import unixsocket

LAYOUT = Layout(Path("/c"), Path("/d"), Path("/r"))


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What stands for /tmp; /run/user is not there."""
    folder = tmp_path / "t"
    folder.mkdir()
    folder.chmod(0o1777)
    monkeypatch.setattr(socketfolder, "_TEMPORARY", folder)
    monkeypatch.setattr(socketfolder, "_SESSIONS", tmp_path / "run")
    return folder


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout(tmp_path / "c", tmp_path / "d", tmp_path / "r")


@pytest.fixture
def listening(temporary: Path, layout: Layout) -> Iterator[Path]:
    """A control socket in the private folder."""
    path = socketfolder.make(layout) / layout.control_socket("gpu1").name
    listener = unixsocket.listen(path)
    yield path
    listener.close()


def test_it_is_closed_to_others_and_the_same_each_time(temporary: Path, layout: Layout) -> None:
    made = socketfolder.make(layout)
    assert made.parent.parent == temporary
    assert [path.stat().st_mode & 0o777 for path in (made, made.parent)] == [0o700, 0o700]
    assert socketfolder.make(layout) == made
    assert socketfolder.folders(layout) == (layout.runtime_dir, made)
    assert socketfolder.make(Layout(layout.config_dir, layout.data_dir, layout.runtime_dir / "another")) != made


def test_every_command_finds_the_socket_there(listening: Path, layout: Layout) -> None:
    client = socketfolder.client(layout, "gpu1")
    assert isinstance(client, ControlClient)
    assert client._is_there()
    assert client._path == listening
    assert not socketfolder.client(layout, "gpu2")._is_there()


def test_one_in_the_runtime_folder_comes_first(listening: Path, layout: Layout) -> None:
    with unixsocket.listen(layout.control_socket("gpu1")):
        client = socketfolder.client(layout, "gpu1")
        assert client._is_there()
        assert client._path == layout.control_socket("gpu1")


def test_a_server_that_ends_leaves_nothing(listening: Path, temporary: Path) -> None:
    assert unixsocket.take_away(listening, unixsocket.identity(listening))
    assert list(temporary.iterdir()) == []


def test_what_a_killed_server_left_is_removed(listening: Path, temporary: Path, layout: Layout) -> None:
    socketfolder.forget(layout, "gpu1")
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize("planted", ["open", "another user's", "a link", "a file", "a link below"])
def test_a_folder_that_another_user_may_have_made_is_not_used(planted: str, temporary: Path, layout: Layout, tmp_path: Path) -> None:
    made = socketfolder.make(layout)
    with unixsocket.listen(made / layout.control_socket("gpu1").name):
        if planted == "open":
            made.parent.chmod(0o770)
        elif planted == "another user's":
            if os.geteuid() != 0:
                pytest.skip("only root can give a folder away")
            os.chown(made.parent, 12345, 12345)
        else:
            below = planted == "a link below"
            place = made if below else made.parent
            place.rename(tmp_path / "elsewhere")
            if planted == "a file":
                place.write_text("")
            else:
                place.symlink_to(tmp_path / "elsewhere")
        assert socketfolder.folders(layout) == (layout.runtime_dir,)
        assert not socketfolder.client(layout, "gpu1")._is_there()
        with pytest.raises(OSError, match=r"closed to others|exists"):
            socketfolder.make(layout)


def test_a_shared_folder_whose_entries_others_may_rename_is_not_used(temporary: Path, layout: Layout) -> None:
    temporary.chmod(0o777)
    with pytest.raises(OSError, match=r"."):
        socketfolder.make(layout)


def test_where_a_service_has_a_tmp_of_its_own_the_folder_of_the_session_is_used(
    temporary: Path, layout: Layout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mounts = tmp_path / "mountinfo"
    private = f"/tmp/systemd-private-0a-jupyter.service-x/tmp {temporary}"
    mounts.write_text(f"1 0 8:1 / / rw - ext4 /dev/sda rw\n2 1 8:1 {private} rw - ext4 /dev/sda rw\n")
    monkeypatch.setattr(socketfolder, "_MOUNTS", mounts)
    session = tmp_path / "run" / str(os.geteuid())
    session.mkdir(parents=True, mode=0o700)
    assert socketfolder.make(layout).is_relative_to(session)


class TestListening:
    def test_a_folder_without_sockets_is_left_for_the_private_one(
        self, temporary: Path, layout: Layout, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """What Linux's exFAT answers; the real one is in tests/commands/test_without_sockets.py."""
        real = socket.socket.bind
        usual = layout.control_socket("gpu1")

        class OnExfat(socket.socket):
            def bind(self, address: str) -> None:  # type: ignore[override]
                if address == str(usual):
                    raise PermissionError(1, "Operation not permitted")
                real(self, address)

        monkeypatch.setattr(unixsocket.socket, "socket", OnExfat)
        path, listener = unixsocket.listen_in(layout, usual)
        with listener:
            assert path == socketfolder.make(layout) / usual.name
            assert path.stat().st_mode & 0o777 == 0o600
        temporary.chmod(0o777)
        with pytest.raises(unixsocket.Failed) as failed:
            unixsocket.listen_in(layout, usual)
        assert str(failed.value.problems[0].message) == f"No socket can be made at {usual}: Operation not permitted"

    def test_one_that_ssh_could_not_name_is_in_the_private_folder(self, temporary: Path, layout: Layout) -> None:
        usual = layout.door_socket("gpu1")
        path, listener = unixsocket.listen_in(layout, usual, len(str(usual)) - 1)
        listener.close()
        assert path.parent == socketfolder.make(layout)
        assert socketfolder.door_socket(layout, "gpu1") == path

    def test_an_empty_file_that_such_a_folder_was_left_with_is_cleared(self, layout: Layout) -> None:
        layout.runtime_dir.mkdir()
        layout.control_socket("gpu1").write_bytes(b"")
        unixsocket.listen(layout.control_socket("gpu1")).close()
