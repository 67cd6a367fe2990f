"""A token in the address bar becomes a cookie, and leaves the address bar, the history and the next page's `Referer`."""

from __future__ import annotations

from jupyter_server.auth.decorator import allow_unauthenticated
from jupyter_server.base.handlers import JupyterHandler

from jupyter_remote_kit.server import offers


class ExchangeHandler(JupyterHandler):
    """Any page that a browser opens with a good `?token=`. The gate sends it here; `get_user` has set the cookie before `get` runs."""

    @allow_unauthenticated
    def get(self, *_: str) -> None:
        """302 to the same page without the token."""
        self.set_header("Cache-Control", "no-store")
        self.redirect(offers.without_token(self.request))
