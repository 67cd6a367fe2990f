"""`slow.py`: thousands of connections that never come to an end, from many addresses. Prints a JSON object a second until its stdin ends.

Half of them send the beginning of a TLS handshake and no more; of the others, as many as get through a handshake send the beginning of a
header, letter by letter. Whatever the server closes is opened again.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import random
import resource
import ssl
import sys
from collections import Counter
from ipaddress import IPv4Address

HEADER = b"GET /login HTTP/1.1\r\nHost: gpubox\r\nX-Padding: "
LETTER_EVERY_S = 1.0
AGAIN_AFTER_S = 1.0
CONNECTS_WITHIN_S = 10.0


class Crowd:
    """The connections, and how many there are of each kind."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._options = options
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._context.check_hostname, self._context.verify_mode = False, ssl.CERT_NONE
        self._random = random.Random(3)  # the same crowd each time
        self.counts: Counter[str] = Counter()

    async def one(self, number: int) -> None:
        """One place in the crowd, taken again and again."""
        source = str(IPv4Address(self._options.source) + number % self._options.sources)
        behave = self._stall if number % 2 or not self._options.tls else self._drip
        await asyncio.sleep(self._random.uniform(0, self._options.within))
        while True:
            with contextlib.suppress(OSError, ssl.SSLError, asyncio.TimeoutError):
                await behave(source)
            self.counts["closed"] += 1
            await asyncio.sleep(self._random.uniform(0.5, 1.5) * AGAIN_AFTER_S)

    async def _stall(self, source: str) -> None:
        reader, writer = await self._connect(source)
        with self._open("stalled", writer):
            writer.write(self._hello() if self._options.tls else HEADER)
            await reader.read()

    async def _drip(self, source: str) -> None:
        reader, writer = await self._connect(source, self._context)
        with self._open("dripping", writer):
            writer.write(HEADER)
            while not reader.at_eof():
                writer.write(b"x")
                with contextlib.suppress(asyncio.TimeoutError):
                    await asyncio.wait_for(reader.read(1), LETTER_EVERY_S)

    async def _connect(self, source: str, context: ssl.SSLContext | None = None) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        self.counts["opened"] += 1
        opening = asyncio.open_connection(self._options.host, self._options.port, local_addr=(source, 0), ssl=context)
        return await asyncio.wait_for(opening, CONNECTS_WITHIN_S)

    @contextlib.contextmanager
    def _open(self, kind: str, writer: asyncio.StreamWriter):  # type: ignore[no-untyped-def]  # noqa: ANN202
        self.counts[kind] += 1
        try:
            yield
        finally:
            self.counts[kind] -= 1
            writer.transport.abort()

    def _hello(self) -> bytes:
        """What a client says first; the server has its handshake's most expensive part to do for it."""
        outgoing = ssl.MemoryBIO()
        with contextlib.suppress(ssl.SSLWantReadError):
            self._context.wrap_bio(ssl.MemoryBIO(), outgoing).do_handshake()
        return outgoing.read()


async def main(options: argparse.Namespace) -> None:
    """Keep the crowd up until stdin ends."""
    crowd = Crowd(options)
    places = [asyncio.create_task(crowd.one(number)) for number in range(options.connections)]
    ending = asyncio.create_task(asyncio.to_thread(sys.stdin.readline))
    while not ending.done():
        await asyncio.wait([ending], timeout=1.0)
        sys.stdout.write(f"{json.dumps(crowd.counts)}\n")
        sys.stdout.flush()
    for place in places:
        place.cancel()
    await asyncio.gather(*places, return_exceptions=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--host", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--source", required=True)
    parser.add_argument("--sources", type=int, required=True)
    parser.add_argument("--connections", type=int, required=True)
    parser.add_argument("--within", type=float, default=5.0)
    parser.add_argument("--tls", action="store_true")
    parser.add_argument("--cpu", type=int, required=True)
    return parser.parse_args()


if __name__ == "__main__":
    asked = _options()
    os.sched_setaffinity(0, {asked.cpu})
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    asyncio.run(main(asked))
