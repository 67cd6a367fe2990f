"""Asks a server at the other end of a line whether it is there."""

from __future__ import annotations

import asyncio

from jupyter_remote_kit.plan.ssh import Near

_ANSWERS_S = 10.0
_MAX_ANSWER = 64 * 1024


async def healthy(near: Near, base_url: str) -> bool:
    """Whether the kit's server answers `GET remotekit/api/health` through the forwarding at `near`, within 10 s."""
    try:
        return await asyncio.wait_for(_ask(near, base_url), _ANSWERS_S)
    except (OSError, asyncio.TimeoutError, ValueError):
        return False


async def _ask(near: Near, base_url: str) -> bool:
    if near.path is not None:
        reader, writer = await asyncio.open_unix_connection(near.path, limit=_MAX_ANSWER)
    else:
        reader, writer = await asyncio.open_connection("127.0.0.1", near.port, limit=_MAX_ANSWER)
    try:
        request = f"GET {base_url}remotekit/api/health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        writer.write(request.encode())
        await writer.drain()
        status = await reader.readline()
        return status.startswith(b"HTTP/1.1 200 ")
    finally:
        writer.close()
