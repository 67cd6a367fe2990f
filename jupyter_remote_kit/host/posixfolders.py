"""A folder that is held open by a descriptor: what is done in it is done in that very one, whatever takes its name meanwhile."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing_extensions import Self

HAS_MODES = True
# O_NONBLOCK: a pipe in the place of a file must not make us wait for its writer.
READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
# Some network and FUSE file systems cannot sync a directory; the rename is as durable there as it gets.
_NO_SYNC = frozenset({errno.EINVAL, errno.ENOTSUP, errno.EBADF})


def user_id() -> int:
    """The owner of every file that this process makes."""
    return os.geteuid()


def set_mode(file: int, mode: int) -> None:
    """Give an open file exactly these permission bits."""
    os.fchmod(file, mode)


def sync_folder(path: Path) -> None:
    """Make the names in a folder durable."""
    folder = os.open(path, _FOLDER)
    try:
        _sync(folder)
    finally:
        os.close(folder)


class Folder:
    """A folder, open. Raises `OSError` unless it is one, and no link."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, _FOLDER | os.O_NOFOLLOW)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        os.close(self._file)

    def status(self) -> os.stat_result:
        """Of the folder itself."""
        return os.fstat(self._file)

    def set_mode(self, mode: int) -> None:
        """Give the folder itself exactly these permission bits."""
        os.fchmod(self._file, mode)

    def names(self) -> list[str]:
        """Of all that is in it."""
        return os.listdir(self._file)  # noqa: PTH208  # of a descriptor

    def status_of(self, name: str) -> os.stat_result:
        """Of what stands there by that name; a link is not followed."""
        return os.stat(name, dir_fd=self._file, follow_symlinks=False)

    def create(self, name: str, mode: int) -> int:
        """A new file, open for writing. Raises `FileExistsError` where something has that name."""
        return os.open(name, _NEW, mode, dir_fd=self._file)

    def rename(self, old: str, new: str) -> None:
        """Put a file in the place of another, at once."""
        os.rename(old, new, src_dir_fd=self._file, dst_dir_fd=self._file)

    def unlink(self, name: str) -> None:
        """Remove a file, or a link."""
        os.unlink(name, dir_fd=self._file)

    def sync(self) -> None:
        """Make the names in it durable."""
        _sync(self._file)


def _sync(folder: int) -> None:
    try:
        os.fsync(folder)
    except OSError as error:
        if error.errno not in _NO_SYNC:
            raise
