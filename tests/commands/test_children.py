"""What a kernel, a terminal and a language server are started with: what a bare `jupyter lab` in the same shell starts them with."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
import websocket

from jupyter_remote_kit.plan import shell
from jupyter_remote_kit.plan.inherited import ROWS, Row
from jupyter_remote_kit.server import jediserver
from tests.commands.host import PATIENCE_S, SSH, Host, console_script, detached, free_port

# The same on every Python.
pytestmark = pytest.mark.slow

BARE_TOKEN = "bare-token-0123456789"
SCRIPTS = str(Path(sys.executable).parent)
# A shell of a terminal emulator that systemd has started, whose user has set what the kit itself would once set, and what its script on
# a host (`templates/remote/kit.sh`) uses as names.
SHELL = {
    "PATH": "/usr/local/bin:/usr/bin::/bin",
    "INVOCATION_ID": "of-the-terminal",
    "SYSTEMD_EXEC_PID": "1",
    "JOURNAL_STREAM": "1:2",
    "MANAGERPID": "1",
    "MEMORY_PRESSURE_WATCH": "/nowhere",
    "data": "/mnt/data",
    "version": "7",
    "kit": "tools",
    "IPYTHONDIR": "ipython",
    "LC_TIME": "C",
    "MPLBACKEND": "agg",
}
BROKEN = "import no_such_module\nc.InteractiveShellApp.exec_lines = ['x = 1']\n"
# What jupyter_server itself tells its children, and what differs from run to run.
OF_EACH_RUN = {"JPY_PARENT_PID", "JPY_SESSION_NAME", "JUPYTER_SERVER_ROOT", "JUPYTER_SERVER_URL", "_", "JPY_API_TOKEN"}
# Where standard output and error of the server go, in a foreground that is none and in the background.
LOGS = {"@host@/bare", "@host@/foreground", "@host@/data/remotekit/instances/default/server.log"}
KINDS = ("kernel", "terminal", "language server")
# What bare JupyterLab runs, and what we do.
LANGUAGE_SERVERS = {jediserver.SCRIPT, Path(jediserver.__file__).name}


@dataclass(frozen=True)
class Born:
    """A process as it was started: its environment, its descriptors with what they are, and what an exec does not reset."""

    environ: dict[str, str]
    descriptors: dict[int, str]
    rest: dict[str, Any]

    @classmethod
    def of(cls, process: psutil.Process) -> Born:
        folder = Path(f"/proc/{process.pid}")
        status = dict(line.partition(":\t")[::2] for line in (folder / "status").read_text().splitlines())
        return cls(
            process.environ(),
            {int(entry.name): _kind(str(entry.readlink())) for entry in (folder / "fd").iterdir()},
            {
                "umask": status["Umask"],
                "blocked signals": status["SigBlk"],
                "ignored signals": status["SigIgn"],
                "limits": (folder / "limits").read_text(),
                "nice": process.nice(),
                "oom": (folder / "oom_score_adj").read_text(),
                "leads its session": os.getsid(process.pid) == process.pid,
                "no new privileges": status.get("NoNewPrivs"),
            },
        )


def _kind(target: str) -> str:
    return target.partition(":")[0] if ":" in target else "/dev/pts" if target.startswith("/dev/pts/") else target


@dataclass
class Served:
    """A server, and what it has started."""

    url: str
    token: str
    pid: int

    @property
    def header(self) -> dict[str, str]:
        return {"Authorization": f"token {self.token}"}

    def children(self) -> dict[str, Born]:
        """One of each kind, as it was started."""
        with httpx.Client(base_url=self.url, headers=self.header, trust_env=False, timeout=PATIENCE_S) as client:
            kernel = client.post("/api/kernels", json={}).json()["id"]
            assert client.post("/api/terminals").is_success
        url, options = f"ws{self.url[4:]}/lsp/ws/jedi-language-server", {"header": self.header, "timeout": PATIENCE_S}
        with closing(websocket.create_connection(url, suppress_origin=True, **options)) as page:
            # Until it answers, the language server may not have opened all that it has open later.
            page.send(json.dumps({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {"capabilities": {}}}))
            while json.loads(page.recv()).get("id") != 0:
                pass
            found = {
                "kernel": self._child(lambda child: "ipykernel_launcher" in child.cmdline()),
                "terminal": self._child(lambda child: _standard_input(child).startswith("/dev/pts/")),
                "language server": self._child(lambda child: Path(child.cmdline()[-1]).name in LANGUAGE_SERVERS),
            }
            assert self.run(kernel, "print(6 * 7)") == "42\n"
            return {kind: Born.of(process) for kind, process in found.items()}

    def _child(self, fits: Callable[[psutil.Process], bool]) -> psutil.Process:
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            for child in psutil.Process(self.pid).children():
                try:
                    if fits(child):
                        return child
                except psutil.NoSuchProcess:
                    continue
            time.sleep(0.05)
        raise AssertionError([child.cmdline() for child in psutil.Process(self.pid).children()])

    def run(self, kernel: str, code: str) -> str:
        """What a cell prints."""
        header = {"msg_id": uuid.uuid4().hex, "msg_type": "execute_request", "session": uuid.uuid4().hex, "username": "", "version": "5.3"}
        content = {"code": code, "silent": False, "store_history": False, "user_expressions": {}, "allow_stdin": False}
        url = f"ws{self.url[4:]}/api/kernels/{kernel}/channels"
        printed = ""
        with closing(websocket.create_connection(url, header=self.header, timeout=PATIENCE_S, suppress_origin=True)) as channel:
            channel.send(json.dumps({"channel": "shell", "header": header, "parent_header": {}, "metadata": {}, "content": content}))
            while True:
                message = json.loads(channel.recv())
                if message["parent_header"].get("msg_id") != header["msg_id"]:
                    continue
                printed += message["content"]["text"] if message["msg_type"] == "stream" else ""
                if message["msg_type"] == "execute_reply":
                    assert message["content"]["status"] == "ok", message["content"]
                if message["msg_type"] == "status" and message["content"]["execution_state"] == "idle":
                    return printed


def _standard_input(process: psutil.Process) -> str:
    try:
        return str(Path(f"/proc/{process.pid}/fd/0").readlink())
    except OSError:
        return ""


@contextmanager
def started(host: Host, *argv: str, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A server in the foreground of a shell in the user's home."""
    with log.open("wb") as out:
        process = subprocess.Popen(
            argv, cwd=host.home, env=host.environment, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def _answers(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if httpx.get(f"{url}/api/status", headers={"Authorization": f"token {BARE_TOKEN}"}, trust_env=False).status_code in {200, 403}:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    raise AssertionError(log.read_text())


def bare(host: Host, stack: ExitStack) -> Served:
    port, log = free_port(), host.folder / "bare"
    words = (
        "--no-browser",
        "--allow-root",
        f"--port={port}",
        f"--IdentityProvider.token={BARE_TOKEN}",
        f"--ServerApp.root_dir={host.home}",
    )
    process = stack.enter_context(started(host, sys.executable, "-m", "jupyterlab", *words, log=log))
    _answers(f"http://127.0.0.1:{port}", process, log)
    return Served(f"http://127.0.0.1:{port}", BARE_TOKEN, process.pid)


def foreground(host: Host, stack: ExitStack) -> Served:
    port, log = free_port(), host.folder / "foreground"
    words = ("up", *SSH, "--port", str(port), "--root-dir", str(host.home))
    process = stack.enter_context(started(host, console_script(), *words, log=log))
    _answers(f"http://127.0.0.1:{port}", process, log)
    return Served(f"http://127.0.0.1:{port}", host.token, process.pid)


def in_the_background(host: Host, stack: ExitStack) -> Served:
    port = free_port()
    data = stack.enter_context(detached(host, *SSH, "--port", str(port), "--root-dir", str(host.home)))
    return Served(f"http://127.0.0.1:{port}", host.token, data["pid"])


def by_connect(host: Host, stack: ExitStack) -> Served:
    """As a host's shell starts it for a laptop: the script that looks for the kit, with its variables."""
    from jupyter_remote_kit.commands import distant
    from jupyter_remote_kit.plan.kitsearch import Search

    port = free_port()
    words = ("up", "--detach", *SSH, "--port", str(port), "--root-dir", str(host.home), "--json")
    search = Search(kit=console_script()).words
    request = shell.with_arguments(distant.template("kit.sh"), (*search, *words), {"REMOTEKIT_LANGUAGE": "zh_CN"})
    done = subprocess.run(["/bin/sh", "-c", request], cwd=host.home, env=host.environment, capture_output=True, text=True, check=True)
    pid = json.loads(done.stdout.splitlines()[-1])["data"]["pid"]
    stack.callback(host.run, "down")
    return Served(f"http://127.0.0.1:{port}", host.token, pid)


WAYS = {"up": foreground, "up --detach": in_the_background, "connect": by_connect}


@contextmanager
def prepared(folder: Path) -> Iterator[Host]:
    """A host whose user has an `ipython_config.py` that fails: IPython prints the error and goes on."""
    host = Host(folder, dict(SHELL))
    profile = host.home / "ipython" / "profile_default"
    profile.mkdir(parents=True)
    # Every shell exports it.
    host.variables["PWD"] = str(host.home)
    (profile / "ipython_config.py").write_text(BROKEN)
    yield host


@pytest.fixture(scope="module")
def at_bare(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Born]:
    """What a bare `jupyter lab` starts."""
    with prepared(tmp_path_factory.mktemp("bare") / "host") as host, ExitStack() as stack:
        # Its language server is not on the PATH of such a shell: that is what the first row of the table is for.
        host.variables["PATH"] = f"{SCRIPTS}:{SHELL['PATH']}"
        return _without_folder(bare(host, stack).children(), host)


@pytest.fixture(scope="module", params=WAYS)
def ours(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Born]:
    """What a server of the kit starts."""
    with prepared(tmp_path_factory.mktemp("ours") / "host") as host, ExitStack() as stack:
        return _without_folder(WAYS[request.param](host, stack).children(), host)


def _without_folder(children: dict[str, Born], host: Host) -> dict[str, Born]:
    def shown(text: str) -> str:
        return text.replace(str(host.folder), "@host@")

    return {
        kind: Born(
            {name: shown(value) for name, value in born.environ.items()},
            {number: shown(target) for number, target in born.descriptors.items()},
            born.rest,
        )
        for kind, born in children.items()
    }


@pytest.mark.parametrize("kind", KINDS)
def test_the_environment_is_the_shells(kind: str, ours: dict[str, Born], at_bare: dict[str, Born]) -> None:
    seen, expected = ours[kind].environ, at_bare[kind].environ
    assert {name: value for name, value in seen.items() if name not in OF_EACH_RUN} == {
        name: value for name, value in expected.items() if name not in OF_EACH_RUN
    }
    assert seen.keys() == expected.keys()


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_each_variable_of_the_table_is_the_shells_or_absent(row: Row, ours: dict[str, Born]) -> None:
    expected = SHELL.get(row.name)
    if row.name == "PATH":
        expected = f"{SCRIPTS}:{SHELL['PATH']}"
    elif row.kept:
        expected = f"@host@/{row.name.split('_')[1].lower()}"
    assert {kind: born.environ.get(row.name) for kind, born in ours.items()} == dict.fromkeys(KINDS, expected)


def _beyond_standard(born: Born) -> set[str]:
    """What it has open beyond standard input, output and error. A kernel keeps a copy of the server's, which it replaces: a log here."""
    return {target for number, target in born.descriptors.items() if number > 2 and target not in LOGS}


@pytest.mark.parametrize("kind", KINDS)
def test_descriptors_and_what_an_exec_keeps_are_as_at_bare(kind: str, ours: dict[str, Born], at_bare: dict[str, Born]) -> None:
    assert _beyond_standard(ours[kind]) == _beyond_standard(at_bare[kind])
    assert ours[kind].rest == at_bare[kind].rest


def test_what_the_user_sets_for_every_application_reaches_them(tmp_path: Path) -> None:
    with prepared(tmp_path / "host") as host, ExitStack() as stack:
        host.variables |= {"TRAITLETS_APPLICATION_RAISE_CONFIG_FILE_ERROR": "1"}
        (host.home / "ipython" / "profile_default" / "ipython_config.py").unlink()
        children = in_the_background(host, stack).children()
    assert {born.environ["TRAITLETS_APPLICATION_RAISE_CONFIG_FILE_ERROR"] for born in children.values()} == {"1"}
