"""`python -m jupyter_remote_kit.server`: JupyterLab as `jupyter lab` runs it, with a start that does without what no server needs.

While a server starts it makes far more than 100,000 objects that stay, and the collector, at its default thresholds, looks through them
again and again. `tuning.settle` goes back to the defaults before the gate opens.
What JupyterLab need not do at all before it serves is in `deferred`.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import NoReturn

from jupyter_remote_kit import invocation, words
from jupyter_remote_kit.errors import ExitCode
from jupyter_remote_kit.host import loading, ownprogram
from jupyter_remote_kit.messages import msg
from jupyter_remote_kit.plan.commandline import own_command
from jupyter_remote_kit.plan.refusal import format_line
from jupyter_remote_kit.server import deferred, parts, tuning
from jupyter_remote_kit.settings import DEFAULT_INSTANCE


def serve() -> None:
    """Refuse where a part of the kit is missing, else run JupyterLab until it ends."""
    tuning.start()
    deferred.grammar()
    # Asked again where the identity provider refuses; asked here, since one that cannot be imported is a traceback of jupyter_server's.
    if faults := parts.faults():
        _refuse(faults)

    from jupyter_remote_kit.server import extensions, notify, userconfig

    # Before anything is started that would inherit its variables.
    notify.manager()
    with userconfig.refusing() as read:
        extensions.install(read)
        try:
            with deferred.registry():
                from jupyterlab.labapp import main  # most of what the collector would look through
        except Exception as error:
            extensions.raise_needed("jupyterlab", error)
        sys.exit(main())


def _refuse(faults: Mapping[str, Exception]) -> NoReturn:
    """One line for each reason. Where a library is of another version every part fails by it, each at another name of its."""
    foreign = [part for part, error in faults.items() if not parts.is_own(error)]
    reasons: dict[str, str] = {}
    for part in foreign[:1] or faults:
        reasons.setdefault(loading.reason(faults[part]), part)
    invocation.settle(ownprogram.of_server)
    given = [argument.partition("=")[2] for argument in sys.argv if argument.startswith("--RemoteKit.instance=")]
    again = own_command(given[0] if given else DEFAULT_INSTANCE, "up")
    fix = loading.mend("from jupyter_remote_kit.server import parts; sys.exit(bool(parts.faults()))", again, invocation.reinstall)
    translate = words.catalogue(words.terminal_locale())
    for reason, part in reasons.items():
        sentence = msg("{module} cannot be loaded: {reason}", module=part, reason=reason).render(translate)
        sys.stderr.write(format_line("part-missing", sentence, fix) + "\n")
    sys.exit(ExitCode.REFUSED)


try:
    serve()
except KeyboardInterrupt:
    # jupyter_server asks what Ctrl-C means once it serves; before that nothing is there to lose.
    sys.exit(ExitCode.FAILED)
