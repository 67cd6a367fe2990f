"""A server that systemd runs, as its user's laptop reaches it: over TLS, at the machine's address."""

from __future__ import annotations

import contextlib
import json
import ssl
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import websocket

from tests.e2e.stage.waiting import until
from tests.service.stage import Login, Machine

KIT = f"{sys.prefix}/bin/jupyter-remotekit"
PASSWORD = "Correct-horse-7"
ANSWERS_SECONDS = 60.0
CELL_SECONDS = 60.0
Figure = Callable[[str], None]
CHILDREN = """
import json, pathlib, sys
found = {}
for folder in pathlib.Path("/proc").glob("[0-9]*"):
    try:
        if (folder / "stat").read_text().rpartition(")")[2].split()[1] == sys.argv[1]:
            words, pairs = ((folder / name).read_bytes().decode(errors="replace").split(chr(0)) for name in ("cmdline", "environ"))
            found[" ".join(words)] = dict(pair.split("=", 1) for pair in pairs if "=" in pair)
    except OSError:
        pass
print(json.dumps(found))
"""


@dataclass(frozen=True)
class Place:
    """Where a service is: whose, in which manager, on which port."""

    user: str
    scope: str
    instance: str = "default"
    port: int = 8800

    @property
    def unit(self) -> str:
        """As systemd calls it."""
        owner = f"{self.user}." if self.scope == "system" else ""
        return f"jupyter-remotekit@{owner}{self.instance}.service"

    @property
    def options(self) -> tuple[str, ...]:
        """What every command of the kit is told."""
        return ("--instance", self.instance)


USER = Place("alice", "user")
SYSTEM = Place("carol", "system")


