"""How this kit, and pip for its environment, are called in the shell of the person who reads a hint.

`jupyter remotekit …` works where the `jupyter` that the PATH finds first is this environment's. What words a command is pure and cannot
know: the edge that starts the process says by `settle` how to find out, and until then commands are as the documentation has them.
Commands for another machine, such as `jupyter remotekit trust` on the laptop, are always as the documentation has them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Invocation:
    """Each is quoted for the user's shell: what stands before our own commands, before Jupyter's, before packages to install beside
    this one, and what that calls this one.
    """

    program: str = "jupyter remotekit"
    jupyter: str = "jupyter"
    pip_install: str = "pip install"
    package: str = "jupyter-remote-kit"


DOCUMENTED = Invocation()


class _Settled:
    """The answer of this process, which is looked for when the first command is worded."""

    def __init__(self) -> None:
        self.find: Callable[[], Invocation] = lambda: DOCUMENTED
        self.found: Invocation | None = None


_settled = _Settled()


def settle(find: Callable[[], Invocation]) -> None:
    """Word the commands of this process by what `find` answers; it is called once, when there is one to word."""
    _settled.find, _settled.found = find, None


def current() -> Invocation:
    """How things are called on this machine; as documented where that cannot be found out, since an error wants its hint all the same."""
    if _settled.found is None:
        try:
            _settled.found = _settled.find()
        except Exception:
            _settled.found = DOCUMENTED
    return _settled.found


def command(text: str) -> str:
    """One of our own commands, such as `up --detach`, as it can be pasted on this machine."""
    return f"{current().program} {text}"


def of_jupyter(text: str) -> str:
    """A command of Jupyter's own in this environment, such as `server extension list`."""
    return f"{current().jupyter} {text}"


def reinstall() -> str:
    """Install this package and all that it needs once more, into the environment of this process."""
    return f"{current().pip_install} --force-reinstall {current().package}"


def upgrade() -> str:
    """Bring this package to the newest version."""
    return f"{current().pip_install} --upgrade {current().package}"


def install(package: str) -> str:
    """Install another package beside this one."""
    return f"{current().pip_install} {package}"
