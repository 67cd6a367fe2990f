r"""What a host's shell is told, and the one place where words for it are quoted.

ssh hands a command to the host as one string, which the user's login shell parses: bash, zsh, fish, csh, each by rules of its own. So that
string is a constant (`session_command`), which all of them read alike. It becomes a loop of /bin/sh that reads requests from its standard
input: a line with a length, then that many bytes of POSIX shell, whose arguments `quoted` has made. One authenticated session carries every
request of a connection, on each platform, and no argument is ever in a command line of the host's shell.

The answer to each is what the request printed, then a line of its own: the session's mark, and the exit code.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from types import MappingProxyType

# `head -c` may read further than it was told, but there is nothing further: the next request is sent when this one is answered.
_LOOP = (
    r"unset REMOTEKIT_LOOP; printf \"\\n%s %s\\n\" \"\$0\" \"\$\$\"; "
    r"while read -r n; do eval \"\$(head -c \"\$n\")\"; printf \"\\n%s %s\\n\" \"\$0\" \"\$?\"; done"
)
# The user's profile sets up CUDA, modules and the PATH of conda, and sshd runs a command without it. csh takes `-l` alone only.
_SESSION = (
    f'export REMOTEKIT_LOOP="{_LOOP}"; '
    r'case "${SHELL##*/}" in bash|zsh|ksh|fish) exec "$SHELL" -l -c "exec /bin/sh -c \"\$REMOTEKIT_LOOP\" $0";; esac; '
    r'exec /bin/sh -c "$REMOTEKIT_LOOP" "$0"'
)
_MARK = re.compile(r"remotekit-[0-9a-f]{16,64}\Z")
_TRAILER = re.compile(r"(remotekit-[0-9a-f]{16,64}) ([0-9]{1,10})\Z")


def mark(random_hex: str) -> str:
    """What tells a session's own lines from all that a profile, or a program, may print."""
    return f"remotekit-{random_hex}"


def session_command(session_mark: str) -> str:
    """The one command that ssh ever gives a host: the loop, which prints `mark pid` when it is ready. Raises `ValueError` for no mark."""
    if not _MARK.match(session_mark):
        raise ValueError(session_mark)
    return f"exec /bin/sh -c '{_SESSION}' {session_mark}"


def trailer(line: str, session_mark: str) -> int | None:
    """The number at the end of an answer (its exit code; at the beginning of a session, its process id); `None` for any other line."""
    match = _TRAILER.match(line)
    return int(match[2]) if match and match[1] == session_mark else None


def framed(script: str) -> bytes:
    """A request: its length in bytes, and the script."""
    data = script.encode()
    return b"%d\n%s" % (len(data), data)


def quoted(argv: tuple[str, ...]) -> str:
    """Words of a POSIX shell that stand for exactly these arguments. Raises `ValueError` for a zero byte, which no argument can hold."""
    if any("\0" in word for word in argv):
        raise ValueError
    return shlex.join(argv)


def running(argv: tuple[str, ...]) -> str:
    """A request that runs `argv`, its standard error beside its output, with nothing to read."""
    return f"( exec {quoted(argv)} ) </dev/null 2>&1"


def with_arguments(script: str, argv: tuple[str, ...], variables: Mapping[str, str] = MappingProxyType({})) -> str:
    """A request that runs a constant script of ours on these arguments (`$1` and so on), with nothing to read.

    `variables` are laid over its environment; their names are ours, too.
    """
    exported = "".join(f"export {name}={quoted((value,))}; " for name, value in variables.items())
    return f"( {exported}set -- {quoted(argv)}\n{script}\n) </dev/null 2>&1"


def receiving(script: str, argv: tuple[str, ...], size: int) -> str:
    """As `with_arguments`, for a script that reads the `size` bytes which follow the request."""
    return f"head -c {int(size)} | ( set -- {quoted(argv)}\n{script}\n) 2>&1"


def looking_after(pid: int) -> str:
    """A request that does nothing, and succeeds while that process of this user is there."""
    return f"kill -0 {int(pid)} 2>/dev/null"


def ending(pid: int, session_mark: str) -> str:
    """A request that ends an earlier session of ours, which a line that was cut has left behind; no other process by that number."""
    look = f'"$(ps -o args= -p {int(pid)} 2>/dev/null)"'
    return f"( case {look} in *{session_mark}*) kill -HUP {int(pid)} 2>/dev/null;; esac; exit 0 ) </dev/null"
