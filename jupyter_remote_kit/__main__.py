"""The console script, and `python -m jupyter_remote_kit`: all that can run where nothing else of the kit can be imported."""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn


def main() -> NoReturn:
    """Run the command line; where it cannot be imported, say why in one sentence, with what mends it."""
    try:
        from jupyter_remote_kit.cli import main as run

        run()
    # A damaged or foreign module raises whatever it likes, in whatever wants it.
    except Exception as error:
        if os.environ.get("REMOTEKIT_TRACEBACK"):
            raise
        _explain(error)


def _explain(error: Exception) -> NoReturn:
    from jupyter_remote_kit.host import loading

    command = loading.typed(_program)
    hint = loading.mend(loading.trial(error, "import jupyter_remote_kit.cli"), command, _reinstall)
    sys.stderr.write(f"error: {loading.reason(error)}\n  hint: {hint}\n")
    sys.exit(1)


def _program() -> str:
    from jupyter_remote_kit.host import ownprogram

    return ownprogram.of_shell().program


def _reinstall() -> str:
    try:
        from jupyter_remote_kit import invocation
        from jupyter_remote_kit.host import ownprogram

        invocation.settle(ownprogram.of_shell)
        return invocation.reinstall()
    # They want modules, too.
    except Exception:
        return f"{sys.executable} -m pip install --force-reinstall jupyter-remote-kit"


if __name__ == "__main__":
    main()
