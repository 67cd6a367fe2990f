"""A folder as `files` writes into it: by its descriptor, and on a laptop with Windows by its path, with the same outcome."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from types import ModuleType

import pytest

from jupyter_remote_kit.host import folders, posixfolders, windowsfolders

BOTH = pytest.mark.parametrize("system", [posixfolders, windowsfolders], ids=["posix", "windows"])


def test_both_offer_what_is_asked_of_them() -> None:
    for name in folders.__all__:
        assert hasattr(posixfolders, name)
        assert hasattr(windowsfolders, name)
    offered = {name for name in vars(posixfolders.Folder) if not name.startswith("_")}
    assert offered == {name for name in vars(windowsfolders.Folder) if not name.startswith("_")}


@BOTH
def test_a_new_file_takes_the_place_of_another(tmp_path: Path, system: ModuleType) -> None:
    (tmp_path / "f").write_text("old")
    with system.Folder(tmp_path) as folder:
        file = folder.create("new", 0o600)
        os.write(file, b"new\n")
        system.set_mode(file, 0o600)
        os.close(file)
        with pytest.raises(FileExistsError):
            folder.create("f", 0o600)
        folder.rename("new", "f")
        folder.sync()
        assert folder.names() == ["f"]
        assert folder.status_of("f").st_size == 4
        folder.unlink("f")
        assert folder.names() == []
        with pytest.raises(FileNotFoundError):
            folder.status_of("f")
        assert folder.status().st_ino == tmp_path.stat().st_ino
    system.sync_folder(tmp_path)


@BOTH
def test_what_is_no_folder_is_not_opened(tmp_path: Path, system: ModuleType) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("folder")
    for name, codes in {"file": {errno.ENOTDIR}, "none": {errno.ENOENT}, "link": {errno.ELOOP, errno.ENOTDIR}}.items():
        with pytest.raises(OSError, match=name) as caught:
            system.Folder(tmp_path / name)
        assert caught.value.errno in codes


def test_a_file_that_somebody_has_open_is_replaced_when_it_is_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows refuses as long as it is open, as a scanner of viruses has it for a moment."""
    refusals = [PermissionError(errno.EACCES, "in use")] * 3
    replace = Path.replace

    def replace_later(path: Path, target: Path) -> Path:
        if refusals:
            raise refusals.pop()
        return replace(path, target)

    monkeypatch.setattr(Path, "replace", replace_later)
    (tmp_path / "new").write_text("new")
    windowsfolders.Folder(tmp_path).rename("new", "f")
    assert (tmp_path / "f").read_text() == "new"


def test_a_file_that_stays_open_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path, target: Path) -> Path:
        raise PermissionError(errno.EACCES, "in use")

    monkeypatch.setattr(Path, "replace", refuse)
    monkeypatch.setattr(windowsfolders, "_REPLACED_IN_S", 0.1)
    with pytest.raises(PermissionError):
        windowsfolders.Folder(tmp_path).rename("new", "f")
