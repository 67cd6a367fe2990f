"""A token in the address bar becomes a cookie, and leaves the address bar, the history and the next page's `Referer`."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from jupyter_server.auth.decorator import allow_unauthenticated
from jupyter_server.base.handlers import JupyterHandler

from jupyter_remote_kit.server import offers

if TYPE_CHECKING:
    from jupyter_remote_kit.server.identity import RemoteKitIdentityProvider


class ExchangeHandler(JupyterHandler):
    """A page that a browser without a session opens with a `?token=`. The gate sends it here; for a good one `get_user` has set the cookie.

    A wrong token for one of Jupyter's own pages is taken out here as well: it may differ from the right one by a letter, and would stand in
    the `next` of the sign-in page. Elsewhere a wrong token may be the page's own and is left in the URL.
    """

    @allow_unauthenticated
    def get(self, *_: str) -> None:
        """302 to the same page without the token."""
        self.set_header("Cache-Control", "no-store")
        provider = cast("RemoteKitIdentityProvider", self.identity_provider)
        self.redirect(offers.without_token(self.request, provider.is_token if self.current_user else _any))


def _any(_token: str) -> bool:
    return True
