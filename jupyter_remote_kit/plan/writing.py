"""The step that puts a file in place, and says whether what stands there is somebody else's work."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path

from jupyter_remote_kit.plan.facts import FileFact, FileKind
from jupyter_remote_kit.plan.model import WriteFile
from jupyter_remote_kit.secret import Secret


def write_unless_same(  # noqa: PLR0913  # a file is as much
    path: Path, content: Secret, mode: int, fact: FileFact, known: Collection[str], *, owner: int | None = None
) -> Iterator[WriteFile]:
    """Nothing where `fact` says that it stands there already; `known` are the digests that we may have left there."""
    same = fact.content == content.reveal().encode()
    if same and fact.mode == mode and owner in {None, fact.uid}:
        return
    replaced = fact.kind is FileKind.FILE and not same
    yield WriteFile(path, content, mode, backup=replaced, edited=replaced and fact.digest not in known, owner=owner)
