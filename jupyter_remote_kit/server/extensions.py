"""Decides what a failing server extension means: the end of the start where a server must not be without it, else a warning.

jupyter_server knows two ways only: every failure is a warning, ours too, or every failure ends the server
(`reraise_server_extension_failures`), leftovers of uninstalled packages among it. The launcher asks for the second, so that a
jupyter_server in which what is replaced here has another name errs on the safe side.
"""

from __future__ import annotations

import asyncio
import json
import os
import shlex
import sys
import sysconfig
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

from jupyter_core.paths import ENV_CONFIG_PATH, SYSTEM_CONFIG_PATH, jupyter_config_dir
from jupyter_server import serverapp
from jupyter_server.extension.application import ExtensionApp
from jupyter_server.extension.config import DEFAULT_SECTION_NAME, ExtensionConfigManager
from jupyter_server.extension.manager import ExtensionManager
from traitlets import Any as AnyTrait
from traitlets.config.loader import LazyConfigValue

from jupyter_remote_kit.errors import Problem
from jupyter_remote_kit.messages import Message, msg
from jupyter_remote_kit.plan.extensions import FOLDER, NEEDED, FailedExtension, SkippedFile, Switch, is_alone, switches_of
from jupyter_remote_kit.plan.terminal import printable
from jupyter_remote_kit.plan.userconfig import SERVER_SECTIONS
from jupyter_remote_kit.server import report, userconfig
from jupyter_remote_kit.server.kitstate import find_kit

Failure = FailedExtension | SkippedFile
# Of an exception's words; some hold a whole document.
LONGEST_REASON = 300
# Ctrl-C, the end of the event loop's tasks, and a file of the server's configuration that could not be read: an extension's own file may
# hold settings of ServerApp. Every other `BaseException` is a failure of the extension, such as a panic in Rust
# (PyO3's `PanicException`: https://docs.rs/pyo3/latest/pyo3/panic/struct.PanicException.html).
_PASSED_ON = (KeyboardInterrupt, asyncio.CancelledError, userconfig.Unreadable)


class Switches:
    """The files that switch extensions on: `read`, those of the server's configuration, and those of `jupyter_server_config.d`."""

    def __init__(self, read: userconfig.Read) -> None:
        self.read = read
        self.skipped: list[SkippedFile] = []
        self._found: dict[str, tuple[Path, bool]] = {}

    def enabled(self, folders: list[str]) -> dict[str, bool]:
        """What is switched on or off by the files of `folders`, the first of which has the last word; what cannot be read is skipped."""
        names: dict[str, bool] = {}
        for folder in reversed(folders):
            base = Path(folder)
            # The order of jupyter_server (config_manager.py, `BaseJSONConfigManager.get`).
            for path in (*sorted((base / FOLDER).glob("*.json")), base / f"{DEFAULT_SECTION_NAME}.json"):
                self._read(path, names)
        return names

    def of(self, name: str) -> Switch:
        """What switches `name` on."""
        path, alone = next(((path, False) for path in reversed(self.read) if self._says(path, name)), (None, False))
        if path is None:
            path, alone = self._found.get(name, (None, False))
        if path is None:
            return Switch()
        return Switch(path, alone, _option(path), _program(), os.access(path.parent, os.W_OK))

    def _says(self, path: Path, name: str) -> bool:
        said = (self.read[path][section] for section in SERVER_SECTIONS if self.read[path]._has_section(section))
        return any(_entries(section.get("jpserver_extensions")).get(name) is True for section in said)

    def _read(self, path: Path, names: dict[str, bool]) -> None:
        try:
            # An empty one says nothing, as with jupyter_server, and what is no file would be waited for.
            text = path.read_bytes() if path.is_file() else b""
            document = json.loads(text) if text else {}
            found = switches_of(document)
        # UnicodeDecodeError and JSONDecodeError are a ValueError.
        except (OSError, ValueError, RecursionError) as error:
            self._skip(path, _words(error))
            return
        for name, value in found.items():
            if value is None:
                # As jupyter_server has it (config_manager.py, `recursive_update`).
                names.pop(name, None)
            elif isinstance(value, bool):
                names[name] = value
                self._found[name] = path, is_alone(document, name)
            else:
                self._skip(path, msg("{name} is {value!r}, neither true nor false", name=name, value=value))

    def _skip(self, path: Path, reason: str | Message) -> None:
        self.skipped.append(SkippedFile(path, reason, os.access(path.parent, os.W_OK)))


