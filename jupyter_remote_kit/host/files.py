"""Reads and writes of the kit's files: whole or not at all, private from the first byte, never through a link."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import secrets
import socket
import stat
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta, timezone
from pathlib import Path

from jupyter_remote_kit.errors import Failed, Refused
from jupyter_remote_kit.host import trouble
from jupyter_remote_kit.host.folders import HAS_MODES, READ, Folder, set_mode, sync_folder, user_id
from jupyter_remote_kit.messages import msg
from jupyter_remote_kit.plan.facts import FileFact, FileKind
from jupyter_remote_kit.plan.layout import PRIVATE_DIR, PRIVATE_FILE

KEPT_BACKUPS = 5
MAX_READ = 1024 * 1024
# A file of ours is some kilobytes; a fact about something larger at that path goes without its content.
MAX_FACT = 16 * 1024 * 1024
STALE_AFTER_S = 60.0

_OTHERS = 0o077
_TEMPORARY = re.compile(r"\.remotekit-(?P<where>[0-9a-f]{8})-(?P<pid>[0-9]+)-[0-9a-f]{16}\.tmp\Z")


def file_fact(path: Path, *, with_content: bool = True) -> FileFact:
    """What stands at `path`, its last component not followed.

    `writable` says whether this user could put a file there (of a directory: into it). `content` is `None` when it is not a regular
    file, cannot be read, is larger than 16 MiB, or was not asked for.
    """
    try:
        status = os.lstat(path)
    except OSError as error:
        return FileFact(writable=error.errno != errno.ENAMETOOLONG and _can_create(path.parent))
    kind = _kind(status.st_mode)
    writable = os.access(path, os.W_OK | os.X_OK) if kind is FileKind.DIRECTORY else _can_replace(path, status)
    content = _content(path) if with_content and kind is FileKind.FILE else None
    return FileFact(kind, stat.S_IMODE(status.st_mode), status.st_uid, content, writable)


def write_atomic(path: Path, data: bytes, mode: int, owner: int | None = None) -> None:
    """Put `data` at `path` whole, with the permission bits `mode` from the first byte on; root may give it to `owner`.

    Raises `Failed`, and leaves what stood there byte-identical, when the folder or the file is a link, somebody else's or of another
    kind, or when the machine cannot write.
    """
    with trouble.os_errors(path), _folder_of(path) as folder:
        _check_target(path, folder, owner)
        sweep(folder)
        temporary = _temporary_name()
        with trouble.os_errors(path):
            file = folder.create(temporary, mode & 0o700)
        placed = False
        try:
            try:
                set_mode(file, mode)
                _write_all(file, data)
                if owner is not None:
                    os.fchown(file, owner, -1)
                os.fsync(file)
            finally:
                os.close(file)
            folder.rename(temporary, path.name)
            placed = True
        finally:
            if not placed:
                with suppress(OSError):
                    folder.unlink(temporary)
        folder.sync()


def make_directory(path: Path, mode: int = PRIVATE_DIR) -> None:
    """Make `path` with exactly `mode`, its missing parents with 0755 less the umask; of an existing one of ours set the mode.

    Raises `Failed` when it is a link, not a directory, somebody else's, or when the machine cannot.
    """
    with trouble.os_errors(path):
        missing = [parent for parent in path.parents if not parent.exists()]
        for parent in reversed(missing):
            # Another process may make it at the same time, which is as good.
            parent.mkdir(mode=0o755, exist_ok=True)
        with suppress(FileExistsError):
            path.mkdir(mode=mode & 0o700)
            sync_folder(path.parent)
        status = os.lstat(path)
        if stat.S_ISLNK(status.st_mode):
            raise trouble.symlink_in_the_way(path)
        if not stat.S_ISDIR(status.st_mode):
            raise trouble.file_in_the_way(path)
        with Folder(path) as folder:
            status = folder.status()
            if _foreign(status.st_uid):
                raise trouble.wrong_owner(path, status.st_uid)
            if stat.S_IMODE(status.st_mode) != mode and status.st_uid == user_id():
                folder.set_mode(mode)


def backup(path: Path, backups_dir: Path, keep: int = KEPT_BACKUPS, blank: Callable[[bytes], bytes] = bytes) -> Path:
    """Copy `path` to `<backups_dir>/<name>.<UTC time>`, 0600, and keep the newest `keep` of that name.

    `blank` takes out of the content what no copy may hold. Returns the copy. Raises `Failed` when it cannot be read or written.
    """
    with trouble.os_errors(path):
        file = os.open(path, READ)
        try:
            if not stat.S_ISREG(os.fstat(file).st_mode):
                raise trouble.not_a_file(path)
            data = _read_all(file, MAX_FACT)
        finally:
            os.close(file)
    if len(data) > MAX_FACT:
        # Nothing that is ours to replace; it may be somebody's who would fill this disk.
        raise Failed.of(
            "file-too-large",
            msg("{path} is larger than {limit} bytes.", path=path, limit=MAX_FACT),
            msg("Move it away: mv {path} {path}.large", path=trouble.quoted(path)),
        )
    make_directory(backups_dir, PRIVATE_DIR)
    moment = datetime.now(timezone.utc)
    while (copy := backups_dir / f"{path.name}.{moment:%Y%m%dT%H%M%S.%fZ}").exists():
        moment += timedelta(microseconds=1)
    write_atomic(copy, blank(data), PRIVATE_FILE)
    stamped = re.compile(re.escape(path.name) + r"\.[0-9]{8}T[0-9]{6}\.[0-9]{6}Z\Z")
    with trouble.os_errors(backups_dir):
        # After a clock that was set back the new copy is not the newest by name, and is kept all the same.
        older = sorted((entry for entry in backups_dir.iterdir() if stamped.match(entry.name) and entry != copy), reverse=True)
        for entry in older[max(keep - 1, 0) :]:
            entry.unlink(missing_ok=True)
    return copy


def read_private(path: Path, *, limit: int = MAX_READ) -> bytes:
    """The content of a file that only its owner can read.

    Raises `Refused` (`file-exposed`, `wrong-owner`, `symlink-in-the-way`, `not-a-file`, `file-too-large`), `Failed` when the machine
    cannot read it.
    """
    with trouble.os_errors(path):
        try:
            file = os.open(path, READ)
        except OSError as error:
            if error.errno == errno.ELOOP:
                raise Refused(*trouble.symlink_in_the_way(path).problems) from error
            raise
        try:
            check_private(path, os.fstat(file))
            data = _read_all(file, limit)
        finally:
            os.close(file)
    if len(data) > limit:
        raise Refused.of("file-too-large", msg("{path} is larger than {limit} bytes.", path=path, limit=limit))
    return data


def check_private(path: Path, status: os.stat_result) -> None:
    """Raises `Refused` unless what was opened at `path` is a file that only its owner, this user or root, can use."""
    if not stat.S_ISREG(status.st_mode):
        raise Refused(*trouble.not_a_file(path).problems)
    if _foreign(status.st_uid):
        raise Refused(*trouble.wrong_owner(path, status.st_uid).problems)
    if HAS_MODES and status.st_mode & _OTHERS:
        raise Refused.of(
            "file-exposed",
            msg("{path} can be used by others (mode {mode}).", path=path, mode=_octal(status.st_mode)),
            msg("chmod 600 {path}", path=trouble.quoted(path)),
        )


def exposed(paths: Iterable[Path]) -> tuple[tuple[str, str, str], ...]:
    """Those of the existing `paths` that others can use, or that belong to somebody else: `(path, mode, owner)`, such as `0644`.

    The owner is a user id where that is somebody else, and empty where it is us.

    A link counts as what it leads to: a key of one's own often is one (`/etc/letsencrypt/live`).
    """
    found = []
    for path in paths:
        with suppress(OSError):
            status = path.stat()
            owners = [uid for uid in (status.st_uid, os.lstat(path).st_uid) if _foreign(uid)]
            if status.st_mode & _OTHERS or owners:
                found.append((str(path), _octal(status.st_mode), str(owners[0]) if owners else ""))
    return tuple(found)


def sweep(folder: Folder) -> None:
    """Remove temporary files of ours that a killed writer left in the folder."""
    for name in folder.names():
        match = _TEMPORARY.match(name)
        if not match:
            continue
        with suppress(OSError):
            status = folder.status_of(name)
            old = time.time() - status.st_mtime > STALE_AFTER_S
            # A process id means something on the machine that wrote it alone: homes are shared over NFS.
            orphaned = match["where"] == _where() and not _process_exists(int(match["pid"]))
            if stat.S_ISREG(status.st_mode) and status.st_uid == user_id() and (old or orphaned):
                folder.unlink(name)


@contextmanager
def _folder_of(path: Path) -> Iterator[Folder]:
    """The folder of `path`, open; it is ours or root's, and no link."""
    try:
        opened = Folder(path.parent)
    except OSError as error:
        if path.parent.is_symlink():
            raise trouble.symlink_in_the_way(path.parent) from error
        raise
    with opened as folder:
        owner = folder.status().st_uid
        if _foreign(owner):
            raise trouble.wrong_owner(path.parent, owner)
        yield folder


