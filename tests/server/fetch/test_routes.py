"""The routes in a jupyter_server of the test's own, held to `openapi.yaml`."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from openapi_spec_validator import validate
from tornado.httpclient import HTTPClientError, HTTPResponse
from traitlets.config import Config

import jupyter_remote_kit.server
from jupyter_remote_kit.host import gpus

Fetch = Callable[..., Awaitable[HTTPResponse]]
OPENAPI = yaml.safe_load((Path(jupyter_remote_kit.server.__file__).parent / "openapi.yaml").read_text())


def conforms(answer: Any, schema: str) -> None:
    document = {"$ref": f"#/components/schemas/{schema}", "components": OPENAPI["components"]}
    jsonschema.Draft202012Validator(document, format_checker=jsonschema.FormatChecker()).validate(answer)


@pytest.fixture
def jp_server_config(unmanaged_config: dict[str, Any]) -> Config:
    return Config(unmanaged_config)


def test_the_description_is_valid_openapi() -> None:
    validate(OPENAPI)
    with pytest.raises(jsonschema.ValidationError):
        conforms({"status": "ok", "version": "1"}, "Health")


async def test_health_is_for_anyone_and_says_no_more(jp_fetch: Fetch) -> None:
    answer = await jp_fetch("remotekit", "api", "health", headers={"Authorization": "none"})
    assert answer.body == b'{"status": "ok"}'
    conforms(json.loads(answer.body), "Health")


async def test_status_needs_a_user(jp_fetch: Fetch) -> None:
    with pytest.raises(HTTPClientError) as caught:
        await jp_fetch("remotekit", "api", "status", headers={"Authorization": "none"})
    assert caught.value.code == 403
    conforms(json.loads(caught.value.response.body), "Error")


async def test_status_with_a_kernel(jp_fetch: Fetch, jp_serverapp: Any) -> None:
    kernel = json.loads((await jp_fetch("api", "kernels", method="POST", body='{"name": "python3"}')).body)
    answer = await jp_fetch("remotekit", "api", "status")
    assert answer.headers["Cache-Control"] == "no-store"
    status = json.loads(answer.body)
    conforms(status, "Status")
    assert [row["id"] for row in status["kernels"]] == [kernel["id"]]
    assert status["posture"] == {"mode": "unmanaged", "instance": None, "access": None, "scheme": "http", "secure": True, "findings": []}
    assert status["kit"]["version"] == jupyter_remote_kit.__version__
    await jp_serverapp.kernel_manager.shutdown_all()


async def test_status_with_gpus(jp_fetch: Fetch, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = gpus.Gpu(0, "NVIDIA H200", "GPU-1", 150_000_000_000, 1_000, 7, 40)
    lost = gpus.Gpu(1, None, None, None, None, None, None)
    monkeypatch.setattr(gpus, "sample_gpus", lambda: (whole, lost))
    status = json.loads((await jp_fetch("remotekit", "api", "status")).body)
    conforms(status, "Status")
    assert [gpu["name"] for gpu in status["gpus"]] == ["NVIDIA H200", None]


async def test_polling_the_status_is_no_activity(jp_fetch: Fetch, jp_serverapp: Any) -> None:
    before = jp_serverapp.web_app.last_activity()
    await jp_fetch("remotekit", "api", "status")
    assert jp_serverapp.web_app.last_activity() == before


async def test_no_ticket_route_where_others_sign_in(jp_fetch: Fetch) -> None:
    with pytest.raises(HTTPClientError) as caught:
        await jp_fetch("remotekit", "open", params={"ticket": "x"})
    assert caught.value.code == 404
