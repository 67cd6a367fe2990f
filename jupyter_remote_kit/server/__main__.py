"""`python -m jupyter_remote_kit.server`: JupyterLab as `jupyter lab` runs it, with a start that does without what no server needs.

While a server starts it makes far more than 100,000 objects that stay, and the collector, at its default thresholds, looks through them
again and again. `tuning.settle` goes back to the defaults before the gate opens.
What JupyterLab need not do at all before it serves is in `deferred`.
"""

from __future__ import annotations

import sys

from jupyter_remote_kit.errors import ExitCode
from jupyter_remote_kit.plan.refusal import format_line
from jupyter_remote_kit.server import deferred, parts, tuning


def serve() -> None:
    """Refuse where a part of the kit is missing, else run JupyterLab until it ends."""
    tuning.start()
    deferred.grammar()
    # Asked again where the identity provider refuses; asked here, since one that cannot be imported is a traceback of jupyter_server's.
    if missing := parts.missing():
        for part in missing:
            sentence = f"A part of the kit cannot be loaded: {part}."
            sys.stderr.write(format_line("part-missing", sentence, "pip install --force-reinstall jupyter-remote-kit") + "\n")
        sys.exit(ExitCode.REFUSED)

    from jupyter_remote_kit.server import notify, userconfig

    # Before anything is started that would inherit its variables.
    notify.manager()
    with userconfig.refusing():
        with deferred.registry():
            from jupyterlab.labapp import main  # most of what the collector would look through

        sys.exit(main())


try:
    serve()
except KeyboardInterrupt:
    # jupyter_server asks what Ctrl-C means once it serves; before that nothing is there to lose.
    sys.exit(ExitCode.FAILED)
