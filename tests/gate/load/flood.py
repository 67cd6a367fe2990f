"""`flood.py`: wrong guesses at a fixed rate, whatever comes back. Prints when it begins and ends, then what became of them, in JSON lines.

Open loop: a guess is begun when its time has come, not when an earlier one was answered, so a server that answers slowly meets just as
many. It needs nothing but Python's own library: it is run in a network namespace of its own, by path.
"""

from __future__ import annotations

import argparse
import contextlib
import errno
import ipaddress
import itertools
import json
import os
import resource
import select
import socket
import ssl
import struct
import sys
import time
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from enum import Enum

TICK_S = 0.002
SPARE_DESCRIPTORS = 64
RESET_ON_CLOSE = struct.pack("ii", 1, 0)
IP_BIND_ADDRESS_NO_PORT = 24  # linux/in.h; Python names it since 3.12 only
XSRF = "0123456789abcdef0123456789abcdef"
"""tornado takes any pair of equal tokens that it can read, so nobody who guesses fetches the form first."""


class Guess(str, Enum):
    """What is guessed."""

    PASSWORD = "password"
    TOKEN = "token"
    NOTHING = "nothing"  # the sign-in page is asked for, and no guess is made


@dataclass(frozen=True)
class Order:
    """What is to be done. `rate` in guesses a second; `patience` in seconds, after which a guess is given up."""

    host: str
    port: int
    tls: bool
    sources: tuple[str, ...]
    guess: Guess
    cross_site: bool
    rate: float
    seconds: float
    new_share: float
    keep: int
    most_open: int
    patience: float


@dataclass
class Tally:
    """What became of the guesses. `ms` are the times of those that were answered, from the moment when they were due."""

    due: int
    new: int
    kept: int
    shed: int
    sent: int
    answered: int
    statuses: dict[str, int]
    resets: int
    timeouts: int
    seconds: float
    cpu_seconds: float
    ms: tuple[float, ...]

    def report(self) -> dict[str, object]:
        """For the one line of JSON: rates in guesses a second, times as percentiles."""
        kept = {name: value for name, value in asdict(self).items() if name != "ms"}
        begun = self.new + self.kept
        rates = {"begun": begun, "sent": self.sent, "answered": self.answered}
        return {
            **kept,
            "rate": {name: round(count / self.seconds, 1) for name, count in rates.items()},
            "new_share": round(self.new / begun, 3) if begun else None,
            "ms": {f"p{share}": _percentile(self.ms, share) for share in (50, 95, 99)},
        }


