"""What IDEs are to be told of an authority: they keep stores of their own."""

from __future__ import annotations

import shlex
from pathlib import Path

from jupyter_remote_kit.messages import Message, msg


def notes(platform: str, certificate: Path, bundle: Path) -> tuple[Message, ...]:
    """For VS Code and PyCharm on `platform`, as `sys.platform` calls it."""
    pycharm = msg("  PyCharm: add {file} under Settings, Tools, Server Certificates.", file=certificate)
    return (_vscode(platform, bundle), pycharm)


def _vscode(platform: str, bundle: Path) -> Message:
    # Node.js reads the variable when it starts (nodejs.org/api/cli.html), so a window that is open already knows nothing of it.
    if platform == "win32":
        setting = f'setx NODE_EXTRA_CA_CERTS "{bundle}"'
        return msg("  VS Code: quit it, run this, and start it again: {command}", command=setting)
    if platform == "darwin":
        setting = f"launchctl setenv NODE_EXTRA_CA_CERTS {shlex.quote(str(bundle))}"
        return msg("  VS Code: quit it, run this, and start it again: {command}", command=setting)
    return msg("  VS Code: quit it, and start it by: {command}", command=f"NODE_EXTRA_CA_CERTS={shlex.quote(str(bundle))} code")
