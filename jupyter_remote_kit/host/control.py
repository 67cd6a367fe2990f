"""Talks to a running server through its control socket. Standard library only, and little of it: `status` is to answer at once.

http.client, with its parser of mail headers and TLS, takes longer to import than the whole exchange does; one request of HTTP/1.0, after
which the server hangs up, needs none of it.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import socket
import stat
import struct
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from jupyter_remote_kit.errors import Failed, Refused
from jupyter_remote_kit.host import trouble
from jupyter_remote_kit.messages import msg
from jupyter_remote_kit.plan.commandline import own_command
from jupyter_remote_kit.plan.layout import instance_of

# sizeof(sockaddr_un.sun_path) on Linux; a path must leave room for its terminating zero byte.
SUN_PATH = 108
_OTHERS = 0o077
_PEER_CREDENTIALS = struct.Struct("3i")
_OK = range(200, 300)
_STATUS = re.compile(rb"HTTP/1\.[01] ([0-9]{3})\b")
_LENGTH = re.compile(rb"\r\nContent-Length: *([0-9]+)", re.IGNORECASE)


@contextmanager
def socket_address(path: Path) -> Iterator[str]:
    """An address to bind or connect to that stands for `path`, however long the path is; it is valid within the context only.

    A path that does not fit goes through a descriptor of its folder (`/proc/self/fd/N/name`). Raises OSError as `os.open` does.
    """
    if len(os.fsencode(path)) < SUN_PATH:
        yield str(path)
        return
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)


class ControlClient:
    """The control plane of one instance, from outside. Each call is one connection of at most `timeout_s` seconds an operation.

    Every call raises `Refused` when the socket is not this user's own or others could use it, and `Failed` when the server does not
    answer, or answers with an error.
    """

    def __init__(self, path: Path, timeout_s: float = 5.0, find: Callable[[], Path] | None = None) -> None:
        self._path = path
        self._timeout_s = timeout_s
        # A server that is just being started decides where its socket is.
        self._find = find

    def status(self) -> dict[str, Any] | None:
        """What the server says of itself; `None` when nobody listens."""
        if not self._is_there():
            return None
        return self._ask("GET", "/status")

    def shutdown(self) -> None:
        """Have kernels told and the server end; it answers before it does."""
        self._demand("/shutdown")

    def reload_credentials(self) -> None:
        """Have password and token read anew, and every session ended."""
        self._demand("/credentials")

    def reload_certificate(self) -> None:
        """Have the certificate read anew, for connections from now on."""
        self._demand("/certificate")

    def ticket(self, known_as: str = "") -> str:
        """A path of the server, with a one-time ticket in it, that signs a browser in.

        `known_as`: what the laptop that asks for it calls this host.
        """
        path = self._demand("/tickets", wish={"known_as": known_as} if known_as else None).get("path")
        if not isinstance(path, str) or not path.startswith("/") or path.startswith("//"):
            raise _unexpected(self._path)
        return path

    def sessions(self) -> list[dict[str, Any]]:
        """Who is signed in: `id`, `way`, `address`, `client`, `first_seen`, `last_seen`, `expires`, `websockets`; those seen last first."""
        return self._rows(self._demand("/sessions", "GET").get("sessions"))

    def end_session(self, id: str) -> list[dict[str, Any]]:
        """End the session with this id; its row, without `websockets`, or nothing where there is none."""
        return self._rows(self._demand("/sessions/end", wish={"id": id}).get("ended"))

    def end_sessions(self) -> list[dict[str, Any]]:
        """End every session; their rows, without `websockets`."""
        return self._rows(self._demand("/sessions/end", wish={"all": True}).get("ended"))

    def _rows(self, found: object) -> list[dict[str, Any]]:
        if not isinstance(found, list) or not all(isinstance(row, dict) for row in found):
            raise _unexpected(self._path)
        return found

    def _demand(self, route: str, method: str = "POST", wish: Mapping[str, Any] | None = None) -> dict[str, Any]:
        answer = self._ask(method, route, wish) if self._is_there() else None
        if answer is None:
            raise Failed.of(
                "not-running",
                msg("No server listens on {path}.", path=self._path),
                msg("{command}", command=own_command(instance_of(self._path), "up")),
            )
        return answer

    def _is_there(self) -> bool:
        """Whether there is a socket of ours."""
        if self._find is not None:
            self._path = self._find()
        try:
            status = os.lstat(self._path)
        except (FileNotFoundError, NotADirectoryError):
            return False
        except PermissionError as error:
            raise trouble.failed(error, self._path) from error
        except OSError as error:
            raise _no_answer(self._path, error) from error
        ours = status.st_uid in {os.geteuid(), 0}
        if not ours or not stat.S_ISSOCK(status.st_mode) or status.st_mode & _OTHERS:
            raise Refused.of(
                "control-socket-exposed",
                msg(
                    "{path} is not a socket that only you can use (owner {uid}, mode {mode}).",
                    path=self._path,
                    uid=status.st_uid,
                    mode=format(stat.S_IMODE(status.st_mode), "04o"),
                ),
                msg("{command}", command=_made_private(self._path, status)),
            )
        return True

    def _ask(self, method: str, route: str, wish: Mapping[str, Any] | None = None) -> dict[str, Any] | None:
        """The JSON object of the answer; `None` when nobody listens."""
        try:
            connection = self._connected()
            if connection is None:
                return None
            with connection:
                connection.sendall(_request(method, route, wish))
                status, body = _response(b"".join(iter(lambda: connection.recv(65536), b"")))
        except PermissionError as error:
            raise trouble.failed(error, self._path) from error
        except OSError as error:
            raise _no_answer(self._path, error) from error
        return self._parsed(route, status, body)

    def _connected(self) -> socket.socket | None:
        client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            client.settimeout(self._timeout_s)
            with socket_address(self._path) as address:
                client.connect(address)
            self._check_peer(client)
        except (FileNotFoundError, ConnectionRefusedError):
            # A server that was killed leaves its socket behind.
            client.close()
            return None
        except BaseException:
            client.close()
            raise
        return client

    def _check_peer(self, client: socket.socket) -> None:
        """The file's owner was looked at before connecting; this is who really listens."""
        if not hasattr(socket, "SO_PEERCRED"):
            return
        _, uid, _ = _PEER_CREDENTIALS.unpack(client.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER_CREDENTIALS.size))
        if uid not in {os.geteuid(), 0}:
            raise Refused.of("control-socket-exposed", msg("Another user ({uid}) listens on {path}.", uid=uid, path=self._path))

    def _parsed(self, route: str, status: int, body: bytes) -> dict[str, Any]:
        try:
            answer = json.loads(body or b"{}")
        except ValueError:
            answer = {"message": body[:200].decode(errors="replace")}
        if status not in _OK:
            reason = answer.get("message") if isinstance(answer, dict) else None
            raise Failed.of(
                "control-failed",
                msg(
                    "The server on {path} answered {status} to {route}: {reason}",
                    path=self._path,
                    status=status,
                    route=route,
                    reason=reason or "-",
                ),
                # What has failed at its status says no more of itself: it is ended, by its process id if need be.
                msg("{command}", command=own_command(instance_of(self._path), "down" if route == "/status" else "status")),
            )
        if not isinstance(answer, dict):
            raise _unexpected(self._path)
        return answer


