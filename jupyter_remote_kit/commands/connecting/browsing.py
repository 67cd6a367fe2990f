"""The URLs of a line, and the browser that is opened for it."""

from __future__ import annotations

import os
import sys
import threading
from typing import Any
from urllib.parse import urlencode

from jupyter_remote_kit.commands.connecting.wish import Wish
from jupyter_remote_kit.commands.context import Context
from jupyter_remote_kit.errors import Failed, Problem
from jupyter_remote_kit.host import foreground
from jupyter_remote_kit.messages import Message, msg
from jupyter_remote_kit.plan.remoteserver import Handover
from jupyter_remote_kit.result import Result


def result(  # noqa: PLR0913  # each is said in it
    context: Context, wish: Wish, port: int, handover: Handover, head: Message, opened: tuple[Problem, ...] | None
) -> Result:
    """What `connect` prints when the line is up; `opened` is what became of the browser, `None` where none was wanted.

    The token is shown to a person at a terminal, and to the program that asked for JSON.
    """
    url = wish.url(port, f"{handover.base_url}lab")
    # Editors resolve names by the system, which knows no `<host>.localhost` everywhere; they live by the token, and mix no cookies up.
    token_url = f"http://127.0.0.1:{port}{handover.base_url}?{urlencode({'token': handover.token.reveal()})}"
    data: dict[str, Any] = {
        "host": str(wish.target),
        "name": wish.known.name,
        "instance": wish.instance,
        "url": url,
        "token_url": token_url,
        "port": port,
        "started": handover.started,
        "pid": handover.pid,
        "kernels": handover.kernels,
        "version": handover.version,
    }
    rows = [(msg("JupyterLab"), url)]
    if opened is None or opened:
        data["sign_in_url"] = wish.url(port, handover.ticket.reveal())
        if context.on_terminal:
            rows.append((msg("To sign in, once, within a minute"), data["sign_in_url"]))
    if context.on_terminal:
        rows.append((msg("PyCharm, VS Code"), token_url))
    # What goes into a file is read by others, too.
    how = msg("PyCharm and VS Code need a URL with the token: {command}", command=f"{wish.command('connect')} --json")
    messages = (head,) if context.on_terminal or context.as_json else (head, how)
    return Result("connect", data, messages, tuple(rows), problems=opened or ())


def opened(wish: Wish, port: int, handover: Handover) -> tuple[Problem, ...]:
    """Open the page in a browser, signed in by a ticket that works once, within a minute. Without a browser: a warning."""
    if not _has_screen():
        return (_no_browser(),)
    # A browser may stay in the foreground; what it says is nothing to this terminal.
    threading.Thread(target=_open, args=(wish.url(port, handover.ticket.reveal()), wish.command("connect")), daemon=True).start()
    return ()


def _open(url: str, instead: str) -> None:
    try:
        foreground.open_browser(url, instead)
    except Failed:
        return


def _has_screen() -> bool:
    """Whether a browser could show a window. Python's `webbrowser` would start one of text in this very terminal."""
    if sys.platform in {"win32", "darwin"}:
        return True
    return any(os.environ.get(variable) for variable in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"))


def _no_browser() -> Problem:
    return Problem(
        "no-browser", msg("No browser could be opened on this machine."), msg("Open the URL for signing in, or use --no-browser")
    )
