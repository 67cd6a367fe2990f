"""What VS Code, PyCharm and Python clients do against a running `up`: over plain HTTP on loopback, and over TLS."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import websocket

from tests.e2e.stage.canaries import Canaries
from tests.e2e.stage.hosts import Host, clean_environment
from tests.e2e.stage.ides import Session, cookie, execute, stamp, vscode_sign_in
from tests.e2e.stage.laptop import Laptop
from tests.e2e.stage.namespaces import Namespace

NODE_PACKAGE = Path(__file__).with_name("node")
WAYS = {"plain HTTP on loopback": ("ssh", "http://127.0.0.1:8800"), "TLS": ("lan", "https://10.77.1.1:8800")}


@dataclass(frozen=True)
class Served:
    """A running server as an IDE sees it: the end of an ssh tunnel is the host's own loopback."""

    host: Host
    machine: Namespace
    base: str
    password: str
    ca: Path | None

    @property
    def websocket_base(self) -> str:
        return self.base.replace("http", "ws", 1)


@pytest.fixture(scope="module", params=WAYS)
def served(request: pytest.FixtureRequest, cable: tuple[Host, Laptop], canaries: Canaries) -> Iterator[Served]:
    """`up` with a password of the user's; everything ends afterwards."""
    host, laptop = cable
    access, base = WAYS[request.param]
    password = canaries.password()
    host.up("--access", access, "--password-stdin", stdin=f"{password}\n")
    canaries.watch_instance(host.instance_file())
    on_loopback = access == "ssh"
    yield Served(host, host.machine if on_loopback else laptop.machine, base, password, None if on_loopback else host.ca)
    host.empty_home()


@pytest.fixture
def client(served: Served) -> Iterator[httpx.Client]:
    """HTTP from where the IDE runs; it follows nothing by itself and keeps no cookie."""
    with served.host.http(served.machine, served.base) as client:
        yield client


@pytest.fixture
def session(client: httpx.Client, served: Served) -> Session:
    """What VS Code has after its sign-in."""
    found = vscode_sign_in(client, served.password)
    assert found is not None
    return found


# -- VS Code, step by step ------------------------------------------------------------------------------------------------------------


def test_hub_api_is_not_answered_as_a_hub_would(client: httpx.Client) -> None:
    answer = client.get("/hub/api")
    assert not (answer.is_success and "json" in answer.headers.get("Content-Type", ""))


def test_the_front_page_leads_to_the_login_form(client: httpx.Client) -> None:
    answer = client.get("/", follow_redirects=True)
    assert answer.is_success
    assert answer.url.path == "/login"
    assert "?" in str(answer.url)


def test_the_tree_asks_for_a_password(client: httpx.Client) -> None:
    assert client.get("/tree?").status_code == httpx.codes.FOUND


def test_the_right_password_gives_302_and_the_session_as_the_first_cookie(client: httpx.Client, served: Served) -> None:
    xsrf = dict(map(cookie, client.get("/login?").headers.get_list("Set-Cookie")))["_xsrf"]
    client.cookies.clear()
    answer = client.post("/login?", data={"_xsrf": xsrf, "password": served.password}, headers={"Cookie": f"_xsrf={xsrf}"})
    assert answer.status_code == httpx.codes.FOUND
    first = answer.headers.get_list("Set-Cookie")[0]
    assert cookie(first)[0].startswith("username-")
    assert "HttpOnly" in first
    assert ("Secure" in first) is served.base.startswith("https")


def test_a_stale_cookie_does_not_come_before_the_new_session(client: httpx.Client, served: Served, session: Session) -> None:
    xsrf = session.xsrf
    stale = f"_xsrf={xsrf}; {session.name}=2|1:0|10:1700000000|8:username|4:eHh4|{'0' * 64}"
    answer = client.post("/login?", data={"_xsrf": xsrf, "password": served.password}, headers={"Cookie": stale})
    assert answer.status_code == httpx.codes.FOUND
    name, value = cookie(answer.headers.get_list("Set-Cookie")[0])
    assert name == session.name
    assert len(value) > len("2|1:0")


@pytest.mark.parametrize("wrong", ["", "wrong", "the right one and more"])
def test_a_wrong_password_gives_no_session(client: httpx.Client, served: Served, wrong: str) -> None:
    assert vscode_sign_in(client, f"{served.password} and more" if wrong.startswith("the right") else wrong) is None


def test_the_password_without_its_xsrf_token_gives_no_session(client: httpx.Client, served: Served) -> None:
    assert client.post("/login?", data={"password": served.password}).status_code == httpx.codes.FORBIDDEN


def test_the_session_lists_kernels_and_their_specs(client: httpx.Client, session: Session) -> None:
    assert client.get(f"/api/kernels?{stamp()}", headers=session.headers).json() == []
    assert "python3" in client.get(f"/api/kernelspecs?{stamp()}", headers=session.headers).json()["kernelspecs"]


def test_polling_without_a_session_is_refused_and_locks_nobody_out(client: httpx.Client, served: Served) -> None:
    client.cookies.clear()
    answers = {client.get(f"/api/sessions?{stamp()}").status_code for _ in range(50)}
    assert answers == {httpx.codes.FORBIDDEN}
    assert vscode_sign_in(client, served.password) is not None


