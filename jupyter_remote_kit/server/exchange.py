"""A token in the address bar becomes a cookie, and leaves the address bar, the history and the next page's `Referer`."""

from __future__ import annotations

from jupyter_server.auth.decorator import allow_unauthenticated
from jupyter_server.base.handlers import JupyterHandler

from jupyter_remote_kit.server import offers


class ExchangeHandler(JupyterHandler):
    """Any page that a browser opens with a `?token=`. The gate sends it here; for a good one `get_user` has set the cookie by then.

    A wrong one, such as yesterday's, goes as well, instead of into the `next` of the sign-in page.
    """

    @allow_unauthenticated
    def get(self, *_: str) -> None:
        """302 to the same page without the token."""
        self.set_header("Cache-Control", "no-store")
        self.redirect(offers.without_token(self.request))
