r"""What a host's shell is told, and the one place where words for it are quoted.

ssh hands a command to the host as one string, which the user's login shell parses: bash, zsh, fish, csh, each by rules of its own. So that
string is a constant (`session_command`), which all of them read alike. It becomes a loop of /bin/sh that reads requests from its standard
input, one a line, whose arguments `quoted` has made. One authenticated session carries every request of a connection, on each platform, and
no argument is ever in a command line of the host's shell.

The answer to each is what the request printed, then a line of its own: the session's mark, and the exit code.

The loop runs in the environment that the user's login profile makes, where that is done within its time; otherwise without it. The profile
is cut off from the session: it reads from /dev/null, and what it prints goes there.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType

PROFILE_S = 10
"""Seconds that a login profile may take; as many as VS Code gives it (`application.shellEnvironmentResolutionTimeout`)."""

PATIENT_PROFILE_S = 45
"""Seconds that it may take where the user has asked for it by name."""

# What a profile may have left in the environment that would change the loop: options of bash (SHELLOPTS), its functions (BASH_FUNC_read%%),
# and TMOUT, which is a time limit for its `read`. The loop runs nothing that is not built in, so that any PATH and LD_PRELOAD will do.
_CLEAN = """\
set +aeufCvx; unset -f cat cd command echo getent head kill printf pwd read setsid sleep wait 2>/dev/null; unset IFS TMOUT CDPATH;
case :$PATH: in *:/usr/bin:*) ;; *) PATH=$PATH:/usr/local/bin:/usr/bin:/bin; export PATH;; esac;
"""
# What is exported already stays exported when a shell assigns it: the variables of these scripts begin with `rk_`, so that a `request` or
# `code` of the user's is in every kernel as it was, and the request is not.
# Behind a profile, `$1` is the process that waits for it; 8, 7 and 6 are the session's own input, output and errors. `LC_ALL=C`: in GBK and
# Shift-JIS a backslash may be the second byte of a character.
_LOOP = (
    _CLEAN
    + """\
