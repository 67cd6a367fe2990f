"""Whether files could be written in a folder, asked before a person is, and before anything long. Nothing is written to find out."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from jupyter_remote_kit.host import trouble

# The instance, its certificates and its records take some 100 kB, and each is written beside what it replaces.
LEAST_BYTES = 1 << 20


def check(folders: Iterable[Path], least: int = LEAST_BYTES) -> None:
    """Raises `Failed`, as writing below one of these folders would; each may have to be made first.

    `least` is how many bytes have to be free; nothing has where files are only taken away. A quota does not show before it is used up.
    """
    for folder in folders:
        found = next((path for path in (folder, *folder.parents) if os.path.lexists(path)), Path("/"))
        if number := _obstacle(found, least):
            raise trouble.failed(OSError(number, os.strerror(number)), found if number == errno.ENOTDIR else folder)


def _obstacle(path: Path, least: int) -> int:
    """The error that making something in `path` would end with; 0 for none."""
    if not path.is_dir():
        return errno.ENOTDIR
    # Windows, where a laptop may be, tells neither.
    with suppress(OSError, AttributeError):
        system = os.statvfs(path)
        if system.f_flag & os.ST_RDONLY:
            return errno.EROFS
        # Some file systems count no files (btrfs), and then have none left.
        if least and (system.f_bavail * system.f_frsize < least or (system.f_files and not system.f_favail)):
            return errno.ENOSPC
    return 0 if os.access(path, os.W_OK | os.X_OK) else errno.EACCES
