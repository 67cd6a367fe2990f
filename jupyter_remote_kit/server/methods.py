"""Which HTTP methods a route answers."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from tornado.web import RequestHandler


class OnlyGets(RequestHandler):
    """What the other verbs are answered: RFC 9110, 15.5.6 wants those named that are known; tornado's 405 says nothing."""

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """As the class beside this one does, and `Allow`."""
        if status_code == HTTPStatus.METHOD_NOT_ALLOWED:
            self.set_header("Allow", "GET")
        super().write_error(status_code, **kwargs)
