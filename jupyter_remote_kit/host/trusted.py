"""What this laptop has trusted, on its disk: the record, and the certificates beside it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from jupyter_remote_kit.errors import Failed
from jupyter_remote_kit.host import locks, trouble, truststores
from jupyter_remote_kit.host.files import file_fact
from jupyter_remote_kit.messages import msg
from jupyter_remote_kit.plan import trusted
from jupyter_remote_kit.plan.facts import FileFact, FileKind
from jupyter_remote_kit.plan.layout import Layout
from jupyter_remote_kit.plan.trusted import Trusted


def read(layout: Layout) -> tuple[Trusted, ...]:
    """The record. Raises `Failed` for one that is damaged: it alone tells what is in the stores by us."""
    try:
        return trusted.parse(file_fact(layout.trusted_file).content)
    except trusted.Damaged:
        path = layout.trusted_file
        raise Failed.of(
            "record-damaged",
            msg("{path} is damaged: it does not tell what this machine trusts.", path=path),
            msg("Move it away, and trust the hosts again: mv {path} {path}.damaged", path=trouble.quoted(path)),
        ) from None


def files(layout: Layout) -> Mapping[Path, FileFact]:
    """What there is of the record and the certificates, and the folder of these."""
    folder = layout.trusted_dir
    fact = file_fact(folder, with_content=False)
    listed = sorted(folder.iterdir()) if fact.kind is FileKind.DIRECTORY else []
    ours = [path for path in listed if trusted.is_ours(path) or path == trusted.bundle_of(folder)]
    found = {path: file_fact(path) for path in (layout.trusted_file, *ours)}
    return {path: it for path, it in {**found, folder: fact}.items() if it.exists}


def write(layout: Layout, before: tuple[Trusted, ...], after: tuple[Trusted, ...]) -> None:
    """Bring the files from one record to the other. Raises `Failed` where another command has changed it meanwhile."""
    if not any(trusted.file_steps(after, layout, files(layout))):
        return
    with locks.exclusive(layout):
        if read(layout) != before:
            raise Failed.of(
                "changed-meanwhile",
                msg("{path} was changed by another command while this one was at work; nothing was written.", path=layout.trusted_file),
                msg("Run the command again"),
            )
        for step in trusted.file_steps(after, layout, files(layout)):
            truststores.take(step)
