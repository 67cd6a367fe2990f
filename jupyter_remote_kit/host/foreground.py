"""What stays behind beside a server that takes this process over, and the browser that is opened for it."""

from __future__ import annotations

import os
import signal
import sys
import webbrowser
from collections.abc import Callable

from jupyter_remote_kit.errors import Failed
from jupyter_remote_kit.messages import msg


def watch_from_child(watch: Callable[[int], None]) -> None:
    """Run `watch(pid of this process)` in a process of its own, and return at once.

    Forked twice: this process is about to become the server (`execve`), which knows nothing of a child and would leave a zombie.
    """
    server = os.getpid()
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child:
        os.waitpid(child, 0)
        return
    code = 0
    try:
        if os.fork() == 0:
            # Ctrl-C is for the server; this one has yet to say how it ended.
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            watch(server)
            sys.stdout.flush()
            sys.stderr.flush()
    except BaseException:
        code = 1
        raise
    finally:
        # Not sys.exit: the frames above belong to the process that this one was forked from.
        os._exit(code)


def open_browser(url: str, instead: str) -> None:
    """Open `url` in a browser on this machine. Raises `Failed` when there is none, with the command that shows it `instead`."""
    if not webbrowser.open(url):
        raise Failed.of(
            "no-browser", msg("No browser could be opened on this machine."), msg("Open the URL on the laptop: {command}", command=instead)
        )
