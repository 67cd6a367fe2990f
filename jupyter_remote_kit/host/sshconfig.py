"""Reads the hosts of the user's own configuration of ssh: `~/.ssh/config`, and what it includes."""

from __future__ import annotations

import glob
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path

from jupyter_remote_kit.plan import sshconfig

# READCONF_MAX_DEPTH of OpenSSH's `readconf.c`.
_MAX_DEPTH = 16
# Somebody waits for the shell to complete a word; a file that includes itself would go on through each of its copies.
_MAX_FILES = 256
_MAX_BYTES = 1 << 20


def names(home: Path | None = None) -> tuple[str, ...]:
    """The hosts in the order in which they stand there, each once; a file that cannot be read has none."""
    folder = (home or Path.home()) / ".ssh"
    found = (name for config in islice(_configs(folder, folder / "config", 0), _MAX_FILES) for name in config.names)
    return tuple(dict.fromkeys(found))


def _configs(folder: Path, path: Path, depth: int) -> Iterator[sshconfig.SshConfig]:
    """The file, then those that it includes. A relative one is looked for in `folder`, and one that is missing is not missed."""
    config = sshconfig.parse(_text(path))
    yield config
    if depth >= _MAX_DEPTH:
        return
    for pattern in config.includes:
        for included in _included(folder, pattern):
            yield from _configs(folder, included, depth + 1)


def _included(folder: Path, pattern: str) -> Iterator[Path]:
    # A user without a home, or a pattern that is none.
    with suppress(RuntimeError, OSError, ValueError):
        yield from map(Path, sorted(glob.glob(str(folder / Path(pattern).expanduser()))))  # noqa: PTH207  # the pattern may be absolute


def _text(path: Path) -> str:
    with suppress(OSError, ValueError):
        # A pipe would wait for its writer.
        if path.is_file():
            with path.open("rb") as file:
                # What is no UTF-8 stays apart from any text, so that it is no name.
                return file.read(_MAX_BYTES).decode(errors="surrogateescape")
    return ""
