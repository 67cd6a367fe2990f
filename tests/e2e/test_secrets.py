"""Password, hash and token are in no command line, no page, no log, and in no file that others can read."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.e2e.stage.canaries import Canaries
from tests.e2e.stage.hosts import Host
from tests.e2e.stage.ides import vscode_sign_in
from tests.e2e.stage.laptop import Laptop
from tests.e2e.stage.waiting import until

NOBODY = ("setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups")
PAGES = (
    "/login",
    "/lab",
    "/lab?reset",
    "/lab/tree/absent.ipynb",
    "/tree",
    "/nowhere",
    "/api",
    "/api/me",
    "/api/status",
    "/api/contents",
    "/api/spec.yaml",
    "/api/terminals",
    "/lab/api/settings",
    "/lab/api/workspaces/default",
    "/lab/api/translations/zh_CN",
    "/lsp/status",
    "/remotekit/api/health",
    "/remotekit/api/status",
    "/remotekit/open?ticket=wrong",
    "/static/favicon.ico",
    "/files/notes.txt",
    "/nbconvert/html/absent.ipynb",
)
# Where a secret may be, and then for the owner alone.
HOLDERS = re.compile(r"\.jupyter/remotekit/\w+\.json|\.local/share/jupyter/runtime/jpserver-\d+\.json")


@pytest.fixture(scope="module")
def password(host: Host, canaries: Canaries) -> Iterator[str]:
    """A server that has lived: its password and its token were changed while it ran, and it was set up a second time."""
    (host.home / "notes.txt").write_text("for everybody\n")
    host.up("--access", "lan", "--password-stdin", stdin=f"{canaries.password()}\n")
    canaries.watch_instance(host.instance_file())
    password = canaries.password()
    host.kit("password", "--password-stdin", stdin=f"{password}\n").expect()
    canaries.watch_instance(host.instance_file())
    canaries.watch(host.kit("token", "--yes", "--json").expect().data["token"])
    host.kit("init", "--allow-root", "--allow-host", "further.gpubox").expect()
    yield password
    host.kit("down").expect()


@pytest.fixture
def pages(host: Host, password: str, cable: tuple[Host, Laptop]) -> dict[str, httpx.Response]:
    """Every page, as somebody sees it who has signed in, and the scripts that the pages name."""
    with host.http(cable[1].machine) as http:
        session = vscode_sign_in(http, password)
        assert session is not None
        seen: dict[str, httpx.Response] = {}
        wanted = [*PAGES]
        while wanted:
            path = wanted.pop()
            http.cookies.clear()
            seen[path] = http.get(path, headers=session.headers)
            named = re.findall(r'(?:src|href)="(/(?:static|lab)/[^"]+)"', seen[path].text)
            wanted += [name for name in named if name not in seen and name not in wanted]
        # Last: it ends the session.
        http.cookies.clear()
        seen["/logout"] = http.post("/logout", headers=session.headers)
        assert seen["/logout"].status_code == httpx.codes.OK
        # With the token in the URL as well: the answer must not repeat it.
        http.cookies.clear()
        token = host.token()
        seen["by token"] = http.get("/lab", params={"token": token})
        seen["an error by token"] = http.get("/nowhere", params={"token": token})
        return seen


def test_no_page_holds_a_secret(pages: dict[str, httpx.Response], canaries: Canaries) -> None:
    assert pages["/lab"].status_code == httpx.codes.OK
    assert "jupyter-config-data" in pages["/lab"].text
    assert pages["by token"].status_code == httpx.codes.OK
    assert len(pages) > len(PAGES)
    leaks = {
        path: found
        for path, answer in pages.items()
        if (found := canaries.inside(answer.content) + canaries.inside(str(answer.headers.raw).encode()))
    }
    assert leaks == {}


def test_secrets_are_only_in_files_that_the_owner_alone_can_read(host: Host, pages: dict[str, httpx.Response], canaries: Canaries) -> None:
    holders, leaks = [], {}
    for path in host.home.rglob("*"):
        if path.is_file() and not path.is_symlink() and (found := canaries.inside(path.read_bytes())):
            name = str(path.relative_to(host.home))
            holders.append(name)
            if not HOLDERS.fullmatch(name) or path.stat().st_mode & 0o777 != 0o600:
                leaks[name] = (found, oct(path.stat().st_mode))
    assert leaks == {}
    assert ".jupyter/remotekit/default.json" in holders
    assert host.log().read_text().count("\n") > 5
    assert list(host.runtime_dir.glob("*.html")) == []


def test_another_user_reads_none_of_it(host: Host, pages: dict[str, httpx.Response], canaries: Canaries) -> None:
    listed = subprocess.run([*NOBODY, "find", host.home, "-type", "f", "-readable"], capture_output=True, text=True, check=False)
    readable = [Path(line) for line in listed.stdout.splitlines()]
    assert host.home / "notes.txt" in readable
    assert [str(path) for path in readable if canaries.inside(path.read_bytes())] == []
    assert [str(path) for path in readable if "remotekit" in str(path)] == []
    socket = host.runtime_dir / "remotekit-default.sock"
    assert socket.is_socket()
    assert subprocess.run([*NOBODY, "test", "-w", socket], check=False).returncode == 1


def test_another_user_cannot_ask_the_control_socket(host: Host, password: str) -> None:
    socket = host.runtime_dir / "remotekit-default.sock"
    program = f"import socket; socket.socket(socket.AF_UNIX).connect({str(socket)!r})"
    refused = subprocess.run([*NOBODY, "/usr/bin/env", "python3", "-I", "-c", program], capture_output=True, text=True, check=False)
    assert "PermissionError" in refused.stderr, refused.stderr


def test_no_environment_of_a_process_holds_a_secret(host: Host, password: str, canaries: Canaries) -> None:
    environments = [Path(f"/proc/{pid}/environ").read_bytes() for pid in host.machine.pids()]
    assert environments
    assert [canaries.inside(environment) for environment in environments if canaries.inside(environment)] == []


def test_no_command_line_held_a_secret(host: Host, pages: dict[str, httpx.Response], canaries: Canaries) -> None:
    assert any("--RemoteKit.instance=default" in line for line in canaries.command_lines())
    assert any("jupyter-remotekit password --password-stdin" in line for line in canaries.command_lines())
    assert canaries.shown() == []


def test_the_sampler_would_have_seen_one(tmp_path: Path) -> None:
    watch = Canaries(tmp_path)
    secret = watch.password()
    # A tenth of the time that a command of the kit takes, and ten times the sampler's pause.
    subprocess.run(["sh", "-c", "sleep 0.1; true", secret], check=True)
    until(watch.shown, "the sampler to see a secret")
    watch.stop()
    assert secret not in " ".join(watch.shown())
