"""What ssh said when it ended, as one sentence with what to do. OpenSSH's words are the same in every locale.

Sources: OpenSSH 9.2 `sshconnect.c`, `sshconnect2.c`, `ssh.c`, `channels.c`.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from jupyter_remote_kit.errors import Problem
from jupyter_remote_kit.messages import msg
from jupyter_remote_kit.plan.target import Target
from jupyter_remote_kit.plan.terminal import printable


@dataclass(frozen=True)
class Trouble:
    """Why there is no line. `lasting`: trying again helps nobody; `asks`: it may work where a person can answer a question."""

    problem: Problem
    lasting: bool = False
    asks: bool = False


_CHANGED_KEY = re.compile(r"REMOTE HOST IDENTIFICATION HAS CHANGED|Host key for .+ has changed|host key .*revoked", re.IGNORECASE)
_UNKNOWN_KEY = re.compile(r"Host key verification failed|No \S+ host key is known for")
_REFUSED = re.compile(r"Permission denied|Too many authentication failures|No supported authentication methods|Authentication failed")
_PROHIBITED = re.compile(r"administratively prohibited|forwarding (?:failed|request denied)|Allocated port .* refused", re.IGNORECASE)
_NO_NAME = re.compile(r"Could not resolve hostname|Name or service not known|Temporary failure in name resolution")
_BAD_CONFIG = re.compile(r"Bad configuration option|terminating, \d+ bad configuration options|Bad owner or permissions on")
# Said beside the reason, or of no consequence.
_NOISE = re.compile(
    r"\*\* |Warning: Permanently added|Connection to .* closed|Killed by signal|mux_|ControlSocket|channel \d+: |Pseudo-terminal"
)


def explain(target: Target, said: Sequence[str], *, batch: bool) -> Trouble:
    """The reason among the last lines that ssh has said (none: the line was cut)."""
    text = "\n".join(said)
    line = f"ssh {shlex.join(target.words)}" if target.user or target.port else f"ssh {shlex.quote(target.host)}"
    by_hand = msg("Try it by hand: {command}", command=line)
    host, words = str(target), _words(said)
    if _CHANGED_KEY.search(text):
        return Trouble(
            Problem(
                "host-key-changed",
                msg("ssh refuses {host}, since its key is another than before: {words}", host=host, words=_words(said, _CHANGED_KEY)),
                msg(
                    "Ask who runs the host whether its key was changed; only then: ssh-keygen -R {name}",
                    name=shlex.quote(f"[{target.host}]:{target.port}" if target.port else target.host),
                ),
            ),
            lasting=True,
        )
    if _UNKNOWN_KEY.search(text):
        return Trouble(
            Problem("host-key-unknown", msg("ssh does not know the key of {host}: {words}", host=host, words=words), by_hand),
            lasting=True,
            asks=batch,
        )
    if _REFUSED.search(text):
        message = msg("{host} lets nobody in by these keys or passwords: {words}", host=host, words=_words(said, _REFUSED))
        copy = msg("Add your key to the host, or load it into the agent: ssh-copy-id {host}", host=_copy_id(target))
        return Trouble(Problem("ssh-refused", message, copy), lasting=True, asks=batch)
    if _BAD_CONFIG.search(text):
        return Trouble(Problem("ssh-config", msg("ssh does not take its configuration: {words}", words=words), by_hand), lasting=True)
    if _PROHIBITED.search(text):
        return Trouble(no_forwarding(target), lasting=True)
    if _NO_NAME.search(text):
        return Trouble(Problem("host-unknown", msg("There is no host by the name of {host}: {words}", host=host, words=words), by_hand))
    if words:
        return Trouble(Problem("ssh-failed", msg("ssh reached no shell on {host}: {words}", host=host, words=words), by_hand))
    return Trouble(Problem("line-cut", msg("The line to {host} was cut.", host=host), by_hand))


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


def _copy_id(target: Target) -> str:
    port = f"-p {target.port} " if target.port else ""
    return f"{port}{shlex.quote(f'{target.user}@{target.host}' if target.user else target.host)}"


def _words(said: Sequence[str], reason: re.Pattern[str] | None = None) -> str:
    """The line that holds the reason, else the last that means something, fit for a terminal."""
    lines = [line.strip(" @\t\r") for line in said if line.strip(" @\t\r") and not _NOISE.search(line)]
    found = [line for line in lines if reason is not None and reason.search(line)] or lines[-1:]
    return printable(found[-1]) if found else ""