class Served:
    """The service of one place on one machine. `program` is the kit that its user runs."""

    def __init__(self, machine: Machine, place: Place, program: str = KIT) -> None:
        self.machine = machine
        self.place = place
        self.program = program

    # -- commands ------------------------------------------------------------------------------------------------------------------

    def service(self, login: Login | Machine, *words: str, env: Mapping[str, str] | None = None, **options: Any) -> dict[str, Any]:
        """`jupyter remotekit service …`, which must succeed; its envelope."""
        said = ("service", *words, *self.place.options, "--json")
        done = kit(login, *said, user=self.place.user, env=env, program=self.program, **options)
        assert done.returncode == 0, done.stdout + done.stderr
        envelope: dict[str, Any] = json.loads(done.stdout)
        return envelope

    def install(self, login: Login | Machine, *words: str, env: Mapping[str, str] | None = None) -> dict[str, Any]:
        """Install it, with a password of the test's."""
        chosen = ("--system",) if self.place.scope == "system" else ()
        access = () if "--access" in words else ("--access", "lan", "--password-stdin")
        given = f"{PASSWORD}\n" if access else None
        return self.service(login, "install", *access, "--port", str(self.place.port), *chosen, *words, env=env, input=given)

    # -- its files -----------------------------------------------------------------------------------------------------------------

    @property
    def home(self) -> Path:
        """The user's home, as the tests find it."""
        return self.machine.inside(self.machine.person(self.place.user).home)

    @property
    def unit_file(self) -> Path:
        """The unit, as the tests find it."""
        if self.place.scope == "system":
            return self.machine.inside(f"/etc/systemd/system/{self.place.unit}")
        return self.home / ".config/systemd/user" / self.place.unit

    @property
    def token(self) -> str:
        """The instance's token."""
        found = json.loads((self.home / f".jupyter/remotekit/{self.place.instance}.json").read_text())
        return str(found["RemoteKitIdentityProvider"]["token"])

    # -- systemd -------------------------------------------------------------------------------------------------------------------

    def systemctl(self, *words: str, check: bool = True) -> str:
        """What the unit's manager says; asked by its user, or by root."""
        if self.place.scope == "system":
            return self.machine.run("systemctl", *words, check=check).stdout
        uid, _ = self.machine.ids(self.place.user)
        env = {"XDG_RUNTIME_DIR": f"/run/user/{uid}"}
        return self.machine.run("systemctl", "--user", *words, user=self.place.user, env=env, check=check).stdout

    def verified(self) -> str:
        """What systemd finds wrong with the unit: nothing, where it is well."""
        path = "/" + str(self.unit_file.relative_to(self.machine.inside("/")))
        if self.place.scope == "system":
            return self.machine.run("systemd-analyze", "verify", path, check=False).stderr
        uid, _ = self.machine.ids(self.place.user)
        env = {"XDG_RUNTIME_DIR": f"/run/user/{uid}"}
        return self.machine.run("systemd-analyze", "verify", "--user", path, user=self.place.user, env=env, check=False).stderr

    def says(self, name: str) -> str:
        """One property of the unit."""
        return self.systemctl("show", "--value", f"--property={name}", self.place.unit).strip()

    @property
    def pid(self) -> int:
        """The server's process, as the machine counts; 0 where none runs."""
        return int(self.says("MainPID") or 0)

    def journal(self, *words: str) -> list[dict[str, Any]]:
        """The unit's entries: its own, and what its manager says of it."""
        if self.place.scope == "system":
            return self.machine.journal_json(self.place.unit, *words)
        # `--user-unit` would look for units of root's.
        return self.machine.journal_json("", *words, f"_SYSTEMD_USER_UNIT={self.place.unit}", "+", f"USER_UNIT={self.place.unit}")

    # -- HTTP ----------------------------------------------------------------------------------------------------------------------

    @property
    def url(self) -> str:
        """Where the laptop finds it."""
        return f"https://{self.machine.address}:{self.place.port}"

    @property
    def tls(self) -> ssl.SSLContext:
        """A laptop that trusts the host's own authority, and no other."""
        return ssl.create_default_context(cafile=str(self.home / ".local/share/jupyter/remotekit/tls/ca.crt"))

    @contextlib.contextmanager
    def client(self) -> Iterator[httpx.Client]:
        """A client with the token, as an IDE has it."""
        with httpx.Client(base_url=self.url, verify=self.tls, timeout=30, headers={"Authorization": f"token {self.token}"}) as client:
            yield client

    def answers(self) -> bool:
        """Whether HTTP answers, and it is this server."""
        with contextlib.suppress(httpx.TransportError), self.client() as client:
            return client.get("/api/status").is_success
        return False

    def wait_until_answers(self, seconds: float = ANSWERS_SECONDS) -> None:
        """Raises `TimeoutError` when it does not."""
        until(self.answers, f"{self.place.unit} to answer", seconds)

    def sign_in(self) -> httpx.Cookies:
        """The cookies of a browser that has signed in by the password."""
        with httpx.Client(base_url=self.url, verify=self.tls, timeout=30) as browser:
            form = browser.get("/login")
            answer = browser.post("/login", data={"_xsrf": form.cookies["_xsrf"], "password": PASSWORD})
            assert answer.status_code == httpx.codes.FOUND, answer.text
            return browser.cookies

    def signed_in(self, cookies: httpx.Cookies) -> bool:
        """Whether these cookies are still good."""
        with httpx.Client(base_url=self.url, verify=self.tls, timeout=30, cookies=cookies) as browser:
            return browser.get("/api/contents").is_success

    @contextlib.contextmanager
    def kernel(self) -> Iterator[Kernel]:
        """A new kernel, and a client that listens to it."""
        with self.client() as client:
            answer = client.post("/api/kernels", json={})
            assert answer.is_success, answer.text
            with contextlib.closing(Kernel(self, str(answer.json()["id"]))) as kernel:
                yield kernel

    @contextlib.contextmanager
    def language_server(self, name: str, word: str) -> Iterator[None]:
        """A language server, which runs while its page listens; `word` is in its command line."""
        header = [f"Authorization: token {self.token}"]
        url = f"{self.url.replace('http', 'ws', 1)}/lsp/ws/{name}"
        options: dict[str, Any] = {"suppress_origin": True, "sslopt": {"context": self.tls}, "timeout": CELL_SECONDS}
        with contextlib.closing(websocket.create_connection(url, header=header, **options)):
            until(lambda: any(word in words for words in self.environments()), f"{name} to start")
            yield

    def environments(self) -> dict[str, dict[str, str]]:
        """The environments of what the server has started, by their command lines."""
        found: dict[str, dict[str, str]] = json.loads(self.machine.run(self.machine.python, "-c", CHILDREN, str(self.pid)).stdout)
        return found


