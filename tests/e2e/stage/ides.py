"""What IDEs do, request by request, where the real client cannot be run without the IDE."""

from __future__ import annotations

import json
import time
import uuid
from dataclasses import dataclass
from pathlib import Path

import httpx
import websocket


@dataclass(frozen=True)
class Session:
    """What VS Code keeps of a sign-in by password, and sends with every request from then on."""

    xsrf: str
    name: str
    value: str

    @property
    def headers(self) -> dict[str, str]:
        return {"Cookie": f"_xsrf={self.xsrf}; {self.name}={self.value}", "X-XSRFToken": self.xsrf}


def cookie(header: str) -> tuple[str, str]:
    """Name and value of one `Set-Cookie`."""
    name, _, value = header.partition(";")[0].partition("=")
    return name, value


def vscode_sign_in(client: httpx.Client, password: str) -> Session | None:
    """The password path of vscode-jupyter (`jupyterPasswordConnect`). `None` where it would say that the password is wrong.

    Asserts what it silently takes for granted: that the form is there, and that it sets `_xsrf`.
    """
    client.cookies.clear()
    form = client.get("/login?")
    assert form.is_success, form.status_code
    xsrf = dict(map(cookie, form.headers.get_list("Set-Cookie"))).get("_xsrf")
    assert xsrf, form.headers
    client.cookies.clear()
    answer = client.post("/login?", data={"_xsrf": xsrf, "password": password}, headers={"Cookie": f"_xsrf={xsrf}", "X-XSRFToken": xsrf})
    cookies = answer.headers.get_list("Set-Cookie")
    client.cookies.clear()
    if answer.status_code != httpx.codes.FOUND or not cookies:
        return None
    return Session(xsrf, *cookie(cookies[0]))


def stamp() -> int:
    """The query that VS Code appends against caches."""
    return time.time_ns() // 1_000_000


def execute(url: str, headers: dict[str, str], code: str, ca: Path | None, seconds: float = 30) -> str:
    """Run `code` over the kernel's websocket at `url`, without an Origin header, as an IDE does; the text of its result, or nothing."""
    sent = [f"{name}: {value}" for name, value in headers.items() if name != "Cookie"]
    channel = websocket.create_connection(
        url, header=sent, cookie=headers.get("Cookie"), suppress_origin=True, sslopt={"ca_certs": str(ca)} if ca else {}, timeout=seconds
    )
    try:
        identity = uuid.uuid4().hex
        header = {"msg_id": identity, "msg_type": "execute_request", "session": uuid.uuid4().hex, "username": "ide", "version": "5.3"}
        content = {"code": code, "silent": False, "store_history": True, "user_expressions": {}, "allow_stdin": False}
        channel.send(json.dumps({"channel": "shell", "header": header, "parent_header": {}, "metadata": {}, "content": content}))
        while True:
            message = json.loads(channel.recv())
            if message["parent_header"].get("msg_id") != identity:
                continue
            content = message["content"]
            assert message["msg_type"] != "error", content
            if message["msg_type"] == "execute_result":
                result: str = content["data"]["text/plain"]
                return result
            # All that it has to show has come by then.
            if message["msg_type"] == "status" and content["execution_state"] == "idle":
                return ""
    finally:
        channel.close()