def _percentile(values: Sequence[float], share: int) -> float | None:
    ordered = sorted(values)
    return round(ordered[min(len(ordered) - 1, len(ordered) * share // 100)], 2) if ordered else None


class Connection:
    """One socket, and the guess that it carries at the moment."""

    __slots__ = ("buffer", "connected", "due", "keep", "request", "secured", "socket")

    def __init__(self, plain: socket.socket, *, keep: bool) -> None:
        self.socket: socket.socket | ssl.SSLSocket = plain
        self.keep = keep
        self.connected = self.secured = False
        self.buffer = bytearray()
        self.request: bytes | None = None
        self.due = 0.0

    def close(self) -> None:
        """At once and without TIME_WAIT, which would use up the ports of a single address within half a minute."""
        with contextlib.suppress(OSError):
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
        self.socket.close()


class Flood:
    """An epoll loop over non-blocking sockets: one core reaches 2,000 guesses a second over TLS, half of them after a full handshake."""

    def __init__(self, order: Order) -> None:
        self._order = order
        self._poll = select.epoll()
        self._open: dict[int, Connection] = {}
        self._idle: deque[Connection] = deque()
        self._kept = 0
        self._by_age: deque[tuple[Connection, float]] = deque()
        self._sources = itertools.cycle(order.sources)
        self._requests = _requests(order)
        self._context = _context() if order.tls else None
        self._statuses: Counter[str] = Counter()
        self._counts: Counter[str] = Counter()
        self._ms: list[float] = []

    def run(self) -> Tally:
        """Guess for as long as ordered, then wait for the last answers."""
        order, begun = self._order, time.monotonic()
        total, number = int(order.rate * order.seconds), 0
        _tell("begun", begun)
        while (now := time.monotonic()) < begun + order.seconds:
            while number < total and begun + number / order.rate <= now:
                self._guess(number, begun + number / order.rate)
                number += 1
            self._turn(TICK_S)
            self._give_up(now)
        self._counts["due"] = total
        self._counts["shed"] += total - number
        ended = time.monotonic()
        _tell("ended", ended)
        while any(each.request is not None for each in self._open.values()) and time.monotonic() < ended + order.patience:
            self._turn(TICK_S * 10)
        self._give_up(float("inf"))
        return self._tally(ended - begun)

    def _tally(self, seconds: float) -> Tally:
        for connection in list(self._open.values()):
            self._drop(connection)
        usage = resource.getrusage(resource.RUSAGE_SELF)
        counts = {name: self._counts[name] for name in ("due", "new", "kept", "shed", "sent", "answered", "resets", "timeouts")}
        cpu = usage.ru_utime + usage.ru_stime
        return Tally(**counts, statuses=dict(self._statuses), seconds=seconds, cpu_seconds=cpu, ms=tuple(self._ms))

    # -- a guess begins ------------------------------------------------------------------------------------------------------------

    def _guess(self, number: int, due: float) -> None:
        """On a connection that is idle, or on a new one; the latter in every case for the ordered share of guesses."""
        share = self._order.new_share
        new = int((number + 1) * share) > int(number * share)
        connection = None if new else self._take_idle()
        if connection is None:
            connection = self._connect(keep=not new and self._kept < self._order.keep)
            if connection is None:
                return
            self._counts["new"] += 1
        else:
            self._counts["kept"] += 1
        connection.request, connection.due = next(self._requests), due
        self._by_age.append((connection, due))
        if connection.secured:
            self._send(connection)

    def _take_idle(self) -> Connection | None:
        while self._idle:
            connection = self._idle.popleft()
            if connection.socket.fileno() in self._open:
                return connection
        return None

    def _connect(self, *, keep: bool) -> Connection | None:
        """A connection on its way, or `None`: as many are open as may be, or there is no port left."""
        if len(self._open) >= self._order.most_open:
            self._counts["shed"] += 1
            return None
        source = next(self._sources)
        raw = socket.socket(socket.AF_INET6 if ":" in source else socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        raw.setsockopt(socket.IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1)
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        raw.bind((source, 0))
        code = raw.connect_ex((self._order.host, self._order.port))
        if code not in {0, errno.EINPROGRESS}:
            raw.close()
            self._counts["shed" if code == errno.EADDRNOTAVAIL else "resets"] += 1
            return None
        connection = Connection(raw, keep=keep)
        self._kept += keep
        self._open[raw.fileno()] = connection
        self._poll.register(raw.fileno(), select.EPOLLOUT)
        return connection

    # -- and goes on ---------------------------------------------------------------------------------------------------------------

    def _turn(self, wait: float) -> None:
        for descriptor, _ in self._poll.poll(wait):
            connection = self._open.get(descriptor)
            if connection is None:
                continue
            try:
                self._step(connection)
            except ssl.SSLWantReadError:
                self._poll.modify(descriptor, select.EPOLLIN)
            except ssl.SSLWantWriteError:
                self._poll.modify(descriptor, select.EPOLLOUT)
            except BlockingIOError:
                continue
            except OSError:
                self._lost(connection)

    def _step(self, connection: Connection) -> None:
        if not connection.connected:
            self._connected(connection)
        if connection.secured:
            self._receive(connection)
            return
        if isinstance(connection.socket, ssl.SSLSocket):
            connection.socket.do_handshake()
        connection.secured = True
        self._send(connection)

    def _connected(self, connection: Connection) -> None:
        code = connection.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code:
            raise OSError(code, os.strerror(code))
        connection.connected = True
        if self._context is not None:
            # The wrapped socket has the descriptor of the plain one, which epoll knows already.
            connection.socket = self._context.wrap_socket(connection.socket, do_handshake_on_connect=False)

    def _send(self, connection: Connection) -> None:
        """The whole request: some 300 bytes always fit into the buffer of a socket that has nothing else to send."""
        request = connection.request or b""
        try:
            connection.socket.send(request)
        except OSError:
            self._lost(connection)
            return
        self._counts["sent"] += 1
        self._poll.modify(connection.socket.fileno(), select.EPOLLIN)

    def _receive(self, connection: Connection) -> None:
        # Until nothing is there any more: what TLS has deciphered already, epoll tells nobody about.
        while received := connection.socket.recv(65536):
            connection.buffer += received
            head, separator, body = bytes(connection.buffer).partition(b"\r\n\r\n")
            if separator and connection.request is not None and _is_whole(head.lower(), body):
                self._answered(connection, head)
                return
        self._lost(connection)

    def _answered(self, connection: Connection, head: bytes) -> None:
        self._counts["answered"] += 1
        self._statuses[head.split(b" ", 2)[1].decode("latin-1")] += 1
        self._ms.append((time.monotonic() - connection.due) * 1000)
        connection.request = None
        connection.buffer.clear()
        if connection.keep and b"\r\nconnection: close" not in head.lower():
            self._idle.append(connection)
        else:
            self._drop(connection)

    def _lost(self, connection: Connection) -> None:
        """The other side ended it. An idle connection may be ended."""
        if connection.request is not None:
            self._counts["resets"] += 1
        self._drop(connection)

    def _drop(self, connection: Connection) -> None:
        # Closing takes it from epoll as well.
        if self._open.pop(connection.socket.fileno(), None) is not None:
            self._kept -= connection.keep
            connection.request = None
            connection.close()

    def _give_up(self, now: float) -> None:
        while self._by_age and self._by_age[0][1] < now - self._order.patience:
            connection, due = self._by_age.popleft()
            if connection.request is not None and connection.due == due:
                self._counts["timeouts"] += 1
                self._drop(connection)


def _tell(moment: str, at: float) -> None:
    """One line for whoever waits; the clock is the machine's, the same in every process."""
    _print({moment: at})


def _print(line: dict[str, object]) -> None:
    sys.stdout.write(f"{json.dumps(line)}\n")
    sys.stdout.flush()


def _is_whole(head: bytes, body: bytes) -> bool:
    """Whether an answer is complete, by its lower-case header."""
    if b"\r\ntransfer-encoding: chunked" in head:
        return body.endswith(b"0\r\n\r\n")
    _, found, rest = head.partition(b"\r\ncontent-length:")
    return not found or len(body) >= int(rest.split(b"\r\n", 1)[0])


def _context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def _requests(order: Order) -> Iterator[bytes]:
    """Guesses without an end, none twice: passwords by the form; tokens by header and by query in turn, over several routes."""
    # What a browser sends on behalf of another site's page: nothing keeps whoever guesses from sending it too.
    origin = "Sec-Fetch-Site: cross-site\r\n" if order.cross_site else ""
    common = f"Host: {order.host}:{order.port}\r\nUser-Agent: Mozilla/5.0\r\n{origin}"
    for number in itertools.count():
        word = f"wrong-{number}"
        if order.guess is Guess.NOTHING:
            yield f"GET /login HTTP/1.1\r\n{common}\r\n".encode()
        elif order.guess is Guess.PASSWORD:
            form = f"_xsrf={XSRF}&password={word}"
            yield (
                f"POST /login?next=%2Flab HTTP/1.1\r\n{common}Cookie: _xsrf={XSRF}\r\n"
                f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(form)}\r\n\r\n{form}"
            ).encode()
        else:
            route = ("/api/kernels", "/api/contents", "/api/status", "/api/sessions")[number // 2 % 4]
            by_query, header = (f"?token={word}", "") if number % 2 else ("", f"Authorization: token {word}\r\n")
            yield f"GET {route}{by_query} HTTP/1.1\r\n{common}{header}\r\n".encode()


# -- the program -----------------------------------------------------------------------------------------------------------------------


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Wrong guesses at a fixed rate.")
    parser.add_argument("--host", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--tls", action="store_true")
    parser.add_argument("--source", required=True, help="the first address to come from")
    parser.add_argument("--sources", type=int, default=1, help="how many addresses, counted up from the first")
    parser.add_argument("--guess", type=Guess, choices=list(Guess), default=Guess.PASSWORD)
    parser.add_argument("--cross-site", action="store_true", help="claim to come from another site's page")
    parser.add_argument("--rate", type=float, default=2000, help="guesses a second")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--new-share", type=float, default=0.5, help="at least this share on new connections")
    parser.add_argument("--keep", type=int, default=250, help="connections that are kept")
    parser.add_argument("--most-open", type=int, default=8000, help="connections at once; a guess beyond is shed")
    parser.add_argument("--patience", type=float, default=10)
    parser.add_argument("--cpu", type=int, help="the core to stay on")
    parser.add_argument("--nice", type=int, default=0)
    return parser.parse_args()


def _step_back(nice: int) -> None:
    """Let others have the core first. Where the kernel groups processes by session, `nice` counts within a session alone (sched(7))."""
    os.nice(nice)
    with contextlib.suppress(OSError):
        os.setsid()
        with open("/proc/self/autogroup", "w") as group:  # noqa: PTH123  # no Path is imported here
            group.write(str(nice))


def main() -> None:
    """Parse, pin, flood, report."""
    options = _options()
    if options.cpu is not None:
        os.sched_setaffinity(0, {options.cpu})
    _step_back(options.nice)
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    first = ipaddress.ip_address(options.source)
    order = Order(
        host=options.host,
        port=options.port,
        tls=options.tls,
        sources=tuple(str(first + number) for number in range(options.sources)),
        guess=options.guess,
        cross_site=options.cross_site,
        rate=options.rate,
        seconds=options.seconds,
        new_share=options.new_share,
        keep=options.keep,
        most_open=min(options.most_open, limit - SPARE_DESCRIPTORS),
        patience=options.patience,
    )
    _print(Flood(order).run().report())


if __name__ == "__main__":
    main()