def test_the_session_runs_a_cell_over_the_kernels_websocket(client: httpx.Client, served: Served, session: Session) -> None:
    wanted = {"path": "vscode.ipynb", "name": "vscode.ipynb", "type": "notebook", "kernel": {"name": "python3"}}
    begun = client.post("/api/sessions", json=wanted, headers=session.headers)
    assert begun.status_code == httpx.codes.CREATED, begun.text
    kernel = begun.json()["kernel"]["id"]
    url = f"{served.websocket_base}/api/kernels/{kernel}/channels?session_id=vscode"
    assert execute(url, session.headers, "6*7", served.ca) == "42"
    ended = client.delete(f"/api/sessions/{begun.json()['id']}", headers=session.headers)
    assert ended.status_code == httpx.codes.NO_CONTENT


def test_a_websocket_of_nobody_is_refused(client: httpx.Client, served: Served, session: Session) -> None:
    begun = client.post("/api/kernels", json={"name": "python3"}, headers=session.headers).json()
    url = f"{served.websocket_base}/api/kernels/{begun['id']}/channels?session_id=nobody"
    with pytest.raises(websocket.WebSocketBadStatusException, match="403"):
        execute(url, {}, "6*7", served.ca)
    assert client.delete(f"/api/kernels/{begun['id']}", headers=session.headers).status_code == httpx.codes.NO_CONTENT


def test_the_token_works_in_the_header_and_in_the_url(client: httpx.Client, served: Served) -> None:
    token = served.host.token()
    begun = client.post("/api/kernels", json={"name": "python3"}, headers={"Authorization": f"token {token}"})
    assert begun.status_code == httpx.codes.CREATED
    url = f"{served.websocket_base}/api/kernels/{begun.json()['id']}/channels?session_id=ide&token={token}"
    assert execute(url, {"Authorization": f"token {token}"}, "6*7", served.ca) == "42"
    assert client.get(f"/api/kernels?token={token}").status_code == httpx.codes.OK
    client.cookies.clear()
    assert client.get(f"/api/kernels?token={token[:-1]}").status_code == httpx.codes.FORBIDDEN
    client.delete(f"/api/kernels/{begun.json()['id']}", headers={"Authorization": f"token {token}"})


# -- real clients ---------------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def node_folder() -> Path:
    """`@jupyterlab/services` as the lock file has it, installed once a machine."""
    if not (shutil.which("node") and shutil.which("npm")):
        pytest.skip("needs node and npm")
    lock = NODE_PACKAGE / "package-lock.json"
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = base / "remotekit-e2e" / hashlib.sha256(lock.read_bytes()).hexdigest()[:16]
    if not (folder / "complete").exists():
        partial = folder.with_name(f"{folder.name}.{os.getpid()}")
        partial.mkdir(parents=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(NODE_PACKAGE / name, partial)
        argv = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--omit-lockfile-registry-resolved"]
        subprocess.run(argv, cwd=partial, check=True, capture_output=True, text=True)
        (partial / "complete").touch()
        shutil.rmtree(folder, ignore_errors=True)
        partial.rename(folder)
    return folder


def test_jupyterlab_services_runs_a_cell_with_the_token(served: Served, node_folder: Path, tmp_path: Path) -> None:
    program = node_folder / "execute.cjs"
    shutil.copy(NODE_PACKAGE / "execute.cjs", program)
    wanted = json.dumps({"baseUrl": f"{served.base}/", "token": served.host.token(), "code": "6*7"})
    trusts = {"NODE_EXTRA_CA_CERTS": str(served.ca)} if served.ca else {}
    done = subprocess.run(
        served.machine.command([shutil.which("node") or "", program]),
        env=clean_environment(tmp_path, **trusts),
        input=wanted,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == {"status": "ok", "results": ["42"], "running": 1}


PYTHON_CLIENT = """
import json, sys
import jupyter_kernel_client as library
Client = getattr(library, "JupyterKernelClient", None) or library.KernelClient  # its name before 1.0
base, token = sys.stdin.read().split()
with Client(server_url=base, token=token) as kernel:
    print(json.dumps(kernel.execute("6*7")))
"""


def test_jupyter_kernel_client_runs_a_cell_with_its_bearer_token(served: Served, tmp_path: Path) -> None:
    trusts = {"SSL_CERT_FILE": str(served.ca), "REQUESTS_CA_BUNDLE": str(served.ca)} if served.ca else {}
    done = subprocess.run(
        served.machine.command([sys.executable, "-c", PYTHON_CLIENT]),
        env=clean_environment(tmp_path, **trusts),
        input=f"{served.base}\n{served.host.token()}",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    reply = json.loads(done.stdout.splitlines()[-1])
    assert reply["status"] == "ok"
    assert reply["outputs"][0]["data"]["text/plain"] == "42"


def test_no_kernel_is_left_behind(client: httpx.Client, served: Served) -> None:
    assert client.get("/api/kernels", headers={"Authorization": f"token {served.host.token()}"}).json() == []
