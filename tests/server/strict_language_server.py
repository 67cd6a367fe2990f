"""A language server that notes what the protocol forbids, and answers `test/violations` with it."""

from __future__ import annotations

import json
import sys
from typing import Any


def read() -> dict[str, Any] | None:
    """The next message; `None` at the end of the input."""
    length = 0
    while line := sys.stdin.buffer.readline().strip():
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    return json.loads(sys.stdin.buffer.read(length)) if length else None


def answer(ident: object, result: object) -> None:
    """Send the answer to the request `ident`."""
    body = json.dumps({"jsonrpc": "2.0", "id": ident, "result": result}).encode()
    sys.stdout.buffer.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
    sys.stdout.buffer.flush()


def main() -> None:
    violations: list[str] = []
    opened: set[str] = set()
    seen: set[str] = set()
    while message := read():
        method = message.get("method", "answer")
        if method in {"initialize", "initialized"}:
            if method in seen:
                violations.append(f"{method} again")
            seen.add(method)
        elif method.startswith("textDocument/did"):
            uri, opens = message["params"]["textDocument"]["uri"], method == "textDocument/didOpen"
            if (uri in opened) is opens:
                violations.append(f"{method} of {'an open' if opens else 'a closed'} document")
            if method != "textDocument/didChange":
                opened ^= {uri} if (uri in opened) is not opens else set()
        if "id" in message and "method" in message:
            answer(message["id"], {"capabilities": {}} if method == "initialize" else {"violations": violations, "open": sorted(opened)})


if __name__ == "__main__":
    main()
