"""The other ends of what a service says: a service manager's notification socket, and journald's."""

from __future__ import annotations

import select
import socket
import struct
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType

LENGTH = struct.Struct("<Q")
LARGEST = 1 << 20


class Manager:
    """A service manager that is told things, at an abstract address or at a path."""

    def __init__(self, path: Path | None = None) -> None:
        self.address = str(path) if path else f"@remotekit-{uuid.uuid4()}"
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(f"\0{self.address[1:]}" if path is None else self.address)
        self.told: list[dict[str, str]] = []

    def __enter__(self) -> Manager:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.socket.close()

    def hear(self, seconds: float) -> dict[str, str] | None:
        """The next datagram's states, kept in `told`; nothing in so many seconds is `None`."""
        self.socket.settimeout(seconds)
        try:
            text = self.socket.recv(LARGEST).decode()
        except (TimeoutError, BlockingIOError):
            return None
        states = dict(line.split("=", 1) for line in text.split("\n"))
        self.told.append(states)
        return states

    def wait_for(self, fits: Callable[[dict[str, str]], object], seconds: float = 30.0) -> dict[str, str]:
        """The first datagram from now on that `fits`."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            states = self.hear(left)
            if states is not None and fits(states):
                return states
        message = f"not told in {seconds} s; told: {self.told}"
        raise AssertionError(message)


class Journal:
    """A journald at `path`, which reads when it is asked what has arrived; within `reading()`, all the time."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._arrived: list[bytes] = []
        self.start()

    def start(self) -> None:
        """Listen; anew, after `close`."""
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(self.path))
        self.socket.settimeout(0)

    def close(self) -> None:
        """As if journald were gone."""
        self.socket.close()
        self.path.unlink()

    def entries(self) -> list[dict[str, str]]:
        """What has arrived since this was asked last."""
        self._read()
        arrived, self._arrived = self._arrived, []
        return [parse(datagram) for datagram in arrived]

    @contextmanager
    def reading(self) -> Iterator[None]:
        """A queue of datagrams is short (net.unix.max_dgram_qlen), and a server has more to say."""
        ended = threading.Event()

        def read_on() -> None:
            while not ended.is_set():
                if select.select([self.socket], [], [], 0.05)[0]:
                    self._read()

        thread = threading.Thread(target=read_on)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    def _read(self) -> None:
        with suppress(BlockingIOError):
            while True:
                self._arrived.append(self.socket.recv(LARGEST))


def parse(datagram: bytes) -> dict[str, str]:
    """The fields of one entry, as https://systemd.io/JOURNAL_NATIVE_PROTOCOL/ has them."""
    fields: dict[str, str] = {}
    while datagram:
        line, _, rest = datagram.partition(b"\n")
        name, equals, value = line.partition(b"=")
        if equals:
            datagram = rest
        else:
            (length,) = LENGTH.unpack_from(rest)
            value, datagram = rest[LENGTH.size : LENGTH.size + length], rest[LENGTH.size + length + 1 :]
            assert rest[LENGTH.size + length : LENGTH.size + length + 1] == b"\n"
        assert name.decode() not in fields, f"{name!r} is there twice"
        fields[name.decode()] = value.decode()
    return fields
