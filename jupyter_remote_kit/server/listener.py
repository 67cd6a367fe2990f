"""A listening socket that is read in small helpings, and that survives a process without descriptors."""

from __future__ import annotations

import errno
import logging
import socket
from collections.abc import Callable
from typing import Any

from tornado.ioloop import IOLoop

log = logging.getLogger(__name__)

# tornado takes 128 at once (`netutil.add_accept_handler`), and whatever else is ready waits for all of them.
ACCEPTED_AT_ONCE = 32
# The kernel drops what does not fit, and whoever was dropped tries again after a whole second (RFC 6298).
BACKLOG = 1024
PAUSE_S = 0.2
NO_DESCRIPTORS = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})


class Listener:
    """Hands every connection of `listener` to `arrive`; `make_room` is called when there are no descriptors for one."""

    def __init__(self, listener: socket.socket, arrive: Callable[[socket.socket, Any], None], make_room: Callable[[], None]) -> None:
        self._listener = listener
        self._arrive = arrive
        self._make_room = make_room
        self._loop = IOLoop.current()
        self._resuming: object | None = None
        self._listens = False
        listener.listen(BACKLOG)
        if listener.family in (socket.AF_INET, socket.AF_INET6):
            # What is accepted inherits it (server/streams.py).
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._resume()

    def close(self) -> None:
        """Listen no more."""
        if self._resuming is not None:
            self._loop.remove_timeout(self._resuming)
            self._resuming = None
        self._deafen()
        self._listener.close()

    def _resume(self) -> None:
        self._resuming = None
        self._loop.add_handler(self._listener, self._accept, IOLoop.READ)
        self._listens = True

    def _deafen(self) -> None:
        if self._listens:
            self._loop.remove_handler(self._listener)
            self._listens = False

    def _accept(self, listener: socket.socket, _events: int) -> None:
        for _ in range(ACCEPTED_AT_ONCE):
            # A connection may have been the last: whoever it belongs to stops the server.
            if not self._listens:
                return
            try:
                peer, address = listener.accept()
            except BlockingIOError:
                return
            except ConnectionAbortedError:
                continue
            except OSError as error:
                if error.errno not in NO_DESCRIPTORS:
                    raise
                self._pause(error)
                return
            self._arrive(peer, address)

    def _pause(self, error: OSError) -> None:
        """The socket stays readable: asking again at once would be all that this process does."""
        log.debug("No connection can be accepted: %s", error)
        self._make_room()
        self._deafen()
        self._resuming = self._loop.call_later(PAUSE_S, self._resume)
