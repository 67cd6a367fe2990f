"""An application behind jupyter-server-proxy: it tells what reached it, and answers what it was asked for."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tornado.httpserver import HTTPServer
from tornado.web import Application, RequestHandler
from tornado.websocket import WebSocketHandler

from tests.server.conftest import free_port

# By the request's `X-Answer`: status, headers, body. What applications are known to send.
ANSWERS: dict[str, tuple[int, list[tuple[str, str]], bytes]] = {
    "script as text": (200, [("Content-Type", "text/plain"), ("Server", "Werkzeug/3.1 Python/3.11")], b"window.ran = true"),
    "policies of its own": (
        200,
        [
            ("Content-Type", "text/html"),
            ("Referrer-Policy", "unsafe-url"),
            ("Permissions-Policy", "camera=*"),
            ("Content-Security-Policy", "frame-ancestors *"),
            ("X-Frame-Options", "ALLOWALL"),
            ("Strict-Transport-Security", "max-age=1"),
            ("Cross-Origin-Opener-Policy", "same-origin"),
            ("Cross-Origin-Embedder-Policy", "require-corp"),
        ],
        b"<p>x",
    ),
    "cookies": (
        200,
        [
            ("Set-Cookie", "session=app; Path=/; HttpOnly"),
            ("Set-Cookie", "_xsrf=theirs; Path=/proxy"),
            ("Set-Cookie", "username-127-0-0-1-PORT=theirs; Path=/elsewhere"),
        ],
        b"",
    ),
    "compressed": (
        200,
        [("Content-Type", "text/html"), ("Content-Encoding", "gzip"), ("Vary", "Accept-Encoding")],
        gzip.compress(b"x", 9, mtime=0),
    ),
    "part": (206, [("Content-Range", "bytes 0-3/10"), ("Accept-Ranges", "bytes"), ("Content-Type", "video/mp4")], b"0123"),
    "cached": (200, [("Cache-Control", "public, max-age=60"), ("ETag", '"abc"'), ("Last-Modified", "Thu, 01 Jan 2026 00:00:00 GMT")], b"x"),
    "not modified": (304, [("ETag", '"abc"')], b""),
    "nothing": (204, [], b""),
    "elsewhere": (302, [("Location", "/inside?token=theirs")], b""),
    "far away": (307, [("Location", "https://elsewhere.example/?token=theirs")], b""),
    "asks": (401, [("WWW-Authenticate", 'Basic realm="app"')], b"who?"),
    "teapot": (418, [("Content-Type", "text/plain")], b"short and stout"),
    "broken": (503, [("Retry-After", "7")], b"later"),
    "cors": (200, [("Access-Control-Allow-Origin", "https://elsewhere.example"), ("Access-Control-Allow-Credentials", "true")], b"{}"),
    "download": (200, [("Content-Disposition", "attachment; filename*=utf-8''%E8%A1%A8.csv"), ("Content-Type", "text/csv")], b"a,b"),
    "no type": (200, [], b"<script>1</script>"),
}


@dataclass
class Seen:
    """One request, as it reached the application."""

    method: str
    uri: str
    headers: list[tuple[str, str]]
    length: int
    digest: str

    def all(self, name: str) -> list[str]:
        """Every value of the header."""
        return [value for key, value in self.headers if key.lower() == name.lower()]


class _Echo(RequestHandler):
    SUPPORTED_METHODS = (*RequestHandler.SUPPORTED_METHODS,)

    def initialize(self, seen: list[Seen]) -> None:
        self._seen = seen

    def set_default_headers(self) -> None:
        self.clear_header("Server")
        self.clear_header("Content-Type")
        self.clear_header("Date")

    def compute_etag(self) -> None:
        return None

    async def _answer(self) -> None:
        request = self.request
        body = request.body
        seen = Seen(request.method or "", request.uri or "", list(request.headers.get_all()), len(body), hashlib.sha256(body).hexdigest())
        self._seen.append(seen)
        status, headers, text = ANSWERS.get(request.headers.get("X-Answer", ""), (200, [("Content-Type", "text/plain")], b"ok"))
        self.set_status(status)
        for name, value in headers:
            self.add_header(name, value.replace("PORT", request.headers.get("X-Port", "PORT")))
        if "X-Stream" in request.headers:
            await self._stream(int(request.headers["X-Stream"]))
        elif text:
            self.write(text)

    async def _stream(self, count: int) -> None:
        self.set_header("Content-Type", "text/event-stream")
        for number in range(count):
            self.write(f"data: {number}\n\n")
            await self.flush()
            await asyncio.sleep(0.3)

    get = post = put = patch = delete = options = head = _answer  # type: ignore[assignment]

    def check_xsrf_cookie(self) -> None:
        pass


class _Socket(WebSocketHandler):
    def initialize(self, seen: list[Seen]) -> None:
        self._seen = seen

    def check_origin(self, origin: str) -> bool:
        return True

    def select_subprotocol(self, subprotocols: list[str]) -> str | None:
        return subprotocols[0] if subprotocols else None

    def open(self, *_: str) -> None:
        request = self.request
        self._seen.append(Seen("WEBSOCKET", request.uri or "", list(request.headers.get_all()), 0, ""))

    async def on_message(self, message: str | bytes) -> None:
        await self.write_message(message, binary=isinstance(message, bytes))


@dataclass
class Running:
    """An application that listens. `seen` are the requests that reached it, the oldest first."""

    port: int
    seen: list[Seen]


@contextmanager
def running() -> Iterator[Running]:
    """The application on a free port of the loopback, in a thread of its own."""
    made = Running(free_port(), [])
    listening = threading.Event()
    stop: list[asyncio.Event] = []
    loop = asyncio.new_event_loop()

    async def serve() -> None:
        stop.append(asyncio.Event())
        given = {"seen": made.seen}
        server = HTTPServer(Application([(r".*/socket", _Socket, given), (r".*", _Echo, given)]), max_body_size=600 * 1024 * 1024)
        server.listen(made.port, "127.0.0.1")
        listening.set()
        await stop[0].wait()
        server.stop()
        await server.close_all_connections()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),), daemon=True)
    thread.start()
    assert listening.wait(10)
    yield made
    loop.call_soon_threadsafe(stop[0].set)
    thread.join(10)
    loop.close()
