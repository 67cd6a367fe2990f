"""What ssh said when it ended, as one sentence with what to do. OpenSSH's words are the same in every locale.

Sources: OpenSSH 9.2 `sshconnect.c`, `sshconnect2.c`, `ssh.c`, `channels.c`.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from jupyter_remote_kit.errors import Problem
from jupyter_remote_kit.messages import Message, msg
from jupyter_remote_kit.plan.shell import NO_INPUT, NO_OUTPUT
from jupyter_remote_kit.plan.target import Target
from jupyter_remote_kit.plan.terminal import printable


@dataclass(frozen=True)
class Trouble:
    """Why there is no line. `lasting`: trying again helps nobody; `asks`: it may work where a person can answer a question."""

    problem: Problem
    lasting: bool = False
    asks: bool = False


_CHANGED_KEY = re.compile(r"REMOTE HOST IDENTIFICATION HAS CHANGED|Host key for .+ has changed|host key .*revoked", re.IGNORECASE)
# By the name under which it is known: an alias, an address, a port in brackets, or a jump host's.
_KEY_OF = re.compile(r"Host key for (\S+) has changed")
_UNKNOWN_KEY = re.compile(r"Host key verification failed|No \S+ host key is known for")
_REFUSED = re.compile(r"Permission denied|Too many authentication failures|No supported authentication methods|Authentication failed")
_PROHIBITED = re.compile(
    r"administratively prohibited|(?<!stdio )forwarding (?:failed|request denied)|Allocated port .* refused", re.IGNORECASE
)
# A jump host has let us in, and did not get further itself.
_BEHIND_JUMP = "stdio forwarding failed"
# The host itself has said nothing yet: who has refused is a jump host before it.
_NO_GREETING = re.compile(r"(?:kex|ssh)_exchange_identification: ")
_NOT_OPENED = re.compile(r"channel \d+: open failed: ")
_NO_NAME = re.compile(r"Could not resolve hostname|Name or service not known|Temporary failure in name resolution")
_BAD_CONFIG = re.compile(r"Bad configuration option|terminating, \d+ bad configuration options|Bad owner or permissions on")
# The line of the file that is meant; how many there are comes after it.
_BAD_LINE = re.compile(r"\bline \d+: |Bad owner")
# Said beside the reason, or of no consequence.
_NOISE = re.compile(
    r"\*\* |Warning: Permanently added|Connection to .* closed|Killed by signal|mux_|ControlSocket|channel \d+: |Pseudo-terminal|"
    r"stdio forwarding failed|UNKNOWN port 65535"
)


def explain(target: Target, said: Sequence[str], *, batch: bool) -> Trouble:
    """The reason among the last lines that ssh has said (none: the line was cut)."""
    text = "\n".join(said)
    by_hand, host = _by_hand(target), str(target)
    if _CHANGED_KEY.search(text):
        return Trouble(
            Problem(
                "host-key-changed",
                msg("ssh refuses {host}, since its key is another than before: {words}", host=host, words=_words(said, _CHANGED_KEY)),
                msg("Ask who runs the host whether its key was changed; only then: ssh-keygen -R {name}", name=_known_as(target, text)),
            ),
            lasting=True,
        )
    if _UNKNOWN_KEY.search(text):
        return Trouble(
            Problem(
                "host-key-unknown",
                msg("ssh does not know the key of {host}: {words}", host=host, words=_words(said, _UNKNOWN_KEY)),
                by_hand,
            ),
            lasting=True,
            asks=batch,
        )
    if _REFUSED.search(text) and _NO_GREETING.search(text):
        message = msg("The jump host of {host} lets nobody in by these keys or passwords: {words}", host=host, words=_words(said, _REFUSED))
        return Trouble(Problem("ssh-refused", message, by_hand), lasting=True, asks=batch)
    if _REFUSED.search(text):
        message = msg("{host} lets nobody in by these keys or passwords: {words}", host=host, words=_words(said, _REFUSED))
        copy = msg("Add your key to the host, or load it into the agent: ssh-copy-id {host}", host=_typed(target))
        return Trouble(Problem("ssh-refused", message, copy), lasting=True, asks=batch)
    if _BAD_CONFIG.search(text):
        return Trouble(
            Problem("ssh-config", msg("ssh does not take its configuration: {words}", words=_words(said, _BAD_LINE)), by_hand), lasting=True
        )
    if _PROHIBITED.search(text):
        return Trouble(no_forwarding(target), lasting=True)
    return _unreached(target, said)


def _unreached(target: Target, said: Sequence[str]) -> Trouble:
    """The host itself has not had a say; another try may help."""
    text, host, words, by_hand = "\n".join(said), str(target), _words(said), _by_hand(target)
    if _BEHIND_JUMP in text:
        words = _words(said, _NOT_OPENED)
        return Trouble(Problem("jump-failed", msg("The jump host does not reach {host}: {words}", host=host, words=words), by_hand))
    if _NO_NAME.search(text):
        return Trouble(Problem("host-unknown", msg("There is no host by the name of {host}: {words}", host=host, words=words), by_hand))
    if words:
        return Trouble(Problem("ssh-failed", msg("ssh reached no shell on {host}: {words}", host=host, words=words), by_hand))
    return cut(target, said)


def cut(target: Target, said: Sequence[str]) -> Trouble:
    """A line is gone that was there; nothing of what a profile has said counts as a reason."""
    words = _words(said)
    message = msg("The line to {host} was cut: {words}", host=str(target), words=words) if words else None
    return Trouble(Problem("line-cut", message or msg("The line to {host} was cut.", host=str(target)), _by_hand(target)))


def no_shell(target: Target, printed: str, said: Sequence[str], code: int) -> Trouble:
    """The host has let us in, but its shell ended before it did anything; `printed` is its last line."""
    if code in {NO_INPUT, NO_OUTPUT}:
        return Trouble(_taken_away(target, code))
    words = printable(printed) or _words(said) or f"exit code {code}"
    return Trouble(
        Problem("no-shell", msg("The login shell of {host} runs no commands: {words}", host=str(target), words=words), _by_hand(target))
    )


def _taken_away(target: Target, code: int) -> Problem:
    host = str(target)
    return Problem(
        "no-shell",
        msg("What the login shell of {host} reads takes the input of every command away, as `exec 0</dev/null` does.", host=host)
        if code == NO_INPUT
        else msg("What the login shell of {host} reads takes the output of every command away, as `exec >/dev/null` does.", host=host),
        msg(
            "Have it do so for terminals alone; the line may be one of these: {command}",
            command=f"{_ssh(target)} 'grep -sn exec .bashrc .zshenv .config/fish/config.fish'",
        ),
    )


def slow_shell(target: Target, seconds: int) -> Trouble:
    """The host has let us in, but its shell does nothing: what it reads before any command, such as `.bashrc`, does not come to an end."""
    message = msg("The shell of {host} did not answer within {seconds} s.", host=str(target), seconds=seconds)
    hint = msg("Its .bashrc, .zshenv or config.fish may wait; this should end at once, too: {command}", command=f"{_ssh(target)} 'echo ok'")
    return Trouble(Problem("shell-hangs", message, hint))


def silent(target: Target) -> Trouble:
    """The line is there, but nothing comes over it."""
    return Trouble(Problem("line-silent", msg("{host} gives no sign of life.", host=str(target)), _by_hand(target)))


def no_forwarding(target: Target) -> Problem:
    """The host's sshd forwards no ports."""
    return Problem(
        "no-forwarding",
        msg("The ssh server of {host} forwards no ports.", host=str(target)),
        msg("Ask who runs it for these lines in sshd_config: AllowTcpForwarding local, PermitOpen any"),
    )


