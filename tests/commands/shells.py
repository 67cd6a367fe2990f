"""Real shells at a terminal, in which somebody presses TAB."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pexpect

from tests.commands.host import PATIENCE_S, Host, console_script

START = {"bash": ["--noprofile", "--norc", "-i"], "zsh": ["-f", "-i"], "fish": ["--no-config", "-i"]}
READ = {
    "bash": 'eval "$(jupyter-remotekit completion bash)"',
    "zsh": 'eval "$(jupyter-remotekit completion zsh)"',
    "fish": "jupyter-remotekit completion fish | source",
}
# A command that writes down its arguments, in the way of each shell; and a key that puts in all that could be meant, where there is one.
_SHOW = {
    "bash": "show() { printf '%s\\n' \"$@\" >shown.tmp; mv shown.tmp shown; }",
    "zsh": 'show() { print -rl -- "$@" >shown.tmp; mv shown.tmp shown; }; bindkey -e',
    "fish": "function show; string join \\n -- $argv >shown.tmp; mv shown.tmp shown; end",
}
TAB = "\t"
_LINE_START = "\x01"
_POLL_S = 0.02


@dataclass(frozen=True)
class Shell:
    """An interactive shell in the home of a host."""

    host: Host
    terminal: pexpect.spawn[str]

    @property
    def _shown(self) -> Path:
        return self.host.home / "shown"

    def do(self, line: str) -> None:
        """Run a line, and wait until it has ended."""
        self.terminal.send(f"{line}\r")
        assert self._arguments("show did\r") == ["did"]

    def complete(self, line: str, key: str = TAB) -> list[str]:
        """Type the beginning of a line and press a key; the words of the line that this comes to."""
        return self._arguments(f"{line}{key}{_LINE_START}show \r")

    def _arguments(self, typed: str) -> list[str]:
        """What `show` is handed once this is typed."""
        self._shown.unlink(missing_ok=True)
        self.terminal.send(typed)
        deadline = time.monotonic() + PATIENCE_S
        while not self._shown.exists():
            assert time.monotonic() < deadline, self.terminal.before
            # What is on the screen has to be read, or the shell waits for it.
            self.terminal.expect([pexpect.TIMEOUT, r".+"], timeout=_POLL_S)
        return self._shown.read_text().splitlines()


@contextmanager
def shell(host: Host, name: str, *before: str) -> Iterator[Shell]:
    """A shell that has run the lines `before`, and then has read our completion."""
    beside = Path(console_script()).parent
    environment = {**host.environment, "PATH": f"{beside}:{host.environment['PATH']}", "TERM": "xterm", "COLUMNS": "200"}
    terminal = pexpect.spawn(
        name, START[name], env=environment, cwd=str(host.home), encoding="utf-8", timeout=PATIENCE_S, dimensions=(50, 200)
    )
    try:
        found = Shell(host, terminal)
        for line in (_SHOW[name], *before, READ[name]):
            found.do(line)
        yield found
    finally:
        terminal.close(force=True)
