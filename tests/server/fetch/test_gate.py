"""A managed server lets nobody in before it is armed, and everybody who may once it is."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from tornado.httpclient import HTTPClientError, HTTPResponse
from traitlets.config import Config

from jupyter_remote_kit.server.extension import RemoteKit
from jupyter_remote_kit.server.kitstate import find_kit

Fetch = Callable[..., Awaitable[HTTPResponse]]


@pytest.fixture
def jp_server_config(enforced_config: dict[str, Any]) -> Config:
    return Config(enforced_config)


@pytest.fixture
def never_armed(monkeypatch: pytest.MonkeyPatch) -> None:
    """An extension that is loaded, and then forgets what it is for."""
    monkeypatch.setattr(RemoteKit, "_arm", lambda _: None)


@pytest.mark.parametrize(
    "path",
    [
        ("remotekit", "api", "health"),
        ("api",),
        ("static", "favicon.ico"),
        ("login",),
        ("logout",),
        ("api", "kernels"),
        ("nothing",),
        ("metrics",),
    ],
)
async def test_nothing_is_served_before_it_is_armed(never_armed: None, jp_fetch: Fetch, path: tuple[str, ...]) -> None:
    with pytest.raises(HTTPClientError) as caught:
        await jp_fetch(*path)
    assert caught.value.code == 503
    assert caught.value.response.body == b'{"message": "The server is starting.", "reason": null, "hint": null}'


async def test_no_websocket_before_it_is_armed(never_armed: None, jp_ws_fetch: Fetch) -> None:
    with pytest.raises(HTTPClientError) as caught:
        await jp_ws_fetch("api", "events", "subscribe")
    assert caught.value.code == 503


async def test_nobody_is_known_before_it_is_armed(never_armed: None, jp_serverapp: Any, jp_fetch: Fetch) -> None:
    provider = jp_serverapp.identity_provider
    # Another extension that puts its rule in front of the gate still meets the provider.
    jp_serverapp.web_app.default_router.rules.pop(0)
    with pytest.raises(HTTPClientError) as caught:
        await jp_fetch("api", "kernels")
    assert caught.value.code == 403
    assert not provider.armed


async def test_served_once_it_is_armed(jp_fetch: Fetch, jp_serverapp: Any) -> None:
    assert (await jp_fetch("api", "kernels")).code == 200
    assert (await jp_fetch("static", "favicon.ico")).code == 200
    kit = find_kit(jp_serverapp)
    assert kit is not None
    assert kit.mode.value == "managed"
    assert jp_serverapp.identity_provider.armed


async def test_enforced_without_an_instance_there_is_no_control_socket(jp_fetch: Fetch, jp_serverapp: Any, jp_runtime_dir: Any) -> None:
    await jp_fetch("api", "kernels")
    await jp_serverapp._post_start()
    assert not list(jp_runtime_dir.glob("remotekit-*"))
