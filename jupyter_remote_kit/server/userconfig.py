"""A configuration of the user's that cannot be used ends the start with one line and 78, of which systemd knows that it mends nothing.

`plan.userconfig` finds what reading the files tells; this is for what only running them does: an undefined name, a trait of another type.
Without it jupyter_server ends with 1 and a traceback, and is started five times. What is no fault of the configuration (a full disk, a
port that is taken, a defect) goes on as it would.
"""

from __future__ import annotations

import logging
import re
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from jupyter_server.extension.application import ExtensionApp
from jupyter_server.serverapp import ServerApp
from traitlets import TraitError
from traitlets.config.loader import Config, ConfigFileNotFound, FileConfigLoader, JSONFileConfigLoader, PyFileConfigLoader

from jupyter_remote_kit.errors import ExitCode, Problem, RemoteKitError
from jupyter_remote_kit.messages import Message, msg
from jupyter_remote_kit.plan import userconfig
from jupyter_remote_kit.plan.assignments import Assignment, assignments
from jupyter_remote_kit.plan.facts import ConfigText
from jupyter_remote_kit.server import applied, report

F = TypeVar("F", bound=FileConfigLoader)
# The files, those that count more later, each with what is in it.
Read = dict[Path, Config]

# A path that is not there, or not for this user. Any other error of the system (a full disk, a network that is not up) may be over soon.
LASTING = (FileNotFoundError, PermissionError, NotADirectoryError, IsADirectoryError, FileExistsError)
SECRETS = re.compile(r"token|password|secret", re.IGNORECASE)
_GUARDED = frozenset({"ServerApp", "RemoteKit", "IdentityProvider"})
_FIX = msg("Fix that line; the file was not overwritten")


class Unreadable(BaseException):
    """A configuration file of the server's was not read; it may be the one that held the safe setting.

    `problem` says why; `None` where the cause is an error of the machine. No `Exception`, which traitlets would log, to skip the file.
    """

    def __init__(self, problem: Problem | None) -> None:
        super().__init__(str(problem.message) if problem else "")
        self.problem = problem

    def refuse(self) -> NoReturn:
        """End the start with the problem, or with the machine's error."""
        if self.problem is None:
            raise self.__cause__ or self
        report.refuse([self.problem])


@contextmanager
def refusing() -> Iterator[Read]:
    """Within, a start that the user's configuration ends is refused; yields what is read of it.

    Only the files of the server and of its extensions, which may all set what belongs to ServerApp: what else of Jupyter reads its
    configuration in this process (nbconvert's applications) takes it as it would without us. And so do kernels, which would inherit
    `TRAITLETS_APPLICATION_RAISE_CONFIG_FILE_ERROR`: with it IPython ends at an `ipython_config.py` that has an error in it.
    """
    read = _strictly_read()
    _hide_values()
    try:
        yield read
    except Unreadable as error:
        error.refuse()
    except RemoteKitError as error:
        report.refuse(error.problems, error.exit_code)
    except SystemExit as end:
        # traitlets has logged it, and ends with 1 (`catch_config_error`).
        if end.code == ExitCode.FAILED and isinstance(end.__context__, TraitError):
            report.refuse([_misconfigured(end.__context__, read)])
        raise
    except Exception as error:
        if _is_lasting(error) and applied.place(error) is not None:
            report.refuse([_misconfigured(error, read)])
        raise


def _strictly_read() -> Read:
    """What will be read of the files of the server and its extensions, from now on strictly."""
    read: Read = {}
    python, json = _noting(PyFileConfigLoader, read), _noting(JSONFileConfigLoader, read)
    for kind in (ServerApp, ExtensionApp):
        kind.python_config_loader_class, kind.json_config_loader_class = python, json
        # In the place of the trait of `Application`, as IPython sets it (core/application.py, `load_config_file`).
        kind.raise_config_file_errors = True  # type: ignore[assignment]
    return read


# -- what a failing extension asks ----------------------------------------------------------------------------------------------------


def is_of_the_server(error: BaseException, read: Read) -> bool:
    """Whether it is a setting of the server, of who gets in or of the kit that a file sets and that cannot be used."""
    place = applied.place(_cause(error))
    return place is not None and bool(place.sections & _GUARDED) and _source(place, read)[0] is not None


def is_setting(error: BaseException) -> bool:
    """Whether it was raised while a configuration was applied."""
    return applied.place(_cause(error)) is not None


def is_passing(error: BaseException) -> bool:
    """Whether it may be over soon: an error of the machine."""
    return not _is_lasting(error)


def said(error: BaseException, read: Read) -> Message | None:
    """What could not be set, with file and line; `None` where it was nothing of the kind."""
    cause = _cause(error)
    return _misconfigured(cause, read).message if applied.place(cause) is not None else None


def _cause(error: BaseException) -> BaseException:
    """traitlets ends with 1 for a setting that cannot be made (`catch_config_error`)."""
    return error.__context__ if isinstance(error, SystemExit) and isinstance(error.__context__, TraitError) else error


