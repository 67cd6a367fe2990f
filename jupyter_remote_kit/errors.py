"""What can go wrong, as one sentence and one hint; the edges map it to an exit code or an HTTP status."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

from jupyter_remote_kit.messages import Message, msg

if TYPE_CHECKING:
    from typing_extensions import Self


class ExitCode(IntEnum):
    """Exit codes of every command, see README.md. `REFUSED` is EX_CONFIG of sysexits.h: systemd is told never to restart on it."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    REFUSED = 78


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong.

    `code` is stable and in kebab-case, for programs; `message` is one sentence with the value that is wrong; `hint` is what to paste
    into the shell, or to do.
    """

    code: str
    message: Message
    hint: Message | None = None


class RemoteKitError(Exception):
    """A failure that a user can act on. Subclasses say which exit code it means."""

    exit_code = ExitCode.FAILED

    def __init__(self, *problems: Problem) -> None:
        super().__init__("; ".join(str(problem.message) for problem in problems))
        self.problems = problems

    @classmethod
    def of(cls, code: str, message: Message, hint: Message | None = None) -> Self:
        """The common case: one problem."""
        return cls(Problem(code, message, hint))


class Failed(RemoteKitError):
    """The machine did not do what was asked: a full disk, a port that is taken, a process that does not answer."""


def of_system(error: OSError) -> Failed:
    """What the operating system refused, as a failure like others."""
    reason = f"{error.filename}: {error.strerror}" if error.filename else str(error)
    return Failed.of("os-error", msg("The operating system refused: {reason}", reason=reason))


class WrongUsage(RemoteKitError):
    """The command line alone suffices to reject it."""

    exit_code = ExitCode.USAGE


class Refused(RemoteKitError):
    """Refused by policy, or by a broken configuration on this machine."""

    exit_code = ExitCode.REFUSED