def prohibits_forwarding(said: Sequence[str]) -> bool:
    """Whether ssh has said that the host does not forward."""
    return any(_PROHIBITED.search(line) for line in said)


def not_opened(said: Sequence[str]) -> bool:
    """Whether ssh has said that the host did not open the other end of a forwarding; for a UNIX socket it does not say why."""
    return any(_NOT_OPENED.search(line) for line in said)


def _by_hand(target: Target) -> Message:
    return msg("Try it by hand: {command}", command=_ssh(target))


def _known_as(target: Target, said: str) -> str:
    """The name whose key is another one, as `ssh-keygen -R` takes it."""
    told = _KEY_OF.search(said)
    name = printable(told[1]) if told else f"[{target.host}]:{target.port}" if target.port else target.host
    return shlex.quote(name)


def _ssh(target: Target) -> str:
    return f"ssh {_typed(target)}"


def _typed(target: Target) -> str:
    """What a person types behind `ssh` and `ssh-copy-id`."""
    port = f"-p {target.port} " if target.port else ""
    return f"{port}{shlex.quote(f'{target.user}@{target.host}' if target.user else target.host)}"


def _words(said: Sequence[str], reason: re.Pattern[str] | None = None) -> str:
    """The line that holds the reason, else the last that means something, fit for a terminal."""
    lines = [line.strip(" @\t\r") for line in said if line.strip(" @\t\r")]
    found = [line for line in lines if reason is not None and reason.search(line)]
    found = found or [line for line in lines if not _NOISE.search(line)]
    return printable(found[-1]) if found else ""
