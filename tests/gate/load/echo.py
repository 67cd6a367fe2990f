"""`echo.py`: how long a kernel takes to answer over its websocket. Reads one JSON object, then measures until its stdin ends.

An open loop as well: each request has its time, whether the one before was answered or not, and its answer is late from then on. Without
that, a server that stands still for two seconds would count as one slow answer instead of forty.
"""

from __future__ import annotations

import asyncio
import json
import os
import ssl
import sys
import time
import uuid

from tornado.httpclient import HTTPRequest
from tornado.websocket import WebSocketClientConnection, websocket_connect

LAST_ANSWERS_S = 5.0


class Echo:
    """Requests of no work at all (`0`), and the moments when their results came back."""

    def __init__(self, channel: WebSocketClientConnection, every: float) -> None:
        self._channel = channel
        self._every = every
        self._session = uuid.uuid4().hex
        self._due: dict[str, float] = {}
        self._answers: list[tuple[float, float]] = []
        self._closed: float | None = None

    async def run(self, stop: asyncio.Event) -> dict[str, object]:
        """Ask until `stop`; `answers` are pairs of the moment due and milliseconds, `missing` the moments of those never answered."""
        listening = asyncio.create_task(self._listen())
        due = time.monotonic()
        while not stop.is_set() and self._closed is None:
            self._ask(due)
            due += self._every
            await asyncio.sleep(max(0.0, due - time.monotonic()))
        deadline = time.monotonic() + LAST_ANSWERS_S
        while self._due and self._closed is None and time.monotonic() < deadline:
            await asyncio.sleep(self._every)
        listening.cancel()
        return {"answers": self._answers, "missing": sorted(self._due.values()), "closed": self._closed}

    def _ask(self, due: float) -> None:
        identity = uuid.uuid4().hex
        self._due[identity] = due
        header = {"msg_id": identity, "msg_type": "execute_request", "session": self._session, "username": "echo", "version": "5.3"}
        content = {"code": "0", "silent": False, "store_history": False, "user_expressions": {}, "allow_stdin": False}
        message = {"channel": "shell", "header": header, "parent_header": {}, "metadata": {}, "content": content}
        self._channel.write_message(json.dumps(message))

    async def _listen(self) -> None:
        while (text := await self._channel.read_message()) is not None:
            message = json.loads(text)
            if message["msg_type"] == "execute_result":
                due = self._due.pop(message["parent_header"]["msg_id"])
                self._answers.append((due, (time.monotonic() - due) * 1000))
        self._closed = time.monotonic()


def _print(line: dict[str, object]) -> None:
    sys.stdout.write(f"{json.dumps(line)}\n")
    sys.stdout.flush()


async def main() -> None:
    """Connect, say so, measure, print one object."""
    order = json.loads(await asyncio.to_thread(sys.stdin.readline))
    os.sched_setaffinity(0, {order["cpu"]})
    context = ssl.create_default_context(cafile=order["ca"]) if order["ca"] else None
    channel = await websocket_connect(HTTPRequest(order["url"], headers=order["headers"], ssl_options=context, connect_timeout=20))
    _print({"connected": time.monotonic()})
    stop = asyncio.Event()
    ending = asyncio.create_task(asyncio.to_thread(sys.stdin.readline))
    ending.add_done_callback(lambda _: stop.set())
    _print(await Echo(channel, order["every"]).run(stop))


if __name__ == "__main__":
    asyncio.run(main())