class Extensions(ExtensionManager):
    """jupyter_server's manager, with failures told apart."""

    switches = AnyTrait()

    def __init__(self, **kwargs: Any) -> None:
        self._failed: dict[str, FailedExtension] = {}
        self._tried: set[str] = set()
        super().__init__(**kwargs)
        self._switches: Switches = self.switches
        for skipped in self._switches.skipped:
            self._tell(skipped)

    @property
    def failures(self) -> tuple[Failure, ...]:
        """What failed, or was skipped, of others."""
        return (*self._switches.skipped, *self._failed.values())

    def add_extension(self, extension_name: str, enabled: bool = False) -> bool:
        """As jupyter_server's: import it. `False` where it fails and is not needed."""
        with self._judged(extension_name):
            super().add_extension(extension_name, enabled=enabled)  # type: ignore[no-untyped-call]
        return extension_name in self.extensions

    def link_extension(self, name: str) -> None:
        """As jupyter_server's, once: the kit links the others before their turn."""
        if name in self._tried:
            return
        self._tried.add(name)
        with self._judged(name):
            super().link_extension(name)  # type: ignore[no-untyped-call]

    def load_extension(self, name: str) -> None:
        """As jupyter_server's."""
        with self._judged(name):
            super().load_extension(name)  # type: ignore[no-untyped-call]

    async def start_extension(self, name: str) -> None:
        """As jupyter_server's. The gate is open by now: what a hook has done to the settings before it failed is looked at."""
        with self._judged(name):
            await super().start_extension(name)  # type: ignore[no-untyped-call]
        if name in self._failed:
            self._look_again()

    async def start_all_extensions(self) -> None:
        """As jupyter_server's, and what all the hooks have done is looked at."""
        await super().start_all_extensions()  # type: ignore[no-untyped-call]
        self._look_again()

    async def stop_extension(self, name: str, apps: set[ExtensionApp]) -> None:
        """As jupyter_server's. One of others that fails keeps neither us from putting our things away nor the server from its end."""
        try:
            await super().stop_extension(name, apps)  # type: ignore[no-untyped-call]
        except _PASSED_ON:
            raise
        except BaseException as error:
            if name in NEEDED:
                raise
            self._note(name, error)

    def _look_again(self) -> None:
        kit = find_kit(self.serverapp)
        if kit is not None:
            kit.check_again()

    @contextmanager
    def _judged(self, name: str) -> Iterator[None]:
        """Within, an extension is at work: where it fails, the start ends or goes on without it."""
        try:
            yield
        except _PASSED_ON:
            raise
        except BaseException as error:
            if name in NEEDED or userconfig.is_of_the_server(error, self._switches.read):
                raise_needed(name, error)
            self._note(name, error)

    def _note(self, name: str, error: BaseException) -> None:
        # The first failure is the cause of those that follow.
        if name in self._failed:
            return
        package = self.extensions.get(name)
        whole = package is not None and bool(package.validate())
        reason = userconfig.said(error, self._switches.read) or _words(error)
        failed = self._failed[name] = FailedExtension(name, reason, self._switches.of(name), whole)
        self._tell(failed, error)

    def _tell(self, failure: Failure, error: BaseException | None = None) -> None:
        row = Problem("extension-failed", failure.message, failure.fix)
        # The traceback for those who mend it; of a module that is gone there is none.
        shown = error if error is not None and not error.__suppress_context__ else None
        self.log.warning("%s", report.lines([row])[0], exc_info=shown)


def install(read: userconfig.Read) -> None:
    """Have the server that is made next use the manager above. `read` is what its configuration was read from."""
    switches = Switches(read)

    class Files(ExtensionConfigManager):
        def get_jpserver_extensions(self, section_name: str = DEFAULT_SECTION_NAME) -> dict[str, bool]:
            return switches.enabled(self.read_config_path)

    class Manager(Extensions):
        def __init__(self, **kwargs: Any) -> None:
            super().__init__(switches=switches, **kwargs)

    serverapp.ExtensionConfigManager = Files  # type: ignore[attr-defined]  # what it imports to use
    serverapp.ExtensionManager = Manager  # type: ignore[attr-defined]


def raise_needed(name: str, error: BaseException) -> NoReturn:
    """End the start. What a configuration leads to is for `userconfig.refusing` to name, and an error of the machine may be over soon."""
    if isinstance(error, SystemExit) or userconfig.is_passing(error) or userconfig.is_setting(error):
        raise error
    report.refuse(
        [
            Problem(
                "extension-needed",
                msg("{name} cannot be loaded, and nothing is served without it: {reason}", name=name, reason=_words(error)),
                msg("{command}", command=f"{shlex.quote(sys.executable)} -m pip install --force-reinstall {name.replace('_', '-')}"),
            )
        ]
    )


def _entries(value: object) -> Mapping[str, object]:
    """What a configuration assigns, or adds by `c.ServerApp.jpserver_extensions.update(…)`."""
    found = value._update if isinstance(value, LazyConfigValue) else value
    return found if isinstance(found, Mapping) else {}


def _words(error: BaseException) -> str:
    kind = type(error).__name__
    try:
        said = str(error)
    except Exception:
        # A `__str__` that fails itself.
        return kind
    text = printable(" ".join(said.split())[:LONGEST_REASON])
    # jupyter_server's own sentence.
    return text if kind == "ExtensionModuleNotFound" else f"{kind}: {text}" if text else kind


def _option(path: Path) -> str:
    """The option by which `jupyter server extension` writes beside `path`; empty where none does."""
    known = {"--user": jupyter_config_dir(), "--sys-prefix": ENV_CONFIG_PATH[0], "--system": SYSTEM_CONFIG_PATH[0]}
    return next((option for option, folder in known.items() if path.parent.parent == Path(folder)), "")


def _program() -> str:
    """`jupyter` of this environment, with its whole path: the shell in which it is pasted may know another one, or none."""
    return shlex.quote(str(Path(sysconfig.get_path("scripts")) / "jupyter"))
