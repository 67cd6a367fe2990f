"""Ends websockets whose user is no longer signed in: at once, whatever the client does."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tornado.ioloop import IOLoop
from tornado.websocket import WebSocketHandler

POLICY_VIOLATION = 1008  # RFC 6455, 7.4.1
# For the client to answer the close frame. tornado would wait 5 s, in which the line of one who does not answer stays up.
GRACE_S = 1.0


def is_open(socket: WebSocketHandler) -> bool:
    """Whether messages still go through `socket`."""
    return socket.ws_connection is not None and not socket.ws_connection.is_closing()


def hang_up(sockets: Iterable[WebSocketHandler]) -> None:
    """Send each a close frame with 1008, take no message from it any more, and cut it off after `GRACE_S`."""
    for socket in list(sockets):
        _hang_up(socket)


def _hang_up(socket: WebSocketHandler) -> None:
    # tornado goes on delivering what a client sends until that has answered the close frame (websocket.py, _handle_message).
    socket.on_message = _dropped  # type: ignore[assignment]
    connection = socket.ws_connection
    if connection is None:
        # Signed in, and not upgraded yet: a kernel's handler waits for its kernel in between. It is closed as soon as it opens.
        socket.open = lambda *_, **__: _hang_up(socket)
        return
    stream = connection.stream
    socket.close(POLICY_VIOLATION, "signed out")
    if stream is not None:
        IOLoop.current().call_later(GRACE_S, stream.close)


def _dropped(_message: Any) -> None:  # noqa: ANN401
    """Nobody listens."""
