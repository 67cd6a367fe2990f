"""The two ends of a connection that goes through the laptop's port: what one receives goes to the other, at the other's pace."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TYPE_CHECKING

from jupyter_remote_kit.host import peers
from jupyter_remote_kit.plan import localname

if TYPE_CHECKING:
    from jupyter_remote_kit.host.forwarder import Forwarder

# What is read and not yet taken is held; more than this, and reading waits.
_HIGH_WATER = 1 << 20


class Pipe(asyncio.Protocol):
    """One end of a connection; what it receives goes to the other, at the other's pace."""

    def __init__(self, forwarder: Forwarder) -> None:
        self._forwarder = forwarder
        self._transport: asyncio.Transport | None = None
        self._other: Pipe | None = None
        self._ended = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101  # a stream's
        transport.set_write_buffer_limits(_HIGH_WATER)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._count(len(data))
        if self._other is not None and self._other._transport is not None:
            self._other._transport.write(data)

    def eof_received(self) -> bool:
        """Pass the end on; a connection that has ended both ways is closed, once all is written. `True`: this way only, for now."""
        self._ended = True
        other = self._other
        if other is not None and other._transport is not None and not other._ended:
            other._transport.write_eof()
            return True
        if other is not None and other._transport is not None:
            other._transport.close()
        return False

    def pause_writing(self) -> None:
        if self._other is not None and self._other._transport is not None:
            self._other._transport.pause_reading()

    def resume_writing(self) -> None:
        if self._other is not None and self._other._transport is not None:
            self._other._transport.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._other is not None and self._other._transport is not None:
            # What is still to be written goes out first.
            self._other._transport.close()

    @property
    def is_joined(self) -> bool:
        """Whether it has its other end."""
        return self._other is not None

    @property
    def waiting(self) -> int:
        """Bytes that the other end has not taken yet."""
        other = self._other
        return other._transport.get_write_buffer_size() if other is not None and other._transport is not None else 0

    def abort(self) -> None:
        """Close both ends at once."""
        for end in (self, self._other):
            if end is not None and end._transport is not None:
                end._transport.abort()

    def _count(self, size: int) -> None:
        raise NotImplementedError


class NearEnd(Pipe):
    """The browser's end. What comes is held until its first request says by what name the server is asked."""

    def __init__(self, forwarder: Forwarder) -> None:
        super().__init__(forwarder)
        self._head = bytearray()
        self._goes_on = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        socket = transport.get_extra_info("socket")
        if not peers.is_own(socket, transport.get_extra_info("peername"), transport.get_extra_info("sockname")):
            self.abort()
            return
        if not self._forwarder.joined(self):
            self.abort()
            return
        self._connecting: Awaitable[None] = asyncio.ensure_future(self._forwarder.connect_far(self))

    def data_received(self, data: bytes) -> None:
        if self._goes_on:
            super().data_received(data)
            return
        self._head += data
        decision = localname.decide(bytes(self._head), self._forwarder.local) if self._forwarder.local else localname.GOES_ON
        if decision is None:
            return
        if decision.answer:
            self._answer(decision.answer)
        else:
            self._go_on()

    def eof_received(self) -> bool:
        """As the base class; half a request is the host's to answer, and what has no other end yet waits for one."""
        if not self._goes_on:
            self._go_on()
        if self._other is None:
            self._ended = True
            return True
        return super().eof_received()

    def join(self, far: FarEnd) -> None:
        """Let what has come go to `far`, once it is known to be meant for the host."""
        self._other = far
        if self._goes_on:
            self._pass_head()

    def _go_on(self) -> None:
        self._goes_on = True
        if self._other is not None:
            self._pass_head()
        elif self._transport is not None:
            # What the line has not taken is not read.
            self._transport.pause_reading()

    def _pass_head(self) -> None:
        assert self._transport is not None  # noqa: S101  # connected before
        head, self._head = bytes(self._head), bytearray()
        if head:
            super().data_received(head)
        if self._ended and self._other is not None and self._other._transport is not None:
            self._other._transport.write_eof()
        self._transport.resume_reading()

    def _answer(self, answer: bytes) -> None:
        """Answer here, and hang up; nothing of it has gone to the host."""
        assert self._transport is not None  # noqa: S101  # connected before
        self._transport.write(answer)
        self._transport.close()
        self._head.clear()

    def connection_lost(self, exc: Exception | None) -> None:
        self._forwarder.left(self)
        super().connection_lost(exc)

    def _count(self, size: int) -> None:
        self._forwarder.traffic.up += size


class FarEnd(Pipe):
    """The line's end."""

    def __init__(self, forwarder: Forwarder, near: NearEnd) -> None:
        super().__init__(forwarder)
        self._other = near

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        near = self._other
        assert near is not None and near._transport is not None  # noqa: S101, PT018  # given, and connected before this
        if near._transport.is_closing():
            self.abort()
            return
        assert isinstance(near, NearEnd)  # noqa: S101  # given
        near.join(self)

    def _count(self, size: int) -> None:
        self._forwarder.traffic.down += size
