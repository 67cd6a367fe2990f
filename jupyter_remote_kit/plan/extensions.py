"""Server extensions of others that fail: what is said of one, and what switches it off."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jupyter_remote_kit.messages import Message, msg

NEEDED = frozenset({"jupyter_remote_kit", "jupyterlab"})
"""The extensions without which a server must not be there: our own, and the interface that it is started for. What JupyterLab does
without (language servers, terminals) fails as it does in a bare `jupyter lab`: with a warning."""

FOLDER = "jupyter_server_config.d"


@dataclass(frozen=True)
class Switch:
    """What switches an extension on. `path` is the file, `None` where it is none (a command line).

    `alone`: nothing else is in the file. `option` is that of `jupyter server extension` for its folder, empty for a folder that the
    command does not know. `program` is that command; `writable`: this user may change the folder.
    """

    path: Path | None = None
    alone: bool = False
    option: str = ""
    program: str = "jupyter"
    writable: bool = True


@dataclass(frozen=True)
class FailedExtension:
    """An extension that is switched on and fails; `whole`: it can be imported and has its functions, though they fail."""

    name: str
    reason: str | Message
    switch: Switch
    whole: bool = False

    @property
    def message(self) -> Message:
        """One sentence: its name, why, and the file."""
        if self.switch.path is None:
            return msg("The server extension {name} has failed: {reason}", name=self.name, reason=self.reason)
        return msg("The server extension {name}, switched on by {path}, has failed: {reason}", **self._values)

    @property
    def fix(self) -> Message:
        """What switches it off: a command where one does, else what to change in the file."""
        switch = self.switch
        if switch.path is None:
            return msg("Remove {name} from ServerApp.jpserver_extensions", name=self.name)
        sudo = "" if switch.writable else "sudo "
        if self._is_known_to_the_command():
            command = f"{sudo}{switch.program} server extension disable {switch.option} {shlex.quote(self.name)}"
            return msg("{command}", command=command)
        if switch.alone:
            return msg("{command}", command=f"{sudo}rm {shlex.quote(str(switch.path))}")
        return msg("Set {name} to false in {path}", name=self.name, path=switch.path)

    @property
    def _values(self) -> Mapping[str, object]:
        return {"name": self.name, "reason": self.reason, "path": self.switch.path}

    def _is_known_to_the_command(self) -> bool:
        """Whether `jupyter server extension disable` would do it.

        It refuses what it cannot validate, a module that is gone among it (jupyter_server serverextension.py, `toggle_server_extension`),
        and writes `NAME.json`, over which a file of that folder whose name comes later has the last word.
        """
        path = self.switch.path
        return bool(
            self.whole and self.switch.option and path is not None and path.parent.name == FOLDER and path.name <= f"{self.name}.json"
        )


@dataclass(frozen=True)
class SkippedFile:
    """A file of `jupyter_server_config.d` that cannot be used; what it switches on is missing."""

    path: Path
    reason: str | Message
    writable: bool = True

    @property
    def message(self) -> Message:
        """One sentence: the file, and why."""
        return msg("{path} is skipped, and the server extensions that it switches on: {reason}", path=self.path, reason=self.reason)

    @property
    def fix(self) -> Message:
        """What mends it."""
        command = f"{'' if self.writable else 'sudo '}rm {shlex.quote(str(self.path))}"
        return msg("Correct the file, or remove it: {command}", command=command)


def switches_of(document: Any) -> dict[str, Any]:  # noqa: ANN401  # whatever JSON holds
    """What a file says of extensions, by their names. Raises `ValueError` where it is not shaped as one."""
    for section in ("ServerApp", "jpserver_extensions"):
        if not isinstance(document, dict):
            break
        document = document.get(section, {})
    if not isinstance(document, dict):
        message = "not an object with ServerApp and jpserver_extensions in it"
        raise ValueError(message)
    return document


def is_alone(document: Any, name: str) -> bool:  # noqa: ANN401  # whatever JSON holds
    """Whether the file switches on `name`, and says nothing else."""
    return bool(document == {"ServerApp": {"jpserver_extensions": {name: True}}})
