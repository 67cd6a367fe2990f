"""Executes a plan: step by step, one at a time on this machine, and so that a kill at any moment leaves files that are known as ours."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from jupyter_remote_kit.errors import Failed
from jupyter_remote_kit.host import systemd, trouble
from jupyter_remote_kit.host.files import backup, file_fact, make_directory, read_private, sweep, write_atomic
from jupyter_remote_kit.host.folders import Folder
from jupyter_remote_kit.host.locks import LOCK_NAME, exclusive
from jupyter_remote_kit.host.manifest import Manifest, read_manifest, write_manifest
from jupyter_remote_kit.messages import msg
from jupyter_remote_kit.plan.facts import FileKind
from jupyter_remote_kit.plan.instance import without_credentials
from jupyter_remote_kit.plan.layout import PRIVATE_DIR, PRIVATE_FILE, PUBLIC_FILE, Layout
from jupyter_remote_kit.plan.model import (
    ExportAuthority,
    IssueAuthority,
    IssueLeaf,
    KeepCopy,
    MakeDirectory,
    Plan,
    RemoveFile,
    Run,
    Step,
    WriteFile,
)

# The steps that nothing has to be made for.
_Done = MakeDirectory | RemoveFile | KeepCopy | Run


class ChangedMeanwhile(Failed):
    """Another command has changed what a plan was made on; nothing of it was done."""


@dataclass(frozen=True)
class _Write:
    """A file to put in place; `backup` keeps what stands there."""

    path: Path
    data: bytes
    mode: int
    backup: bool
    owner: int | None = None


def apply(plan: Plan, *, layout: Layout, instance: str, now: datetime) -> None:
    """Execute the steps of `plan` in order. `now` (UTC) is the moment that new certificates count from.

    The digests of what is about to be written are in the instance's manifest before the first write, so that the next `init` knows
    every file as ours, old or new, whenever this one is killed.

    Raises `Failed` when the machine does not let a step be done (what stood there is untouched), or when another `init` is at work for
    more than 10 seconds, and `ChangedMeanwhile` when it has changed what the plan was made on.
    """
    if not plan.steps:
        return
    with exclusive(layout):
        _check_expectations(plan)
        journal = layout.manifest_file(instance)
        manifest = read_manifest(journal)
        work = _prepare(plan, layout, now, manifest)
        writes = [item for item in work if isinstance(item, _Write)]
        if writes:
            make_directory(journal.parent, PRIVATE_DIR)
            write_manifest(journal, _extended(manifest, writes))
        for item in work:
            _execute(item, layout)
        removed = [step.path for step in plan.steps if isinstance(step, RemoveFile)]
        if journal not in removed and (writes or file_fact(journal, with_content=False).kind is FileKind.FILE):
            write_manifest(journal, _settled(manifest, writes, removed))


def _check_expectations(plan: Plan) -> None:
    """Raises `ChangedMeanwhile` when what the plan was made on is no longer what stands there."""
    for path, digest in plan.expects:
        if file_fact(path).digest != digest:
            raise ChangedMeanwhile.of(
                "changed-meanwhile",
                msg("{path} was changed by another command while this one was at work; nothing was written.", path=path),
                msg("Run the command again"),
            )


def _prepare(plan: Plan, layout: Layout, now: datetime, manifest: Manifest) -> list[_Write | _Done]:
    """The plan with its certificates made, so that their digests are known before anything is written."""
    work: list[_Write | _Done] = []
    authorities = _Authorities()
    for step in plan.steps:
        if isinstance(step, IssueAuthority):
            work.extend(_authority_files(step, authorities, now))
        elif isinstance(step, ExportAuthority):
            work.append(_Write(step.certificate_file, _public_part(authorities[step.ca_file]), PUBLIC_FILE, backup=False))
        elif isinstance(step, IssueLeaf):
            if layout.ca_file not in authorities:
                # A kill between the two files of a new authority leaves the old certificate beside it.
                work.extend(_missing_certificate(layout, authorities[layout.ca_file]))
            data = _new_leaf(step, authorities, now)
            work.append(_Write(step.leaf_file, data, PRIVATE_FILE, _is_foreign(step.leaf_file, manifest)))
        elif isinstance(step, WriteFile):
            work.append(_Write(step.path, step.content.reveal().encode(), step.mode, step.backup, step.owner))
        else:
            work.append(step)
    return work


class _Authorities(dict[Path, bytes]):
    """The authorities by their files, as they will be: those that a plan has not made are read."""

    def __missing__(self, ca_file: Path) -> bytes:
        self[ca_file] = read_private(ca_file)
        return self[ca_file]


def _authority_files(step: IssueAuthority, authorities: _Authorities, now: datetime) -> Iterator[_Write]:
    if step.previous_file is not None:
        # Before the new one takes its place.
        authorities[step.previous_file] = authorities[step.ca_file]
        yield _Write(step.previous_file, authorities[step.previous_file], PRIVATE_FILE, backup=True)
    made = authorities[step.ca_file] = _new_authority(step, now)
    yield _Write(step.ca_file, made, PRIVATE_FILE, backup=True)
    yield _Write(step.certificate_file, _public_part(made), PUBLIC_FILE, backup=False)


def _new_authority(step: IssueAuthority, now: datetime) -> bytes:
    # cryptography takes 60 ms to import, and most plans need none of it.
    from jupyter_remote_kit.host import certificates

    return certificates.make_authority(step.names, step.addresses, now, another=step.previous_file is not None)


def _new_leaf(step: IssueLeaf, authorities: _Authorities, now: datetime) -> bytes:
    from jupyter_remote_kit.host import certificates

    vouched_by = authorities[step.vouched_by] if step.vouched_by else None
    return certificates.issue_leaf(authorities[step.ca_file], step.names, step.addresses, now, vouched_by)


def _public_part(authority: bytes) -> bytes:
    from jupyter_remote_kit.host import certificates

    return certificates.certificate_of(authority)


def _missing_certificate(layout: Layout, authority: bytes) -> list[_Write]:
    data = _public_part(authority)
    if file_fact(layout.ca_certificate_file).content == data:
        return []
    return [_Write(layout.ca_certificate_file, data, PUBLIC_FILE, backup=False)]


def _is_foreign(path: Path, manifest: Manifest) -> bool:
    digest = file_fact(path).digest
    return digest is not None and digest not in manifest.get(str(path), ())


def _execute(item: _Write | Step, layout: Layout) -> None:
    if isinstance(item, _Write):
        if item.backup and file_fact(item.path, with_content=False).kind is FileKind.FILE:
            backup(item.path, layout.backups_dir, blank=_blanking(item.path, layout))
        write_atomic(item.path, item.data, item.mode, item.owner)
    elif isinstance(item, MakeDirectory):
        make_directory(item.path, item.mode)
    elif isinstance(item, RemoveFile):
        _remove(item, layout)
    elif isinstance(item, KeepCopy):
        backup(item.path, layout.backups_dir)
    elif isinstance(item, Run):
        systemd.run(item)


def _blanking(path: Path, layout: Layout) -> Callable[[bytes], bytes]:
    """What a copy of `path` must not hold: a credential that was changed is to be nowhere any more, and one in force in one place."""
    return without_credentials if path.parent == layout.instances_dir else bytes


def _remove(step: RemoveFile, layout: Layout) -> None:
    if step.directory:
        _remove_directory(step.path, layout)
    else:
        _remove_file(step, layout)


def _remove_file(step: RemoveFile, layout: Layout) -> None:
    path = step.path
    with trouble.os_errors(path):
        try:
            status = path.lstat()
        except (FileNotFoundError, NotADirectoryError):
            return
        if stat.S_ISLNK(status.st_mode):
            raise trouble.symlink_in_the_way(path)
        if stat.S_ISDIR(status.st_mode):
            raise trouble.directory_in_the_way(path)
        if status.st_uid not in {os.geteuid(), 0, step.owner}:
            raise trouble.wrong_owner(path, status.st_uid)
        if step.backup and stat.S_ISREG(status.st_mode):
            backup(path, layout.backups_dir, blank=_blanking(path, layout))
        path.unlink(missing_ok=True)


def _remove_directory(path: Path, layout: Layout) -> None:
    """Remove `path` if nothing but leftovers of our own is in it; whatever else is there stays, and so does the directory."""
    with trouble.os_errors(path):
        try:
            opened = Folder(path)
        except OSError as error:
            # Gone, or a link or a file by now: somebody else's choice.
            if error.errno in {errno.ENOENT, errno.ENOTDIR, errno.ELOOP}:
                return
            raise
        with opened as folder:
            sweep(folder)
            if path == layout.data_root and folder.names() == [LOCK_NAME]:
                folder.unlink(LOCK_NAME)
        try:
            path.rmdir()
        except OSError as error:
            if error.errno not in {errno.ENOTEMPTY, errno.EEXIST, errno.ENOENT}:
                raise


def _extended(manifest: Manifest, writes: list[_Write]) -> Manifest:
    extended = dict(manifest)
    for write in writes:
        extended[str(write.path)] = tuple(dict.fromkeys((*extended.get(str(write.path), ()), _digest(write.data))))
    return extended


def _settled(manifest: Manifest, writes: list[_Write], removed: list[Path]) -> Manifest:
    settled = {**manifest, **{str(write.path): (_digest(write.data),) for write in writes}}
    for path in removed:
        settled.pop(str(path), None)
    return settled


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