def _made_private(path: Path, status: os.stat_result) -> str:
    """What mends it: a socket of this user's that is too open is closed; whatever else stands there is moved away."""
    if status.st_uid == os.geteuid() and stat.S_ISSOCK(status.st_mode):
        return f"chmod 600 {shlex.quote(str(path))}"
    return trouble.move_aside(path)


def _request(method: str, route: str, wish: Mapping[str, Any] | None) -> bytes:
    body = json.dumps(wish).encode() if wish is not None else b""
    head = (f"{method} {route} HTTP/1.0", "Accept: application/json", "Content-Type: application/json", f"Content-Length: {len(body)}")
    return "\r\n".join((*head, "", "")).encode() + body


def _response(answer: bytes) -> tuple[int, bytes]:
    """Status and body of a whole answer. Raises OSError when it is none, or was cut off."""
    head, _, body = answer.partition(b"\r\n\r\n")
    status, length = _STATUS.match(head), _LENGTH.search(head)
    if status is None or length is None or len(body) != int(length[1]):
        message = "not a whole answer"
        raise ConnectionAbortedError(message)
    return int(status[1]), body


def _unexpected(path: Path) -> Failed:
    return Failed.of(
        "control-failed",
        msg("The server on {path} gave an answer that cannot be understood.", path=path),
        msg("{command}", command=own_command(instance_of(path), "down")),
    )


def _no_answer(path: Path, error: Exception) -> Failed:
    # It ends a server that does not answer by its process id.
    hint = msg("{command}", command=own_command(instance_of(path), "down"))
    if isinstance(error, TimeoutError):
        return Failed.of("control-timeout", msg("The server on {path} does not answer.", path=path), hint)
    return Failed.of(
        "control-failed",
        msg("The server on {path} does not answer: {reason}", path=path, reason=str(error)),
        hint,
    )
