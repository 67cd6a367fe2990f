"""The same as `posixfolders`, for a laptop with Windows: what is done in a folder is done by its path.

Modes and owners as POSIX has them mean nothing there. A file gets the rights that its folder hands down, and the folders of jupyter_core
lie in the user's profile, which other users cannot enter.
"""

from __future__ import annotations

import errno
import os
import time
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing_extensions import Self

HAS_MODES = False
# Both are of Windows alone; the rest of this module is tested elsewhere.
_BINARY = getattr(os, "O_BINARY", 0) | getattr(os, "O_NOINHERIT", 0)
READ = os.O_RDONLY | _BINARY
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _BINARY
# A file that another process has open, be it to look for viruses, cannot be replaced before it is closed.
_REPLACED_IN_S = 2.0
_POLL_S = 0.02


def user_id() -> int:
    """What `os.stat` says of the owner of every file."""
    return 0


def set_mode(file: int, mode: int) -> None:
    """Nothing: there are no modes."""


def sync_folder(path: Path) -> None:
    """Nothing: NTFS keeps a journal of its names."""


class Folder:
    """A folder. Raises `OSError` unless it is one, and no link."""

    def __init__(self, path: Path) -> None:
        self._path = path
        if path.is_symlink():
            raise _error(errno.ELOOP, path)
        if not path.is_dir():
            raise _error(errno.ENOTDIR if path.exists() else errno.ENOENT, path)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Nothing is open."""

    def status(self) -> os.stat_result:
        """Of the folder itself."""
        return self._path.stat()

    def set_mode(self, mode: int) -> None:
        """Nothing: there are no modes."""

    def names(self) -> list[str]:
        """Of all that is in it."""
        return [entry.name for entry in self._path.iterdir()]

    def status_of(self, name: str) -> os.stat_result:
        """Of what stands there by that name; a link is not followed."""
        return (self._path / name).lstat()

    def create(self, name: str, mode: int) -> int:
        """A new file, open for writing. Raises `FileExistsError` where something has that name."""
        return os.open(self._path / name, _NEW, mode)

    def rename(self, old: str, new: str) -> None:
        """Put a file in the place of another, at once, as soon as nobody has that one open."""
        deadline = time.monotonic() + _REPLACED_IN_S
        while True:
            try:
                (self._path / old).replace(self._path / new)
            except PermissionError:
                if time.monotonic() >= deadline:
                    raise
                time.sleep(_POLL_S)
            else:
                return

    def unlink(self, name: str) -> None:
        """Remove a file, or a link."""
        (self._path / name).unlink()

    def sync(self) -> None:
        """Nothing: NTFS keeps a journal of its names."""


def _error(code: int, path: Path) -> OSError:
    return OSError(code, os.strerror(code), str(path))
