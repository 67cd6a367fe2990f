"""An OSError on a path, as one sentence with a hint that can be pasted."""

from __future__ import annotations

import errno
import os
import shlex
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from jupyter_core import paths as jupyter

from jupyter_remote_kit.errors import Failed, RemoteKitError
from jupyter_remote_kit.host import folders
from jupyter_remote_kit.messages import Message, msg


def quoted(path: Path) -> str:
    """A path as a shell reads it back."""
    return shlex.quote(str(path))


# The first one outlives a reboot.
_SHARED = (Path("/var/tmp"), Path("/tmp"), Path("/dev/shm"))  # noqa: S108  # see `elsewhere`
_KINDS = ("config", "data", "runtime")
_LOOK = msg("ls -ld {quoted} {folder}")
_FULL = (
    "disk-full",
    msg("{path} cannot be written: the disk or the quota is full."),
    msg("Make room there; what is on it: {mend}"),
)
_DENIED = ("permission", msg("{path} cannot be used: permission denied."), msg("{mend}"))
_NO_DIRECTORY = ("not-a-directory", msg("{path} cannot be used: a part of the path is not a directory."), msg("{mend}"))
_MEANING = {
    errno.ENOSPC: _FULL,
    errno.EDQUOT: _FULL,
    errno.EROFS: (
        "read-only",
        msg("{path} cannot be written: its file system is read-only."),
        msg("Have Jupyter keep its files elsewhere: {mend}"),
    ),
    errno.EACCES: _DENIED,
    errno.EPERM: _DENIED,
    errno.ENOTDIR: _NO_DIRECTORY,
    errno.EEXIST: _NO_DIRECTORY,
    errno.ENOENT: ("not-found", msg("{path} does not exist."), msg("What is there: {mend}")),
    errno.ENAMETOOLONG: ("name-too-long", msg("{path} cannot be used: the name is too long."), msg("Choose a shorter one")),
}
_UNKNOWN = ("io-error", msg("{path} cannot be used: {reason}."), _LOOK)


def _mend(number: int, path: Path) -> str:
    """What to paste; it names what is in the way, which may be any folder above `path`."""
    above = next(folder for folder in (path, *path.parents) if os.path.lexists(folder) or folder == folder.parent)
    if number in {errno.ENOSPC, errno.EDQUOT}:
        return f"df -h {quoted(above)}"
    if number == errno.EROFS:
        return elsewhere(path)
    if number in {errno.ENOTDIR, errno.EEXIST}:
        return move_aside(above) if _may_be_moved(above) else elsewhere(path)
    if number == errno.ENOENT:
        return f"ls -la {quoted(above)}"
    return _permit(path)


def elsewhere(path: Path, kinds: Iterable[str] = _KINDS) -> str:
    """Another place for Jupyter's files than `path`: a folder of this user's that is there and closed to others, or can be made.

    Any user can write to these. A folder that another user has made first, or has opened to others, is none.
    """
    name = f"jupyter-{folders.user_id()}"
    for base in _SHARED:
        folder = base / name
        if folder in (path, *path.parents) or not os.access(base, os.W_OK | os.X_OK):
            continue
        chosen = "export " + " ".join(f"JUPYTER_{kind.upper()}_DIR={folder / kind}" for kind in kinds)
        if not os.path.lexists(folder):
            return f"mkdir -m 700 {folder} && {chosen}"
        status = folder.lstat()
        if stat.S_ISDIR(status.st_mode) and status.st_uid == folders.user_id() and not status.st_mode & 0o077:
            return chosen
    return f"ls -ld {quoted(path)} {' '.join(map(str, _SHARED))}"


