"""The server that a laptop has on a host: which instance it is, and what the host's kit is told."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from jupyter_remote_kit import grammar, invocation
from jupyter_remote_kit.errors import Failed, WrongUsage
from jupyter_remote_kit.messages import msg
from jupyter_remote_kit.secret import Secret

DEFAULT_INSTANCE = "connect"
_NAME = re.compile(r"[^A-Za-z0-9]+")
_MAX_SLUG = 16
# `-L` takes a colon for the end of a path; 104 bytes are what macOS has room for.
_SOCKET = re.compile(r"/[A-Za-z0-9_./+@-]{1,102}\Z")


def instance_for(project_dir: str | None) -> str:
    """The instance that serves a folder: `connect` for the home, else one of its own, the same each time."""
    if not project_dir or project_dir.rstrip("/") in {"", "~"}:
        return DEFAULT_INSTANCE
    folder = project_dir.rstrip("/")
    slug = _NAME.sub("-", folder.rpartition("/")[2]).strip("-")[:_MAX_SLUG].strip("-").lower()
    digest = hashlib.sha256(folder.encode("utf-8", "surrogatepass")).hexdigest()[:6]
    return f"{slug}-{digest}" if slug else f"{DEFAULT_INSTANCE}-{digest}"


def up_arguments(instance: str, *, project_dir: str | None, language: str | None, allow_root: bool) -> tuple[str, ...]:
    """What starts the server on the host, or finds the one that runs."""
    return (
        *("up", "--detach", "--yes", "--json", "--handover"),
        *("--access", "ssh", "--port", "auto", "--instance", instance),
        *(("--root-dir", project_dir) if project_dir else ()),
        *(("--language", language) if language else ()),
        *(("--allow-root",) if allow_root else ()),
    )


@dataclass(frozen=True)
class Handover:
    """What the host's kit hands over: where its server listens, and how to come in.

    `socket` is one of the host's user alone; `None` where ssh could not be told of its path.
    """

    instance: str
    port: int
    socket: str | None
    base_url: str
    token: Secret
    ticket: Secret
    started: bool
    pid: int
    version: str
    kernels: int

    @classmethod
    def parse(cls, data: Mapping[str, Any]) -> Handover:
        """Out of the `data` of `up --handover --json`. Raises `Failed` for what no kit of ours would say: the host may be anybody's."""
        try:
            texts = {name: data[name] for name in ("instance", "base_url", "token", "ticket", "version")}
            numbers = {name: data[name] for name in ("port", "pid", "kernels")}
            if not all(isinstance(text, str) for text in texts.values()) or not all(type(number) is int for number in numbers.values()):
                raise ValueError
            socket = data.get("socket")
            # A path with a host in it would sign the browser in elsewhere.
            if not all(re.match(r"/(?!/)[A-Za-z0-9._~%/?=&-]*\Z", texts[name]) for name in ("base_url", "ticket")):
                raise ValueError
            if not re.match(r"[A-Za-z0-9._~-]{32,512}\Z", texts["token"]):
                raise ValueError
            return cls(
                instance=grammar.instance_name(texts["instance"]),
                port=grammar.port(str(numbers["port"])),
                socket=socket if isinstance(socket, str) and _SOCKET.match(socket) else None,
                base_url=texts["base_url"],
                token=Secret(texts["token"]),
                ticket=Secret(texts["ticket"]),
                started=data.get("started") is True,
                pid=numbers["pid"],
                version=texts["version"],
                kernels=numbers["kernels"],
            )
        except (KeyError, ValueError, WrongUsage):
            raise Failed.of(
                "host-answer",
                msg("The kit on the host gave an answer that cannot be understood."),
                msg("Bring both to the same version; on this machine: {command}", command=invocation.upgrade()),
            ) from None