# -- a file that cannot be read ------------------------------------------------------------------------------------------------------


def _noting(loader: type[F], read: Read) -> type[F]:
    """`loader`, which puts what it has read into `read`, and raises `Unreadable` for those that it cannot."""

    class Noting(loader):  # type: ignore[misc, valid-type]  # two loaders, one habit
        def load_config(self) -> Config:
            try:
                config: Config = super().load_config()
            # It may be absent. Of a file that this one loads (`load_subconfig`) all is said already: `Unreadable` goes through.
            except ConfigFileNotFound:
                raise
            except (Exception, SystemExit) as error:
                raise Unreadable(_unreadable(Path(self.full_filename), error) if _is_lasting(error) else None) from error
            path = Path(self.full_filename)
            # JSON may hold what a .py cannot assign; jupyter_server would stumble over it in a place of its own.
            for name, value in config.items():
                if name[:1].isupper() and not isinstance(value, Config):
                    raise Unreadable(Problem(userconfig.BROKEN, _said(path, None, msg("{name} is no section", name=name)), _FIX))
            # Anew where it is read again: an extension's own files count more than those of the server.
            read.pop(path, None)
            read[path] = config
            return config

    return Noting


def _unreadable(path: Path, error: BaseException) -> Problem:
    """Why the file at `path` ended with `error`, with the line: the parser's, or the last one of the file that ran."""
    try:
        found = userconfig.findings([ConfigText(path, path.read_bytes())])
    except OSError:
        found = ()
    for problem in found:
        if problem.code == userconfig.BROKEN:
            return problem
    ran = [row.lineno for row in traceback.extract_tb(error.__traceback__) if row.filename == str(path)]
    return Problem(userconfig.BROKEN, _said(path, ran[-1] if ran else None, _reason(error)), _FIX)


# -- a setting that cannot be made ---------------------------------------------------------------------------------------------------


def _misconfigured(error: BaseException, read: Read) -> Problem:
    """What could not be set, and in which line of what was `read` it is."""
    place = applied.place(error)
    if place is None:
        return Problem(userconfig.BROKEN, msg("The configuration cannot be used: {reason}", reason=_reason(error)))
    reason: str | Message = msg("its value cannot be used") if _is_secret(place) else _reason(error)
    path, line = _source(place, read)
    if path is None:
        sentence = msg("{owner}.{trait} cannot be set: {reason}", owner=place.owner, trait=place.trait, reason=reason)
        return Problem(userconfig.BROKEN, sentence, _look(place.trait))
    return Problem(userconfig.BROKEN, _said(path, line, reason), _FIX)


def _hide_values() -> None:
    """Keep what traitlets logs of such an error (`catch_config_error`) from telling a secret's value: redaction knows those in force."""
    make = logging.getLogRecordFactory()

    def made(*args: Any, **kwargs: Any) -> logging.LogRecord:
        record = make(*args, **kwargs)
        error = record.args[0] if isinstance(record.args, tuple) and record.args else None
        if isinstance(error, TraitError) and (place := applied.place(error)) and _is_secret(place):
            record.args = (f"{place.owner}.{place.trait}",)
        return record

    logging.setLogRecordFactory(made)


def _is_secret(place: applied.Setting) -> bool:
    return bool(SECRETS.search(place.trait))


def _source(setting: applied.Setting, read: Read) -> tuple[Path | None, int | None]:
    """File and line of the last assignment to `setting`, without the line where reading the file does not tell it."""
    for path, config in reversed(read.items()):
        found = [assignment.line for assignment in _assignments(path) if setting.is_set_by(assignment)]
        if found:
            return path, max(found)
        if any(config._has_section(section) and setting.trait in config[section] for section in setting.sections):
            return path, None
    return None, None


def _assignments(path: Path) -> list[Assignment]:
    try:
        return list(assignments(ConfigText(path, path.read_bytes())))
    # It was read a moment ago; whatever has happened to it since.
    except (OSError, ValueError, SyntaxError, RecursionError, MemoryError):
        return []


def _is_lasting(error: BaseException) -> bool:
    """Whether it would be the same a minute later: no error of the machine is among its causes."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, MemoryError) or (isinstance(cause, OSError) and not isinstance(cause, LASTING)):
            return False
        cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)
    return True


# -- words ---------------------------------------------------------------------------------------------------------------------------


def _reason(error: BaseException) -> str:
    """As Python's last line says it; traitlets' sentences stand for themselves."""
    text = " ".join(str(error).split())
    return text if isinstance(error, TraitError) else f"{type(error).__name__}: {text}"


def _said(path: Path, line: int | None, reason: str | Message) -> Message:
    if line is None:
        return msg("{path}: {reason}", path=path, reason=reason)
    return msg("{path}, line {line}: {reason}", path=path, line=line, reason=reason)


def _look(word: str) -> Message:
    return msg("Look for {word} in the folders of the configuration: jupyter --paths", word=word)