def _permit(path: Path) -> str:
    """Of the folders on the way, and what stands there: the first that this user may not use."""
    if not folders.HAS_MODES:
        return f'icacls "{path}"'
    for step in (*reversed(path.parents), path):
        try:
            status = step.stat()
        except OSError:
            break
        wanted = os.X_OK if stat.S_ISDIR(status.st_mode) and step not in {path, path.parent} else os.R_OK | os.W_OK
        if os.access(step, wanted):
            continue
        if status.st_uid == folders.user_id():
            return f"chmod u+rwX {quoted(step)}"
        # Unlike `Path.home` it raises nothing where there is no home.
        if step.is_relative_to(os.path.expanduser("~")):  # noqa: PTH111
            return f"sudo chown -R {folders.user_id()} {quoted(step)}"
        break
    return f"ls -ld {quoted(path)} {quoted(path.parent)}"


def failed(error: OSError, path: Path) -> RemoteKitError:
    """What `error` means for whoever wanted `path` written or read."""
    if error.errno == errno.ELOOP:
        return symlink_in_the_way(path)
    if error.errno == errno.EISDIR:
        return directory_in_the_way(path)
    code, sentence, hint = _MEANING.get(error.errno or 0, _UNKNOWN)
    reason = os.strerror(error.errno) if error.errno else str(error)
    mend = _mend(error.errno or 0, path)
    values = {"path": path, "quoted": quoted(path), "folder": quoted(path.parent), "reason": reason, "mend": mend}
    return Failed.of(code, replace(sentence, values=values), replace(hint, values=values))


def symlink_in_the_way(path: Path) -> RemoteKitError:
    """A link where a file or folder of ours should be: following it would write somebody else's file."""
    return Failed.of(
        "symlink-in-the-way",
        msg("{path} is a symbolic link; it is left as it is.", path=path),
        msg("See where it leads: ls -l {path}; then move it away: {command}", path=quoted(path), command=move_aside(path)),
    )


def directory_in_the_way(path: Path) -> RemoteKitError:
    """A folder where a file of ours should be."""
    sentence = msg("{path} is a directory, but a file is to be written there.", path=path)
    return Failed.of("directory-in-the-way", sentence, _aside(path))


def file_in_the_way(path: Path) -> RemoteKitError:
    """A file where a folder of ours should be."""
    return Failed.of("not-a-directory", msg("{path} is not a directory.", path=path), _aside(path))


def not_a_file(path: Path) -> RemoteKitError:
    """A socket, a pipe or a device."""
    return Failed.of("not-a-file", msg("{path} is not a regular file.", path=path), _aside(path))


def wrong_owner(path: Path, uid: int) -> RemoteKitError:
    """Somebody else's file or folder: what we put there, they could change."""
    return Failed.of(
        "wrong-owner",
        msg("{path} belongs to another user ({uid}); it is left as it is.", path=path, uid=uid),
        msg("Take ownership of it: sudo chown -R {user} {path}", user=folders.user_id(), path=quoted(path)),
    )


@contextmanager
def os_errors(path: Path) -> Iterator[None]:
    """Within, an OSError becomes a `Failed` about `path`."""
    try:
        yield
    except OSError as error:
        raise failed(error, path) from error


def _aside(path: Path) -> Message:
    if _may_be_moved(path):
        return msg("Move it away: {command}", command=move_aside(path))
    return msg("What it is: {command}", command=f"ls -ld {quoted(path)}")


def _may_be_moved(path: Path) -> bool:
    """Whether nothing but Jupyter and this user's own programs can miss it: a home may be `/dev/null`, and a certificate's file `/tmp`."""
    home = Path.home()
    if home in path.parents and home != home.parent:
        return True
    kept = (jupyter.jupyter_config_dir(), jupyter.jupyter_data_dir(), jupyter.jupyter_runtime_dir())
    return any(Path(folder) in path.parents for folder in kept) or path.name.startswith("jupyter-remotekit")


def move_aside(path: Path) -> str:
    """A command that gives what stands there another name."""
    return f"mv {quoted(path)} {quoted(path.with_name(path.name + '.aside'))}"
