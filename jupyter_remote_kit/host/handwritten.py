"""Looks for units of somebody else's that serve a Jupyter server on this machine."""

from __future__ import annotations

import pwd
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from jupyter_remote_kit.host import systemd
from jupyter_remote_kit.host.files import file_fact
from jupyter_remote_kit.plan import handwritten, units
from jupyter_remote_kit.plan.facts import ConfigText
from jupyter_remote_kit.plan.handwritten import Command, HandWritten
from jupyter_remote_kit.plan.units import Scope

# The packages of a distribution put theirs elsewhere.
_SYSTEM_FOLDERS = (Path("/etc/systemd/system"), Path("/usr/local/lib/systemd/system"))
# In the order in which jupyter_server reads them, the later ones winning.
_CONFIGS = tuple(f"jupyter_{name}_config{suffix}" for name in ("notebook", "server", "lab") for suffix in (".py", ".json"))


def holding(port: int, home: Path | None) -> tuple[HandWritten, ...]:
    """The units that serve `port`, or would after the next boot; `home` is this user's. `None`: the machine's units alone."""
    return tuple(found for found in _all(home) if found.port == port and _in_use(found))


def _all(home: Path | None) -> Iterator[HandWritten]:
    root = Path(pwd.getpwuid(0).pw_dir)
    places = [(Scope.SYSTEM, folder, root) for folder in _SYSTEM_FOLDERS]
    if home is not None:
        places.append((Scope.USER, home / ".config/systemd/user", home))
    for scope, folder, managers in places:
        for path in sorted(folder.glob("*.service")):
            content = file_fact(path).content
            if path.name.startswith(units.PREFIX) or content is None:
                continue
            command = handwritten.command_of(content.decode(errors="replace"), managers)
            if command is not None:
                yield HandWritten(path.name, path, scope, handwritten.port_of(command, _configs(command, managers)))


def _configs(command: Command, home: Path) -> Iterator[ConfigText]:
    """What that server reads, as far as this user may: the files of its user, then those that its command line names.

    `home` is that of the manager's user, who is its user where the unit names none.
    """
    if command.user is not None:
        with suppress(KeyError):
            home = Path(pwd.getpwnam(command.user).pw_dir)
    for path in (*(home / ".jupyter" / name for name in _CONFIGS), *command.configs):
        content = file_fact(path).content
        if content is not None:
            yield ConfigText(path, content)


def _in_use(found: HandWritten) -> bool:
    said = systemd.properties(found.scope, found.name, "UnitFileState", "ActiveState")
    return said.get("UnitFileState") == "enabled" or said.get("ActiveState") in {"active", "activating", "reloading"}