case $1 in ?*) exec <&8 >&7 2>&6; cd "$REMOTEKIT_DIR" 2>/dev/null; kill -s USR1 $1 || exit;; esac;
exec 6>&- 7>&- 8<&-; unset REMOTEKIT_LOOP REMOTEKIT_DIR;
while LC_ALL=C read -r rk_request; do eval "$(LC_ALL=C printf %b "$rk_request")"; rk_code=$?; echo; echo "$0 $rk_code"; done
"""
)
# The profile sets up CUDA, modules and the PATH of conda, and sshd runs a command without it. csh takes `-l` alone only, and dash knows it
# since 0.5.11.
_LOGIN = r"""
rk_run="exec /bin/sh -c \"\$REMOTEKIT_LOOP\" $0 $$"; rk_seconds=$1;
case "${SHELL##*/}" in
bash|zsh|ksh|ksh93|mksh|fish) set -- "$SHELL" -l -c "$rk_run";;
sh|dash|ash) set -- "$SHELL" -c "for rk_f in /etc/profile \"\$HOME/.profile\"; do if [ -r \"\$rk_f\" ]; then . \"\$rk_f\"; fi; done;
$rk_run";;
*) rk_seconds=0;;
esac;
"""
# USR1 comes from the loop behind the profile, ALRM when its time is over, TERM when the line is gone: `watch` reads to the end of input.
# It is not HUP, which everything ignores where sshd was started by nohup, and a shell cannot take that back.
# Nothing is sent before the greeting, and `watch` has ended by then, so one process at a time reads requests. The profile has a process
# group of its own, and is ended as by a terminal that closes: what it has started with nohup or setsid stays, as the user means it.
# The traps are set when the two helpers are there: a signal to a subshell that has not yet dropped its parent's traps is lost.
# csh looks for its history behind a `!`, in single quotes too, unless a blank follows.
_SUPERVISOR = r"""
case $rk_seconds in 0) echo; echo "$0 $$"; exec /bin/sh -c "$REMOTEKIT_LOOP" "$0";; esac;
signal() { kill -s "$@"; };
quiet() { signal TERM $rk_timer; signal TERM $rk_watch; wait $rk_watch; };
bare() { quiet; trap - USR1 ALRM HUP TERM; echo; echo "$0 $$ $*"; exec /bin/sh -c "$REMOTEKIT_LOOP" "$0" 2>&6; };
up() { case $rk_late in "") rk_served=1; quiet; echo; echo "$0 $$ used 0";; esac; };
late() { case $rk_served in "") rk_late=1; signal HUP -- -$rk_login; sleep 0.2 || sleep 1; signal KILL $rk_login; bare late 0;; esac; };
gone() { case $rk_served in "") signal HUP -- -$rk_login;; *) signal TERM $rk_login;; esac; quiet; exit 129; };
rk_late= rk_served= rk_login= rk_timer= rk_watch=; exec 6>&2 7>&1 8<&0 2>/dev/null;
{ sleep $rk_seconds & nap=$! ; trap "kill \$nap; exit" TERM; wait $nap && kill -s ALRM $$; } </dev/null >/dev/null 6>&- 7>&- 8<&-
& rk_timer=$! ;
{ read -r any; kill -s TERM $$; } <&8 >/dev/null 6>&- 7>&- 8<&- & rk_watch=$! ;
trap up USR1; trap late ALRM; trap gone HUP TERM;
if command -v setsid >/dev/null; then set -- setsid "$@"; else set -m; fi;
"$@" </dev/null >/dev/null & rk_login=$! ;
while wait $rk_login; rk_code=$?; kill -0 $rk_login; do :; done;
case $rk_served.$rk_code in 1.99) bare unfit 0;; 1.*) exit $rk_code;; *) bare ended $rk_code;; esac
"""


def _one_line(script: str) -> str:
    return " ".join(script.split("\n")).strip()


def _in_double_quotes(script: str) -> str:
    return script.replace('"', '\\"').replace("$", "\\$")


NO_INPUT, NO_OUTPUT = 97, 96
"""The exit codes of a session whose input or output is not sshd's: a file that sshd's own shell reads, as bash reads .bashrc, has closed
it, or put a file or /dev/null there. Such a session would end before its first request, or greet where `connect` does not read.
"""

# sshd gives it pipes or sockets.
_HAS_BOTH = f"""
( : 3<&0 ) 2>/dev/null || exit {NO_INPUT}; if [ -c /dev/fd/0 ] || [ -f /dev/fd/0 ]; then exit {NO_INPUT}; fi;
( : 3>&1 ) 2>/dev/null || exit {NO_OUTPUT}; if [ -c /dev/fd/1 ] || [ -f /dev/fd/1 ]; then exit {NO_OUTPUT}; fi;
"""

_SESSION = " ".join((
    _one_line(_CLEAN),
    _one_line(_HAS_BOTH),
    f'cd 2>/dev/null; export REMOTEKIT_DIR="$PWD" REMOTEKIT_LOOP="{_in_double_quotes(_one_line(_LOOP))}";',
    _one_line(_LOGIN),
    _one_line(_SUPERVISOR),
))  # fmt: skip

TIMER = "REMOTEKIT_TIMER"
# A process group of its own, which one signal ends; what is stopped, or heeds no TERM, is killed. What the shell has to say of that is
# no answer.
_TIMER = f"""\
{{ sleep "$1"; trap '' TERM; kill -s TERM 0; sleep 5; kill -s KILL 0; }} </dev/null >/dev/null 2>&1 & {TIMER}=$!; export {TIMER}; shift"""
_BOUNDED = """\
if command -v setsid >/dev/null; then set -- setsid "$@"; else set -m; fi
"$@" & rk_work=$!
exec 2>/dev/null
wait $rk_work; rk_code=$?
kill -s KILL -- -$rk_work
exit $rk_code"""

LEAVE = "exit 99"
"""The request that has a session which uses the profile go on without it; another greeting comes instead of an answer."""

_MARK = re.compile(r"remotekit-[0-9a-f]{16,64}\Z")
_TRAILER = re.compile(r"(remotekit-[0-9a-f]{16,64}) ([0-9]{1,10})\Z")
_GREETING = re.compile(r"(remotekit-[0-9a-f]{16,64}) ([0-9]{1,10})(?: (used|late|ended|unfit) ([0-9]{1,3}))?\Z")


class Profile(Enum):
    """What has become of the login profile in a session."""

    NONE = "none"
    """It was not wanted, or this login shell has none that could be read apart."""
    USED = "used"
    LATE = "late"
    """It was not done in time."""
    ENDED = "ended"
    """It ended the shell, or put another program in its place."""
    UNFIT = "unfit"
    """The session has left it (`LEAVE`)."""

    @property
    def failed(self) -> bool:
        """Whether the session goes without a profile that was wanted."""
        return self not in {Profile.NONE, Profile.USED}


@dataclass(frozen=True)
class Greeting:
    """The first line of a session: its process id, what has become of the profile, and the exit code of one that ended."""

    pid: int
    profile: Profile = Profile.NONE
    code: int = 0


def mark(random_hex: str) -> str:
    """What tells a session's own lines from all that a profile, or a program, may print."""
    return f"remotekit-{random_hex}"


