"""How long a language server outlives its pages: each of them keeps it for a while, whatever other pages have closed before."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from traitlets.config import Config

from jupyter_remote_kit.server import languageservers

NAME, GRACE_S = "strict-language-server", 2.0
SCRIPT = Path(__file__).parent.parent / "strict_language_server.py"
Connect = Callable[..., Awaitable[Any]]
# What jupyter_lsp does with traitlets.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture
def jp_server_config() -> Config:
    strict = {"argv": [sys.executable, str(SCRIPT)], "languages": ["strict"], "version": 2}
    return Config(
        {"ServerApp": {"jpserver_extensions": {"jupyter_lsp": True}}, "LanguageServerManager": {"language_servers": {NAME: strict}}}
    )


async def test_each_page_keeps_its_server_for_a_while(jp_serverapp: Any, jp_ws_fetch: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(languageservers, "GRACE_S", GRACE_S)
    languageservers.share(jp_serverapp)
    manager = jp_serverapp.language_server_manager
    await manager.ready()
    session, loop = manager.sessions[NAME], asyncio.get_running_loop()

    async def opened_and_closed() -> Any:
        page = await jp_ws_fetch("lsp", "ws", NAME)
        await page.write_message(json.dumps({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {"capabilities": {}}}))
        while json.loads(await page.read_message()).get("id") != 0:
            pass
        process = session.process
        page.close()
        while any(handler.ws_connection is not None and not handler.ws_connection.is_closing() for handler in session.handlers):
            await asyncio.sleep(0.02)
        return process

    first = await opened_and_closed()
    await asyncio.sleep(GRACE_S / 2)
    assert await opened_and_closed() is first
    second_closed = loop.time()
    # Past the first page's time, within the second one's.
    await asyncio.sleep(GRACE_S * 0.8)
    assert session.process is first
    while session.process is not None:
        assert loop.time() < second_closed + 3 * GRACE_S
        await asyncio.sleep(0.05)
    assert loop.time() >= second_closed + GRACE_S
    # jupyter_lsp does not.
    await asyncio.to_thread(first.wait, 20)
