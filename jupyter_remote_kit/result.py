"""What every command returns, and the one JSON envelope in which it is printed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from jupyter_remote_kit.errors import ExitCode, Problem, RemoteKitError
from jupyter_remote_kit.messages import Message, Translate


@dataclass(frozen=True)
class Result:
    """The outcome of one command.

    `data` is JSON-able and free of secrets, unless showing them is the command's purpose. `messages` are sentences for people, in
    order; `rows` are labelled values for people, shown aligned after them; `blocks` are texts shown verbatim, such as a QR code.
    `problems` beside exit code 0 are warnings.
    """

    command: str
    data: Mapping[str, Any] = field(default_factory=dict)
    messages: tuple[Message, ...] = ()
    rows: tuple[tuple[Message, str], ...] = ()
    blocks: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()
    exit_code: ExitCode = ExitCode.DONE

    @property
    def ok(self) -> bool:
        """Whether the command did what was asked; nothing to do counts."""
        return self.exit_code is ExitCode.DONE

    @classmethod
    def from_error(cls, command: str, error: RemoteKitError) -> Result:
        """The result of a command that raised."""
        return cls(command, problems=error.problems, exit_code=error.exit_code)

    def envelope(self, translate: Translate) -> dict[str, Any]:
        """The object that `--json` prints, its sentences in the language of `translate`."""
        return {
            "command": self.command,
            "ok": self.ok,
            "data": dict(self.data),
            "messages": [message.render(translate) for message in self.messages],
            "problems": [
                {
                    "code": problem.code,
                    "message": problem.message.render(translate),
                    "hint": problem.hint.render(translate) if problem.hint else None,
                }
                for problem in self.problems
            ],
        }


@dataclass(frozen=True)
class Line:
    """One line of a stream: `text` is what people read, `data` the JSON object that `--json` prints in its place."""

    text: str
    data: Mapping[str, Any]


@dataclass(frozen=True)
class Stream:
    """The outcome of a command that goes on: each line is printed as it comes, until there are no more, or the user interrupts it.

    `None` among the lines says that there is none for the moment.
    """

    command: str
    lines: Iterator[Line | None]
