"""Use a distant Jupyter server as if it were on the desk."""

from __future__ import annotations

import sys
from typing import Any

__version__ = "0.1.0"


def _jupyter_labextension_paths() -> list[dict[str, str]]:
    return [{"src": "labextension", "dest": "jupyter-remote-kit"}]


def _jupyter_server_extension_points() -> list[dict[str, Any]]:
    if sys.platform == "win32":
        # A laptop, whose own JupyterLab is none of our business; a host is Linux or macOS.
        return []
    # Imported here: whoever imports the package, every command does, shall not pay for a server.
    from jupyter_remote_kit.server.extension import RemoteKit

    return [{"module": "jupyter_remote_kit.server.extension", "app": RemoteKit}]
