"""What a browser asks the server for while JupyterLab opens, without the browser."""

from __future__ import annotations

import contextlib
import http.client
import json
import re
from itertools import islice
from pathlib import Path
from typing import Any

from bench.contestants import OK, Running
from bench.sandbox import BenchError

CONFIG = re.compile(r'<script id="jupyter-config-data" type="application/json">(.*?)</script>', re.DOTALL)
SCRIPT = re.compile(r'<script[^>]* src="([^"]+)"')
CHUNKS = 70
"""A first load of JupyterLab 4.6 makes 83 requests, 5.7 MB, most of them chunks of its script."""

REQUESTS = (
    "/lab/api/settings",
    "/lab/api/translations",
    "/lab/api/translations/en",
    "/lab/api/workspaces/default",
    "/api/me",
    "/api/contents?content=1",
    "/api/kernelspecs",
    "/api/kernels",
    "/api/sessions",
    "/api/terminals",
    "/lsp/status",
)
STATUS = "/remotekit/api/status"
"""Asked for by the kit's own part of the page; a server without the kit has none."""


def load_page(running: Running) -> None:
    """Ask for all of it, one after the other on one connection. Raises `BenchError` where something is refused."""
    with contextlib.closing(running.connection()) as client:
        page = _get(client, running.token, "/lab").decode()
        config = json.loads(_found(CONFIG, page))
        for path in (*SCRIPT.findall(page), *_chunks(config), *_extensions(config), *REQUESTS):
            _get(client, running.token, path)
        _get(client, running.token, STATUS, may_be_missing=True)


def _chunks(config: dict[str, Any]) -> list[str]:
    """The core, and others in the order of their names: which ones a browser takes is known to the script alone."""
    scripts = sorted(Path(config["staticDir"]).glob("*.js"), key=lambda path: (not path.name.startswith("jlab_core."), path.name))
    return [f"{config['fullStaticUrl']}/{path.name}" for path in islice(scripts, CHUNKS)]


def _extensions(config: dict[str, Any]) -> list[str]:
    return [f"{config['fullLabextensionsUrl']}/{each['name']}/{each['load']}" for each in config["federated_extensions"]]


def _get(client: http.client.HTTPConnection, token: str, path: str, *, may_be_missing: bool = False) -> bytes:
    client.request("GET", path, headers={"Authorization": f"token {token}"})
    answer = client.getresponse()
    body = answer.read()
    if answer.status != OK and not (may_be_missing and answer.status == http.client.NOT_FOUND):
        message = f"GET {path} was answered with {answer.status}: {body[:200]!r}"
        raise BenchError(message)
    return body


def _found(pattern: re.Pattern[str], page: str) -> str:
    match = pattern.search(page)
    if match is None:
        message = f"the page is not JupyterLab's: {page[:200]!r}"
        raise BenchError(message)
    return match[1]