def session_command(session_mark: str, profile_s: int = PROFILE_S) -> str:
    """The one command that ssh ever gives a host: the loop, which greets when it is ready. Raises `ValueError` for no mark.

    The login profile has `profile_s` seconds; with 0 it is not read.
    """
    if not _MARK.match(session_mark):
        raise ValueError(session_mark)
    return f"exec /bin/sh -c '{_SESSION}' {session_mark} {int(profile_s)}"


def greeting(line: str, session_mark: str) -> Greeting | None:
    """What a session says when it is ready; `None` for any other line."""
    match = _GREETING.match(line)
    if match is None or match[1] != session_mark:
        return None
    return Greeting(int(match[2]), Profile(match[3] or "none"), int(match[4] or 0))


def trailer(line: str, session_mark: str) -> int | None:
    """The exit code at the end of an answer; `None` for any other line."""
    match = _TRAILER.match(line)
    return int(match[2]) if match and match[1] == session_mark else None


def framed(script: str) -> bytes:
    """A request: the script in one line, as `printf %b` reads it."""
    line = script.replace("\\", "\\\\").replace("\n", "\\n")
    return f"{line}\n".encode()


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


def bounded(script: str, argv: tuple[str, ...], variables: Mapping[str, str], seconds: int) -> str:
    """As `with_arguments`, for a script that is ended after so many seconds, with all that it has started and not let go (setsid).

    That is done on the host, also where nobody waits for the answer any more. The script finds the process that does it in
    `REMOTEKIT_TIMER`, and may end that. When it has ended by itself, what it leaves in its process group ends with it.
    """
    exported = "".join(f"export {name}={quoted((value,))}; " for name, value in variables.items())
    within = quoted(("/bin/sh", "-c", f"{_TIMER}\n{script}", "sh", str(int(seconds)), *argv))
    return f"( {exported}set -- {within}\n{_BOUNDED}\n) </dev/null 2>&1"


def receiving(script: str, argv: tuple[str, ...], size: int) -> str:
    """As `with_arguments`, for a script that reads the `size` bytes which follow the request."""
    return f"head -c {int(size)} | ( set -- {quoted(argv)}\n{script}\n) 2>&1"


def looking_after(pid: int) -> str:
    """A request that does nothing, and succeeds while that process of this user is there."""
    return f"kill -0 {int(pid)} 2>/dev/null"


def ending(pid: int, session_mark: str) -> str:
    """A request that ends an earlier session of ours, which a line that was cut has left behind; no other process by that number."""
    look = f'"$(ps -o args= -p {int(pid)} 2>/dev/null)"'
    return f"( case {look} in *{session_mark}*) kill -TERM {int(pid)} 2>/dev/null;; esac; exit 0 ) </dev/null"
