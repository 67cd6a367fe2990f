"""The server of the browser tests: JupyterLab with Galata's helpers and our extension, open, on loopback."""

import os

from jupyterlab.galata import configure_jupyter_server

c = get_config()  # type: ignore[name-defined]  # noqa: F821

configure_jupyter_server(c)

c.ServerApp.port = int(os.environ.get("UI_TESTS_PORT", "8888"))
c.ServerApp.allow_root = True
# Galata's switches leave the server without any: what is tested is the page, over a real fetch.
c.ServerApp.jpserver_extensions = {"jupyter_remote_kit": True}
