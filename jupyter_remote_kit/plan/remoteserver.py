"""The server that a laptop has on a host: which instance it is, and what the host's kit is told."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import takewhile
from pathlib import PurePosixPath
from typing import Any

from jupyter_remote_kit import grammar, invocation
from jupyter_remote_kit.errors import Failed
from jupyter_remote_kit.messages import Message, msg
from jupyter_remote_kit.plan import shell
from jupyter_remote_kit.plan.terminal import printable
from jupyter_remote_kit.secret import Secret

DEFAULT_INSTANCE = "connect"
KNOWN_AS = "REMOTEKIT_KNOWN_AS"
"""The variable by which a laptop tells the host's kit what it calls the host. A kit that does not know it goes on without."""
STARTING = "remotekit-starting"
"""What `up --handover` says when the rest is up to the server, whose start it bounds itself."""

_NAME = re.compile(r"[^A-Za-z0-9]+")
_MAX_SLUG = 16
# RFC 3986, 3.3: what may stand in a path, but no authority before it: that would sign the browser in elsewhere.
_PATH = re.compile(r"/(?!/)(?:[A-Za-z0-9._~!$&'()*+,;=:@/-]|%[0-9A-Fa-f]{2})*\Z")
_TICKET = re.compile(_PATH.pattern.removesuffix(r"\Z") + r"\?[A-Za-z0-9._~%=&-]*\Z")
_TOKEN = re.compile(r"[A-Za-z0-9._~-]{32,512}\Z")
_SHOWN, _MOST = 80, 1 << 53
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


def server_arguments(verb: str, host: str, instance: str) -> str:
    """A command of the laptop for one server, without the program; `host` is the laptop's name for the host."""
    named = ("--instance", instance) if instance != DEFAULT_INSTANCE else ()
    return shell.quoted((verb, host, *named))


def laptop_command(verb: str, host: str, instance: str) -> str:
    """The same as it is typed on the laptop, about whose PATH the host knows nothing."""
    return f"{invocation.DOCUMENTED.program} {server_arguments(verb, host, instance)}"


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
class Asked:
    """What hints about an answer need: the `version` of this side, the path of the `kit` on the host, and what starts the server again."""

    version: str
    kit: str
    again: str


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
    def parse(cls, data: Mapping[str, Any], asked: Asked) -> Handover:
        """Out of the `data` of `up --handover --json`. Raises `Failed` for what no kit of ours would say: the host may be anybody's."""
        wrong = next((name for name, fits in _FITS.items() if name not in data or not fits(data[name])), None)
        if wrong is not None:
            raise _not_understood(wrong, data, asked)
        socket = data.get("socket")
        return cls(
            instance=data["instance"],
            port=data["port"],
            socket=socket if isinstance(socket, str) and _SOCKET.match(socket) else None,
            base_url=data["base_url"],
            token=Secret(data["token"]),
            ticket=Secret(data["ticket"]),
            started=data.get("started") is True,
            pid=data["pid"],
            version=data["version"],
            kernels=data["kernels"],
        )


def _text(pattern: re.Pattern[str]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, str) and pattern.match(value) is not None


def _number(most: int) -> Callable[[Any], bool]:
    return lambda value: type(value) is int and 0 <= value <= most


_FITS: Mapping[str, Callable[[Any], bool]] = {
    "version": _text(re.compile(r".{1,64}\Z")),
    "instance": _text(grammar.INSTANCE),
    "port": lambda value: value != 0 and _number(grammar.MAX_PORT)(value),
    "pid": _number(_MOST),
    "kernels": _number(_MOST),
    "base_url": _text(_PATH),
    "token": _text(_TOKEN),
    "ticket": _text(_TICKET),
}


def _not_understood(name: str, data: Mapping[str, Any], asked: Asked) -> Failed:
    """What is wrong with an answer. Versions explain it only where they differ; a secret is not repeated."""
    value = "…" if name in {"token", "ticket"} and name in data else printable(json.dumps(data.get(name), ensure_ascii=False)[:_SHOWN])
    theirs = data.get("version")
    message = msg("The kit on the host gave an answer that cannot be understood: its {name} is {value}.", name=name, value=value)
    if isinstance(theirs, str) and theirs != asked.version:
        return Failed.of("host-answer", message, other_version(asked.version, printable(theirs[:_SHOWN]), asked.kit))
    return Failed.of("host-answer", message, msg("Start the server again: {command}", command=asked.again))


def reinstalled(kit: str, version: str) -> str:
    """A command for the host: install this version over the kit at that path."""
    python = str(PurePosixPath(kit).parent / "python")
    words = (python, "-m", "pip", "install", "--force-reinstall", f"jupyter-remote-kit=={version}")
    return shell.quoted(tuple(map(printable, words)))


def other_version(ours: str, theirs: str, kit: str) -> Message:
    """What to do where the kit at that path of the host is of another version than this: the older one is brought up."""
    if _release(theirs) < _release(ours):
        return msg(
            "This is version {ours}, that of the host {theirs}; bring both to the same, on the host: {command}",
            ours=ours,
            theirs=theirs,
            command=reinstalled(kit, ours),
        )
    return msg(
        "This is version {ours}, that of the host {theirs}; bring both to the same, on this machine: {command}",
        ours=ours,
        theirs=theirs,
        command=invocation.upgrade(),
    )


def _release(version: str) -> tuple[int, ...]:
    """The release segment of a version (PEP 440), for comparisons; empty for what has none."""
    return tuple(map(int, takewhile(str.isdecimal, version.split("."))))
