"""The control plane of a running instance: HTTP on a 0600 UNIX socket, in the server's event loop. No token; the mode is the key.

No browser can reach a UNIX socket, so neither `Origin` nor `Host` has anything to say here.
"""

from __future__ import annotations

import json
import os
import socket
import struct
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from tornado.httpserver import HTTPServer
from tornado.web import Application, HTTPError, RequestHandler

from jupyter_remote_kit import words
from jupyter_remote_kit.errors import RemoteKitError
from jupyter_remote_kit.host import files, paths
from jupyter_remote_kit.plan.layout import PRIVATE_FILE
from jupyter_remote_kit.server import unixsocket
from jupyter_remote_kit.server.replies import Controlled, Replies

if TYPE_CHECKING:
    from jupyter_server.serverapp import ServerApp

MAX_BODY = 64 * 1024
PEER_CREDENTIALS = struct.Struct("3i")  # pid, uid, gid: struct ucred, unix(7)


class Control:
    """The control socket and the runtime file of one instance."""

    def __init__(self, app: ServerApp, kit: Controlled) -> None:
        self._stop = app.stop
        layout = paths.layout()
        self._layout = layout
        self._socket_path = layout.control_socket(kit.instance)
        self._runtime_path = layout.runtime_file(kit.instance)
        self._server: HTTPServer | None = None
        self._socket = (0, 0)
        self._replies = Replies(app, kit)

    def start(self) -> None:
        """Listen, then say in the runtime file that this instance runs.

        Raises `Failed` when another server of the instance answers, or when the runtime folder cannot be written.
        """
        replies = self._replies
        routes: list[Any] = [
            ("/status", _Question, {"answer": replies.status}),
            ("/shutdown", _Order, {"answer": replies.shutdown, "then": self._stop}),
            ("/credentials", _Order, {"answer": replies.credentials}),
            ("/certificate", _Order, {"answer": replies.certificate}),
            ("/tickets", _Wish, {"answer": replies.ticket}),
            ("/sessions", _Question, {"answer": replies.sessions}),
            ("/sessions/end", _Wish, {"answer": replies.end_sessions}),
        ]
        self._socket_path, listener = unixsocket.listen_in(self._layout, self._socket_path)
        self._socket = unixsocket.identity(self._socket_path)
        # `log_function` of tornado: status is asked for every few seconds by `up` and `status`.
        self._server = HTTPServer(Application(routes, log_function=lambda _: None), max_body_size=MAX_BODY)
        self._server.add_socket(listener)
        files.write_atomic(self._runtime_path, json.dumps(self._replies.runtime(), indent=2).encode() + b"\n", PRIVATE_FILE)

    def stop(self) -> None:
        """Stop listening and take both files away, unless another server has put its own there."""
        if self._server is None:
            return
        self._server.stop()
        self._server = None
        if unixsocket.take_away(self._socket_path, self._socket):
            self._runtime_path.unlink(missing_ok=True)


Answer = Callable[..., Awaitable[dict[str, Any]]]


class _Handler(RequestHandler):
    def initialize(self, answer: Answer, then: Callable[[], None] | None = None) -> None:
        self._answer = answer
        self._then = then

    def prepare(self) -> None:
        """The socket's mode keeps others out; asking the kernel who is there costs nothing, and a mode can be changed."""
        stream = getattr(self.request.connection, "stream", None)
        if not _is_own(stream.socket if stream is not None else None):
            raise HTTPError(403)

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        self.finish({"message": self._reason, "problems": []})

    async def reply(self, *given: dict[str, Any]) -> None:
        try:
            self.finish(await self._answer(*given))
        except RemoteKitError as error:
            translate = words.catalogue(words.terminal_locale())
            problems = [
                {"code": row.code, "message": row.message.render(translate), "hint": row.hint.render(translate) if row.hint else None}
                for row in error.problems
            ]
            self.set_status(409)
            self.finish({"message": " ".join(str(row["message"]) for row in problems), "problems": problems})

    def on_finish(self) -> None:
        """Go on once the answer is written: whoever asks for a shutdown wants to know how many kernels go."""
        if self._then is not None and self.get_status() == 200:
            self._then()


class _Question(_Handler):
    async def get(self) -> None:
        await self.reply()


class _Order(_Handler):
    async def post(self) -> None:
        await self.reply()


class _Wish(_Handler):
    """An order that may say more: a JSON object."""

    async def post(self) -> None:
        try:
            wish = json.loads(self.request.body or b"{}")
        except (ValueError, RecursionError):
            wish = None
        if not isinstance(wish, dict):
            raise HTTPError(400)
        await self.reply(wish)


def _is_own(peer: socket.socket | None) -> bool:
    """Whether this user's or root's process is at the other end; not so where it is gone. Where no kernel tells, the mode decides."""
    if not hasattr(socket, "SO_PEERCRED"):
        return True
    if peer is None:
        return False
    _, uid, _ = PEER_CREDENTIALS.unpack(peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, PEER_CREDENTIALS.size))
    return uid in {os.geteuid(), 0}