def _check_target(path: Path, folder: Folder, owner: int | None) -> None:
    try:
        status = folder.status_of(path.name)
    except FileNotFoundError:
        return
    if stat.S_ISLNK(status.st_mode):
        raise trouble.symlink_in_the_way(path)
    if stat.S_ISDIR(status.st_mode):
        raise trouble.directory_in_the_way(path)
    if not stat.S_ISREG(status.st_mode):
        raise trouble.not_a_file(path)
    if status.st_uid != owner and _foreign(status.st_uid):
        raise trouble.wrong_owner(path, status.st_uid)


def _foreign(uid: int) -> bool:
    return uid not in {user_id(), 0}


def _octal(mode: int) -> str:
    return format(stat.S_IMODE(mode), "04o")


def _kind(mode: int) -> FileKind:
    if stat.S_ISREG(mode):
        return FileKind.FILE
    if stat.S_ISDIR(mode):
        return FileKind.DIRECTORY
    return FileKind.SYMLINK if stat.S_ISLNK(mode) else FileKind.OTHER


def _can_create(folder: Path) -> bool:
    """Whether something could be made in `folder`, or in the nearest one above that exists."""
    while not os.path.lexists(folder) and folder != folder.parent:
        folder = folder.parent
    return folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)


def _can_replace(path: Path, status: os.stat_result) -> bool:
    folder = path.parent
    if not os.access(folder, os.W_OK | os.X_OK):
        return False
    above = folder.stat()
    user = user_id()
    if above.st_mode & stat.S_ISVTX and user not in {0, status.st_uid, above.st_uid}:
        return False
    # The owner's write bit is set and yet it cannot be written: an immutable file, which cannot be replaced either.
    immutable = status.st_uid == user and bool(status.st_mode & stat.S_IWUSR) and not os.access(path, os.W_OK, follow_symlinks=True)
    return stat.S_ISLNK(status.st_mode) or not immutable


