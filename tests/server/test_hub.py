"""Under JupyterHub: a real Hub spawns a real single-user server; who somebody is, is the Hub's business."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

if TYPE_CHECKING:
    from tests.server.conftest import Machine

pytestmark = pytest.mark.skipif(importlib.util.find_spec("jupyterhub") is None, reason="jupyterhub is not installed")

ADMIN = "admin-token-0123456789abcdef"
# The Hub's proxy is a Node program; this test speaks to the Hub and to the single-user server directly, so routes only need noting down.
CONFIG = """
from jupyterhub.proxy import Proxy

class NoProxy(Proxy):
    routes = {{}}
    should_start = False

    async def add_route(self, routespec, target, data):
        self.routes[routespec] = {{"routespec": routespec, "target": target, "data": data}}

    async def delete_route(self, routespec):
        self.routes.pop(routespec, None)

    async def get_all_routes(self):
        return dict(self.routes)

c.JupyterHub.proxy_class = NoProxy
c.JupyterHub.bind_url = "http://127.0.0.1:{public}"
c.JupyterHub.hub_port = {port}
c.JupyterHub.db_url = "sqlite://"
c.JupyterHub.cookie_secret_file = "{folder}/cookie_secret"
c.JupyterHub.authenticator_class = "dummy"
c.JupyterHub.spawner_class = "simple"
c.Authenticator.allow_all = True
c.Authenticator.admin_users = {{"admin"}}
c.Spawner.cmd = ["{python}", "-m", "jupyterhub.singleuser"]
c.Spawner.args = ["--allow-root"]
c.Spawner.notebook_dir = "{root}"
c.Spawner.default_url = "/lab"
c.SimpleLocalProcessSpawner.home_dir_template = "{folder}/home-{{username}}"
c.Spawner.environment = {{"PYTHONPATH": "{package}", "JUPYTER_CONFIG_PATH": "{etc}"}}
c.JupyterHub.services = [{{"name": "test", "api_token": "{admin}", "admin": True}}]
"""


class Hub:
    """A Hub, and how to wait for it."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path, port: int) -> None:
        self.process, self.log = process, log
        self.api = httpx.Client(
            base_url=f"http://127.0.0.1:{port}/hub/api", headers={"Authorization": f"token {ADMIN}"}, trust_env=False, timeout=20
        )

    def wait_until(self, condition: Callable[[], Any], seconds: float = 60) -> Any:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            with suppress(httpx.TransportError):
                if answer := condition():
                    return answer
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(0.1)
                break
        return pytest.fail(self.log.read_text(errors="replace"))


@pytest.fixture
def hub(machine: Machine) -> Iterator[Hub]:
    from jupyterhub.utils import random_port

    port = random_port()
    config = machine.home / "jupyterhub_config.py"
    config.write_text(
        CONFIG.format(
            public=random_port(),
            port=port,
            folder=machine.home,
            python=sys.executable,
            root=machine.root,
            package=machine.package.parent,
            etc=machine.home / "etc",
            admin=ADMIN,
        )
    )
    log = machine.home / "hub.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "jupyterhub", "-f", str(config)], cwd=machine.home, env=machine.environ(), stdout=out, stderr=out
        )
    running = Hub(process, log, port)
    try:
        running.wait_until(lambda: running.api.get("/").status_code == 200)
        yield running
    finally:
        running.api.close()
        process.terminate()
        process.wait(30)


def test_identity_is_the_hubs_and_status_works(hub: Hub) -> None:
    hub.api.post("/users/alice").raise_for_status()
    hub.api.post("/users/bob").raise_for_status()
    started = hub.api.post("/users/alice/server")
    assert started.status_code in {201, 202}, started.text
    server = hub.wait_until(lambda: hub.api.get("/users/alice").json()["servers"].get("", {}).get("ready") and True)
    assert server
    token = {name: hub.api.post(f"/users/{name}/tokens", json={}).json()["token"] for name in ("alice", "bob")}
    url = single_user_url(hub)
    with httpx.Client(base_url=f"{url}/user/alice", trust_env=False, timeout=20) as client:
        assert client.get("/remotekit/api/health").json() == {"status": "ok"}
        assert client.get("/remotekit/api/status").status_code in {302, 403}
        status = client.get("/remotekit/api/status", headers={"Authorization": f"token {token['alice']}"})
        assert status.status_code == 200, status.text
        posture = status.json()["posture"]
        assert (posture["mode"], posture["instance"], posture["access"], posture["findings"]) == ("hub", None, None, [])
        me = client.get("/api/me", headers={"Authorization": f"token {token['alice']}"}).json()
        assert me["identity"]["username"] == "alice"
        assert client.get("/remotekit/api/status", headers={"Authorization": f"token {token['bob']}"}).status_code == 403
        assert client.get("/remotekit/open?ticket=x", headers={"Authorization": f"token {token['alice']}"}).status_code == 404
    log = hub.log.read_text(errors="replace")
    assert "jupyter_remote_kit | extension was successfully loaded" in log
    assert "jupyter-remote-kit:" not in log


def single_user_url(hub: Hub) -> str:
    """Where the Hub believes the server to be; its model tells no port, its log does."""
    for line in hub.log.read_text(errors="replace").splitlines():
        if "is running at" in line or "/user/alice/" in line:
            found = [word for word in line.split() if word.startswith("http://127.0.0.1:") and "/user/alice/" in word]
            if found:
                return found[0].partition("/user/")[0]
    return pytest.fail(json.dumps(hub.log.read_text(errors="replace")))
