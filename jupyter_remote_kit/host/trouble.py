"""An OSError on a path, as one sentence with a hint that can be pasted."""

from __future__ import annotations

import errno
import os
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from jupyter_remote_kit.errors import Failed, RemoteKitError
from jupyter_remote_kit.messages import Message, msg


def quoted(path: Path) -> str:
    """A path as a shell reads it back."""
    return shlex.quote(str(path))


_FULL = ("disk-full", msg("{path} cannot be written: the disk or the quota is full."), msg("df -h {folder}"))
_LOOK = msg("ls -ld {quoted} {folder}")
_DENIED = ("permission", msg("{path} cannot be used: permission denied."), _LOOK)
_NO_DIRECTORY = ("not-a-directory", msg("{path} cannot be used: a part of the path is not a directory."), _LOOK)
_MEANING = {
    errno.ENOSPC: _FULL,
    errno.EDQUOT: _FULL,
    errno.EROFS: (
        "read-only",
        msg("{path} cannot be written: its file system is read-only."),
        msg("findmnt -T {folder}"),
    ),
    errno.EACCES: _DENIED,
    errno.EPERM: _DENIED,
    errno.ENOTDIR: _NO_DIRECTORY,
    errno.EEXIST: _NO_DIRECTORY,
    errno.ENOENT: ("not-found", msg("{path} does not exist."), _LOOK),
    errno.ENAMETOOLONG: ("name-too-long", msg("{path} cannot be used: the name is too long."), _LOOK),
}
_UNKNOWN = ("io-error", msg("{path} cannot be used: {reason}."), _LOOK)


def failed(error: OSError, path: Path) -> RemoteKitError:
    """What `error` means for whoever wanted `path` written or read."""
    if error.errno == errno.ELOOP:
        return symlink_in_the_way(path)
    if error.errno == errno.EISDIR:
        return directory_in_the_way(path)
    code, sentence, hint = _MEANING.get(error.errno or 0, _UNKNOWN)
    reason = os.strerror(error.errno) if error.errno else str(error)
    values = {"path": path, "quoted": quoted(path), "folder": quoted(path.parent), "reason": reason}
    return Failed.of(code, replace(sentence, values=values), replace(hint, values=values))


def symlink_in_the_way(path: Path) -> RemoteKitError:
    """A link where a file or folder of ours should be: following it would write somebody else's file."""
    return Failed.of(
        "symlink-in-the-way",
        msg("{path} is a symbolic link; it is left as it is.", path=path),
        msg("See where it leads, and remove it if it is not yours: ls -l {path}", path=quoted(path)),
    )


def directory_in_the_way(path: Path) -> RemoteKitError:
    """A folder where a file of ours should be."""
    return Failed.of("directory-in-the-way", msg("{path} is a directory, but a file is to be written there.", path=path), _look(path))


def file_in_the_way(path: Path) -> RemoteKitError:
    """A file where a folder of ours should be."""
    return Failed.of("not-a-directory", msg("{path} is not a directory.", path=path), _look(path))


def not_a_file(path: Path) -> RemoteKitError:
    """A socket, a pipe or a device."""
    return Failed.of("not-a-file", msg("{path} is not a regular file.", path=path), _look(path))


def wrong_owner(path: Path, uid: int) -> RemoteKitError:
    """Somebody else's file or folder: what we put there, they could change."""
    return Failed.of(
        "wrong-owner",
        msg("{path} belongs to another user ({uid}); it is left as it is.", path=path, uid=uid),
        msg("Take ownership of it: sudo chown -R {user} {path}", user=os.geteuid(), path=quoted(path)),
    )


@contextmanager
def os_errors(path: Path) -> Iterator[None]:
    """Within, an OSError becomes a `Failed` about `path`."""
    try:
        yield
    except OSError as error:
        raise failed(error, path) from error


def _look(path: Path) -> Message:
    return replace(_LOOK, values={"quoted": quoted(path), "folder": quoted(path.parent)})
