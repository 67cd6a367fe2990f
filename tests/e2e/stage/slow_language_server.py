"""A language server behind a slow line: `slow_language_server.py SECONDS ARGV…` hands on each answer of ARGV so much later."""

from __future__ import annotations

import queue
import subprocess
import sys
import threading
import time
from typing import IO


def messages(source: IO[bytes]) -> list[bytes]:
    """The next message with its header (LSP 3.17, base protocol), or nothing at the end."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        if not (line := source.readline()):
            return []
        head += line
    length = next(int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length"))
    return [head + source.read(length)]


def main(seconds: float, argv: list[str]) -> int:
    """Run `argv` between stdin and stdout."""
    server = subprocess.Popen(argv, stdin=sys.stdin.fileno(), stdout=subprocess.PIPE)
    assert server.stdout is not None
    waiting: queue.Queue[tuple[float, bytes] | None] = queue.Queue()

    def hand_on() -> None:
        while entry := waiting.get():
            due, message = entry
            time.sleep(max(0.0, due - time.monotonic()))
            sys.stdout.buffer.write(message)
            sys.stdout.buffer.flush()

    writer = threading.Thread(target=hand_on)
    writer.start()
    while found := messages(server.stdout):
        waiting.put((time.monotonic() + seconds, found[0]))
    waiting.put(None)
    writer.join()
    return server.wait()


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]), sys.argv[2:]))