class Kernel:
    """One kernel and one websocket to it."""

    def __init__(self, served: Served, id: str) -> None:
        self.id = id
        self._served = served
        self._session = uuid.uuid4().hex
        self._channel = websocket.create_connection(
            f"{served.url.replace('http', 'ws', 1)}/api/kernels/{id}/channels",
            header=[f"Authorization: token {served.token}"],
            suppress_origin=True,
            sslopt={"context": served.tls},
            timeout=CELL_SECONDS,
        )

    def close(self) -> None:
        """Stop listening; the kernel goes on."""
        self._channel.close()

    def run(self, code: str, seconds: float = CELL_SECONDS) -> str:
        """Run a cell to its end; what it printed. Raises `AssertionError` with the traceback where it fails."""
        identity = self.send(code)
        printed: list[str] = []
        while True:
            message = self.told(seconds)
            if message["parent_header"].get("msg_id") != identity:
                continue
            content = message["content"]
            assert message["msg_type"] != "error", "\n".join(content.get("traceback", []))
            if message["msg_type"] == "stream":
                printed.append(content["text"])
            if message["msg_type"] == "status" and content["execution_state"] == "idle":
                return "".join(printed).strip()

    def value(self, expression: str) -> Any:
        """The JSON value of an expression."""
        return json.loads(self.run(f"import json; print(json.dumps({expression}))"))

    def send(self, code: str) -> str:
        """Have a cell run, without waiting for it; the id of the request."""
        identity = uuid.uuid4().hex
        header = {"msg_id": identity, "msg_type": "execute_request", "session": self._session, "username": "test", "version": "5.3"}
        content = {"code": code, "silent": False, "store_history": False, "user_expressions": {}, "allow_stdin": False}
        self._channel.send(json.dumps({"channel": "shell", "header": header, "parent_header": {}, "metadata": {}, "content": content}))
        return identity

    def told(self, seconds: float) -> dict[str, Any]:
        """The next message. Raises `WebSocketTimeoutException` when none comes."""
        self._channel.settimeout(seconds)
        message: dict[str, Any] = json.loads(self._channel.recv())
        return message

    def wait_until_answers(self, seconds: float = CELL_SECONDS) -> None:
        """Until a cell of it prints: what a kernel says in its first moments may find no listener yet."""
        until(self._prints, "the kernel to answer", seconds)

    def _prints(self) -> bool:
        with contextlib.suppress(websocket.WebSocketTimeoutException):
            return self.run("print('anew')", 5) == "anew"
        return False

    def wait_for_state(self, state: str, seconds: float) -> None:
        """Until the client is told of that state, such as `restarting`."""
        while True:
            message = self.told(seconds)
            if message["msg_type"] == "status" and message["content"]["execution_state"] == state:
                return


def kit(login: Login | Machine, *words: str, user: str, program: str = KIT, **options: Any) -> subprocess.CompletedProcess[str]:
    """`jupyter remotekit …` in a session, or, on a machine, by that user without one."""
    argv = (program, *words)
    if isinstance(login, Login):
        return login.run(*argv, check=False, timeout=240, **options)
    return login.run(*argv, user=user, check=False, timeout=240, **options)
