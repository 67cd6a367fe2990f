"""The real thing: a fresh virtual environment, `pip install .`, `jupyter remotekit up`."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.e2e.stage.canaries import Canaries
from tests.e2e.stage.hosts import Host
from tests.e2e.stage.ides import execute, vscode_sign_in
from tests.e2e.stage.laptop import Laptop

CHECKOUT = Path(__file__).parents[2]
MINUTES = 60


@pytest.fixture(scope="module")
def installed(host: Host, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    """The host, with the kit installed from a copy of the checkout: nothing is built into the tree itself."""
    base = tmp_path_factory.mktemp("installation")
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=CHECKOUT, capture_output=True, check=True)
    for name in listed.stdout.decode().split("\0"):
        source = CHECKOUT / name
        if name and source.is_file():
            target = base / "copy" / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(source.read_bytes())
    prefix = base / "env"
    venv.create(prefix, with_pip=True)
    argv = [prefix / "bin" / "pip", "install", "--quiet", "--disable-pip-version-check", "."]
    # Where packages come from is the machine's own affair: its home, its proxies, its indexes.
    env = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "JUPYTER", "VIRTUAL_ENV", "HATCH"))}
    done = subprocess.run(argv, cwd=base / "copy", env=env, capture_output=True, text=True, timeout=15 * MINUTES, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    fresh = Host(host.machine, host.home, prefix)
    yield fresh
    fresh.stop_everything()


@pytest.mark.slow
@pytest.mark.timeout(20 * MINUTES)
def test_pip_install_and_up_is_all_that_it_takes(installed: Host, cable: tuple[Host, Laptop], canaries: Canaries) -> None:
    assert installed.prefix != Path(sys.prefix)
    data = installed.up("--generate-password", "--access", "lan").data
    canaries.watch_instance(installed.instance_file())
    password = canaries.watch(data["password"])
    with installed.http(cable[1].machine) as http:
        session = vscode_sign_in(http, password)
        assert session is not None
        kernel = http.post("/api/kernels", json={"name": "python3"}, headers=session.headers)
        assert kernel.status_code == httpx.codes.CREATED
        url = f"wss://10.77.1.1:8800/api/kernels/{kernel.json()['id']}/channels?session_id=first"
        prefix = execute(url, session.headers, "import sys; sys.prefix", installed.ca)
        page = http.get("/lab", headers=session.headers).text
    assert prefix == repr(str(installed.prefix))
    assert "jupyter-remote-kit" in page
    assert "jupyterlab-lsp" in page
    installed.kit("down").expect()
    assert installed.kit("remove", "--yes", "--json").expect().data["changed"] is True
