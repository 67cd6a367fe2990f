"""Completes a command line: click finds the words, and the scripts in `templates/completion` ask for them and show them.

A script says in COMP_LINE what stands before the cursor. It is answered by lines of a type, a word and its meaning, with tabs between; the
type is `plain`, or `file` or `dir` where the shell is to go on by itself.
"""

from __future__ import annotations

import os
import shlex
from pathlib import Path

from click.shell_completion import CompletionItem, ShellComplete, add_completion_class

from jupyter_remote_kit.plan.terminal import printable

TEMPLATES = Path(__file__).parent.parent / "templates" / "completion"
LINE_VARIABLE = "COMP_LINE"


class _Completion(ShellComplete):
    """All shells speak alike."""

    # click asks for one; ours is a file.
    source_template = ""

    def source(self) -> str:
        """The script that a shell reads once."""
        return (TEMPLATES / self.name).read_text(encoding="utf-8")

    def get_completion_args(self) -> tuple[list[str], str]:
        """The arguments before the one at the cursor, and as much of that as stands before the cursor."""
        return arguments(os.environ.get(LINE_VARIABLE, ""))

    def get_completions(self, args: list[str], incomplete: str) -> list[CompletionItem]:
        """Whole words: click leaves the option out of `--option=value`."""
        found = super().get_completions(args, incomplete)
        option, equals, _ = incomplete.partition("=")
        if not equals or not option.startswith("--"):
            return found
        return [CompletionItem(f"{option}={item.value}", item.type, item.help) for item in found]

    def format_completion(self, item: CompletionItem) -> str:
        """One line."""
        return "\t".join((item.type, item.value, printable(item.help or "")))


class _Bash(_Completion):
    name = "bash"


class _Zsh(_Completion):
    name = "zsh"


class _Fish(_Completion):
    name = "fish"


SHELLS = {kind.name: kind for kind in (_Bash, _Zsh, _Fish)}


def register() -> None:
    """Have click answer by these, and not by its own."""
    for kind in SHELLS.values():
        add_completion_class(kind)


def arguments(line: str) -> tuple[list[str], str]:
    """What `line`, the part of a command line before the cursor, holds for the kit: whole arguments, and the beginning of the last."""
    words = _words(line)
    last = words.pop() if words and not line[-1:].isspace() else ""
    return words[_first_argument(words) :], last


def _words(line: str) -> list[str]:
    """As a shell splits it; a quote that is still open counts up to the end."""
    reader = shlex.shlex(line, posix=True, punctuation_chars=False)
    reader.whitespace_split = True
    reader.commenters = ""
    words: list[str] = []
    try:
        words.extend(reader)
    except ValueError:
        words.append(reader.token)
    return words


def _first_argument(words: list[str]) -> int:
    """Behind `jupyter-remotekit` or `jupyter remotekit`, which may have a path, and `sudo` before it."""
    for index, word in enumerate(words):
        program = word.rpartition("/")[2]
        if program == "jupyter-remotekit":
            return index + 1
        if program == "jupyter" and words[index + 1 : index + 2] == ["remotekit"]:
            return index + 2
    return len(words)
