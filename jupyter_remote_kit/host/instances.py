"""The instances of this machine, as they are on disk."""

from __future__ import annotations

import os
from pathlib import Path

from jupyter_remote_kit.errors import Failed, Refused
from jupyter_remote_kit.host import files, trouble
from jupyter_remote_kit.messages import Message, msg
from jupyter_remote_kit.plan.commandline import own_command
from jupyter_remote_kit.plan.instance import Instance, begun_again, parse
from jupyter_remote_kit.plan.layout import Layout

IN_THE_WAY = frozenset({"symlink-in-the-way", "wrong-owner", "not-a-file"})


def load(layout: Layout, name: str) -> Instance | None:
    """The instance called `name`, or `None` when there is none. Raises `Refused` when its file is broken or exposed."""
    path = layout.instance_file(name)
    with trouble.os_errors(path):
        # What cannot be looked at, as where root has run `init` with a user's HOME, is not absent.
        try:
            os.lstat(path)
        except (FileNotFoundError, NotADirectoryError):
            return None
    try:
        text = _read(path).decode()
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise Refused.of(
            "instance-file-broken",
            msg("{path}, line {line}: not UTF-8", path=path, line=line),
            begin_again(path, name),
        ) from None
    instance = parse(path, text)
    if instance.settings.instance != name:
        raise Refused.of(
            "instance-file-broken",
            msg("{path} is the file of the instance {other}.", path=path, other=instance.settings.instance),
            begin_again(path, name),
        )
    return instance


def require(layout: Layout, name: str) -> Instance:
    """The instance called `name`. Raises `Refused` when there is none."""
    found = load(layout, name)
    if found is None:
        raise Refused.of(
            "no-instance",
            msg("There is no instance {name!r} yet.", name=name),
            msg("{command}", command=own_command(name, "init")),
        )
    return found


def begin_again(path: Path, name: str) -> Message:
    """The hint for an instance file that cannot be used, and of which no line is to blame."""
    return msg("Move the file away and run init again: {command}", command=begun_again(path, name))


def _read(path: Path) -> bytes:
    """The file's bytes. What merely stands in the way is a failure; what is exposed is refused."""
    try:
        return files.read_private(path)
    except Refused as refusal:
        if {problem.code for problem in refusal.problems} <= IN_THE_WAY:
            raise Failed(*refusal.problems) from None
        raise
