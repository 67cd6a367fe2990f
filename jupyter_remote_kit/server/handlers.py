"""The two routes of every server with the kit, described by `openapi.yaml`."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from jupyter_server.auth.decorator import allow_unauthenticated
from jupyter_server.base.handlers import APIHandler
from tornado import web

from jupyter_remote_kit.server.methods import OnlyGets
from jupyter_remote_kit.words import catalogue, negotiated_locale

if TYPE_CHECKING:
    from jupyter_remote_kit.server.status import Status


class _Handler(OnlyGets, APIHandler):
    # A page that polls its status is no activity: an idle server must still be able to shut itself down.
    _track_activity = False

    def write_json(self, document: dict[str, Any]) -> None:
        """Finish with `document`; no cache on the way may keep it."""
        self.set_header("Cache-Control", "no-store")
        self.finish(json.dumps(document, ensure_ascii=False))


class HealthHandler(_Handler):
    """`GET /remotekit/api/health`: for anyone, and nothing more than that the server answers."""

    @allow_unauthenticated
    async def get(self) -> None:
        """Always the same words, so that nothing can be learnt from them."""
        self.write_json({"status": "ok"})


class StatusHandler(_Handler):
    """`GET /remotekit/api/status`: for whoever is signed in, in the language that the request asks for."""

    def initialize(self, status: Callable[[], Status]) -> None:
        """`status` makes the server's `Status` at the first request."""
        self._status = status

    @web.authenticated
    async def get(self) -> None:
        """200 with the document of `openapi.yaml`, 403 for whoever is not signed in."""
        translate = catalogue(negotiated_locale(self.request.headers.get("Accept-Language", "")))
        self.write_json(await self._status().document(translate, self.request.protocol))