def _content(path: Path) -> bytes | None:
    try:
        file = os.open(path, READ)
    except OSError:
        return None
    try:
        data = _read_all(file, MAX_FACT)
    except OSError:
        return None
    finally:
        os.close(file)
    return data if len(data) <= MAX_FACT else None


def _read_all(file: int, limit: int) -> bytes:
    """All of `file`, or of a larger one the first `limit` + 1 bytes."""
    parts: list[bytes] = []
    size = 0
    while size <= limit and (part := os.read(file, 65536)):
        parts.append(part)
        size += len(part)
    return b"".join(parts)


def _write_all(file: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(file, rest) :]


def _temporary_name() -> str:
    return f".remotekit-{_where()}-{os.getpid()}-{secrets.token_hex(8)}.tmp"


def _where() -> str:
    """This machine and PID namespace, in eight hex digits: where a process id of ours can be looked up."""
    try:
        namespace = os.readlink("/proc/self/ns/pid")  # noqa: PTH115  # the link's text is wanted, not a path
    except OSError:
        namespace = ""
    return hashlib.sha256(f"{socket.gethostname()} {namespace}".encode()).hexdigest()[:8]


def _process_exists(pid: int) -> bool:
    if sys.platform == "win32":
        # There the call would send it a Ctrl-C. Its file goes when it is old.
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True
