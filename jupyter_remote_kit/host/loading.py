"""Why a module cannot be loaded, and what mends that: the variable of the environment without which it can.

A library of another version on LD_LIBRARY_PATH, a user's `token.py` on PYTHONPATH or a half upgraded package below ~/.local look alike
from within, and each has another remedy. So each is tried in a process of its own, and only what has worked there is a hint.

It is asked where imports fail: of the standard library it wants only what Python itself has loaded by then.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

# What chooses libraries and modules: ld.so(8), dyld(1), python(1).
_CHOOSING = ("LD_LIBRARY_PATH", "LD_PRELOAD", "DYLD_LIBRARY_PATH", "DYLD_INSERT_LIBRARIES", "PYTHONPATH", "PYTHONHOME")
# `-m` puts the working directory first; since Python 3.11 this variable forbids it.
_FORBIDDING = ("PYTHONNOUSERSITE", "PYTHONSAFEPATH")
_SAFE = frozenset("@%+=:,./-_")
_TRIAL_S = 60.0
_POLL_S = 0.05


def reason(error: BaseException) -> str:
    """What the loader says, with the file and line where that is source text; one line."""
    if isinstance(error, SyntaxError):
        words = f"{error.filename}, line {error.lineno}: {error.msg}"
    elif isinstance(error, ImportError):
        words = str(error)
    elif lacking(error) is not None:
        words = f"{error} ({getattr(lacking(error), '__file__', '-')})"
    else:
        words = f"{type(error).__name__}: {error}{_place(error)}"
    return " ".join(words.split())


def lacking(error: BaseException) -> object | None:
    """The module that lacks what it is to have: it is another of that name, or of another version."""
    module = error.obj if isinstance(error, AttributeError) else None
    return module if isinstance(module, type(sys)) else None


def trial(error: BaseException, otherwise: str) -> str:
    """Code that fails as `error` has, in a new process; `otherwise` where it is an import that has failed."""
    module = lacking(error)
    return f"import {module.__name__}\n{module.__name__}.{error.name}" if isinstance(module, type(sys)) else otherwise  # type: ignore[attr-defined]


def mend(code: str, command: str, otherwise: Callable[[], str]) -> str:
    """What to paste so that `command`, a command line of ours, finds all that `code` imports: tried, where anything in the environment
    can be the cause; otherwise the package is to be installed once more, by what `otherwise` says.
    """
    options = next((options for options, environment in _changed(os.environ) if _runs(code, environment)), None)
    return f"env {options} {command}" if options else otherwise()


def typed(program: Callable[[], str]) -> str:
    """The command line of this process as it can be pasted; `program` says how the shell finds us, if it can be asked."""
    try:
        called = program()
    # It wants modules, too.
    except Exception:
        called = quoted(sys.argv[:1])
    return f"{called} {quoted(sys.argv[1:])}".strip()


def quoted(words: Iterable[str]) -> str:
    """As `shlex.join`, which may be what cannot be imported."""
    return " ".join(word if word and all(letter in _SAFE or letter.isalnum() for letter in word) else _in_quotes(word) for word in words)


def _in_quotes(word: str) -> str:
    return "'" + word.replace("'", "'\"'\"'") + "'"


def _changed(environ: Mapping[str, str]) -> Iterator[tuple[str, dict[str, str]]]:
    """Options of env(1), and the environment that they make: each variable alone, then all of them."""
    removed = [name for name in _CHOOSING if environ.get(name)]
    added = [name for name in _FORBIDDING if not environ.get(name)]
    for name in removed:
        yield f"-u {name}", _without(environ, name)
    for name in added:
        yield f"{name}=1", {**environ, name: "1"}
    if removed:
        options = [*(f"-u {name}" for name in removed), *(f"{name}=1" for name in added)]
        yield " ".join(options), {**_without(environ, *removed), **dict.fromkeys(added, "1")}


def _without(environ: Mapping[str, str], *names: str) -> dict[str, str]:
    return {name: value for name, value in environ.items() if name not in names}


def _runs(code: str, environment: Mapping[str, str]) -> bool:
    """Whether the code ends well in a new process. Without `subprocess`, which may be what cannot be imported."""
    if not hasattr(os, "posix_spawn"):
        return False
    import time

    # `-c` puts the working directory first as well, which a console script does not.
    argv = [sys.executable, "-c", f"import sys; sys.path[:] = filter(None, sys.path)\n{code}"]
    quiet = [(os.POSIX_SPAWN_OPEN, fd, os.devnull, os.O_RDWR, 0) for fd in (0, 1, 2)]
    pid = os.posix_spawn(sys.executable, argv, environment, file_actions=quiet)
    deadline = time.monotonic() + _TRIAL_S
    while time.monotonic() < deadline:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status) == 0
        time.sleep(_POLL_S)
    os.kill(pid, 9)
    os.waitpid(pid, 0)
    return False


def _place(error: BaseException) -> str:
    trace = error.__traceback__
    if trace is None:
        return ""
    while trace.tb_next is not None:
        trace = trace.tb_next
    return f" ({trace.tb_frame.f_code.co_filename}, line {trace.tb_lineno})"
