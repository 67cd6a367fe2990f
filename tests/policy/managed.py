"""Starts a managed server as `up` does, in a home of its own, with what a case changes about it."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import jupyter_remote_kit
from jupyter_remote_kit.host import certificates, control, processes
from jupyter_remote_kit.plan import instance, overlay
from jupyter_remote_kit.plan.launch import plan_launch
from jupyter_remote_kit.plan.layout import Layout
from jupyter_remote_kit.plan.refusal import parse_line
from jupyter_remote_kit.secret import Secret
from jupyter_remote_kit.settings import Credentials, Settings
from tests.policy.cases import GOOD, INSTANCE, TOKEN, Case, Delete

PACKAGE = Path(jupyter_remote_kit.__file__).parent
NAMES, ADDRESSES = ("localhost",), ("127.0.0.1", "::1")
READY_WITHIN_S = 120.0
ENDS_WITHIN_S = 60.0
POLL_S = 0.1
ENABLED = {"ServerApp": {"jpserver_extensions": {"jupyter_remote_kit": True}}}
LISTEN = re.compile(r"\blisten\(")


@dataclass(frozen=True)
class Home:
    """The folders of one server."""

    folder: Path
    layout: Layout
    port: int

    @property
    def named(self) -> dict[str, Path]:
        """What a case may call by a name, in its modes and texts."""
        layout = self.layout
        return {
            "instance file": layout.instance_file(INSTANCE),
            "instances folder": layout.instances_dir,
            "data folder": layout.instance_data_dir(INSTANCE),
            "tls folder": layout.tls_dir,
            "leaf": layout.leaf_file(INSTANCE),
            "authority": layout.ca_file,
            "own certificate": self.folder / "own.crt",
            "own key": self.folder / "own.key",
            "own both": self.folder / "own.pem",
            "cookie secret": layout.runtime_dir / "jupyter_cookie_secret",
        }


@dataclass(frozen=True)
class Observed:
    """What a server did. `findings` are the codes that it showed while it served, `None` where it never did; `codes` those on stderr.

    `listens` and `binds` are the traced calls by which anything began to listen, and by which the instance's port was bound.
    """

    exit_code: int | None
    findings: tuple[str, ...] | None
    stderr: str
    codes: tuple[str, ...]
    listens: tuple[str, ...]
    binds: tuple[str, ...]


def observe(case: Case, folder: Path) -> Observed:
    """Start the server of `case` in `folder`, let it end or have it end, and say what was seen."""
    home = prepare(case, folder)
    findings = None
    with running(case, home) as server:
        status = until_ready_or_ended(server, home)
        if status is not None:
            findings = tuple(row["code"] for row in status["posture"]["findings"])
            control.ControlClient(home.layout.control_socket(INSTANCE)).shutdown()
        exit_code = server.wait(ENDS_WITHIN_S)
    stderr = (folder / "stderr").read_text(errors="replace")
    trace = (folder / "trace").read_text(errors="replace").splitlines()
    return Observed(
        exit_code,
        findings,
        stderr,
        tuple(found[0] for found in map(parse_line, stderr.splitlines()) if found),
        tuple(line for line in trace if LISTEN.search(line)),
        tuple(line for line in trace if f"htons({home.port})" in line),
    )


def prepare(case: Case, folder: Path) -> Home:
    """Everything that `init` leaves, and then what the case changes about it."""
    layout = Layout(folder / "config", folder / "data", folder / "runtime")
    home = Home(folder, layout, _free_port())
    for path in (layout.instances_dir, layout.data_root, layout.instance_data_dir(INSTANCE), layout.tls_dir, layout.runtime_dir):
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    enabled = folder / "etc" / "jupyter_server_config.d"
    enabled.mkdir(parents=True)
    (enabled / "jupyter_remote_kit.json").write_text(json.dumps(ENABLED))
    _certificates(home)
    settings = Settings(root_dir=folder / "notebooks", instance=INSTANCE, port=home.port, **case.settings)
    settings.root_dir.mkdir()
    credentials = Credentials(Secret(TOKEN), Secret(GOOD))
    text = instance.render(instance.traits_of(settings, credentials, home.named["leaf"] if settings.private_ca else None)).reveal()
    _write(home.named["instance file"], _changed(text, case, home) if case.text is None else case.text)
    _write(layout.overlay_file(INSTANCE), overlay.render(settings).reveal())
    for name, content in case.files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(_filled(content, home))
    for name, mode in case.modes.items():
        path = home.named[name]
        if name == "cookie secret":
            _write(path, "k" * 32)
        path.chmod(mode)
    for name, action in case.swaps.items():
        _swap(home.named[name], action)
    return home


def _certificates(home: Home) -> None:
    now = datetime.now(timezone.utc)
    authority = certificates.make_authority(NAMES, ADDRESSES, now)
    leaf = certificates.issue_leaf(authority, NAMES, ADDRESSES, now).decode()
    begin = leaf.index("-----BEGIN PRIVATE KEY")
    _write(home.named["authority"], authority.decode())
    for name, content in (("leaf", leaf), ("own both", leaf), ("own certificate", leaf[:begin]), ("own key", leaf[begin:])):
        _write(home.named[name], content)


def _write(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o600)


def _changed(text: str, case: Case, home: Home) -> str:
    traits = json.loads(text)
    for name, value in case.instance.items():
        section, _, key = name.partition(".")
        if value is Delete.KEY:
            if key:
                del traits[section][key]
            else:
                del traits[section]
        elif key:
            traits.setdefault(section, {})[key] = _filled(value, home)
        else:
            traits[section] = value
    return json.dumps(traits, indent=2)


def _filled(value: Any, home: Home) -> Any:
    """`@name@` stands for a path of this home."""
    if not isinstance(value, str):
        return value
    return re.sub(r"@([a-z ]+)@", lambda match: str(home.named.get(match[1], home.folder / match[1])), value)


def _swap(path: Path, action: str) -> None:
    if action == "absent":
        path.unlink()
    elif action == "link":
        path.rename(path.with_suffix(".real"))
        path.symlink_to(path.with_suffix(".real"))
    elif action == "folder":
        path.unlink()
        path.mkdir(mode=0o700)
    elif action == "bytes":
        path.write_bytes(b"\xff\xfe\x00\x80")
    else:
        raise AssertionError(action)


def _free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _environment(case: Case, home: Home, launched: Mapping[str, str]) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("JUPYTER", "LC_", "LANG", "PYTHON", "TRAITLETS"))}
    source = PACKAGE.parent
    if case.breaks:
        source = home.folder / "broken"
        shutil.copytree(PACKAGE, source / PACKAGE.name, ignore=shutil.ignore_patterns("labextension", "__pycache__"))
        for name, content in case.breaks.items():
            module = source / PACKAGE.name / name
            module.unlink() if content is None else module.write_text(content)
    return {
        **kept,
        "HOME": str(home.folder),
        "LANG": "C.UTF-8",
        "JUPYTER_CONFIG_DIR": str(home.layout.config_dir),
        "JUPYTER_DATA_DIR": str(home.layout.data_dir),
        "JUPYTER_RUNTIME_DIR": str(home.layout.runtime_dir),
        "JUPYTER_CONFIG_PATH": str(home.folder / "etc"),
        "PYTHONPATH": str(source),
        "PYTHONDONTWRITEBYTECODE": "1",
        **launched,
        **case.env,
    }


@contextmanager
def running(case: Case, home: Home) -> Iterator[subprocess.Popen[str]]:
    """The server of `case` under strace; it is gone at the end of the context, whatever has happened."""
    plan = plan_launch(INSTANCE, home.layout, Path(sys.executable), os.environ.get("PATH", ""))
    own = [word for word in plan.argv if not any(word.startswith(dropped) for dropped in case.dropped)]
    tracer = ["strace", "-f", "--seccomp-bpf", "-qq", "-e", "trace=listen,bind", "-e", "signal=none", "-o", str(home.folder / "trace")]
    with (home.folder / "stderr").open("w") as stderr, (home.folder / "stdout").open("w") as stdout:
        server = subprocess.Popen(
            [*tracer, *own, *(_filled(word, home) for word in case.argv)],
            cwd=plan.cwd,
            env=_environment(case, home, plan.environment),
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            start_new_session=True,
            text=True,
        )
        try:
            yield server
        finally:
            # The group is ours alone; the tracer would leave the traced behind.
            with suppress(ProcessLookupError):
                os.killpg(server.pid, signal.SIGKILL)
            server.wait()


def until_ready_or_ended(server: subprocess.Popen[str], home: Home) -> dict[str, Any] | None:
    """The server's status through its control socket once it answers; `None` when it has ended."""
    client = control.ControlClient(home.layout.control_socket(INSTANCE))
    statuses: list[dict[str, Any]] = []

    def settled() -> bool:
        if server.poll() is not None:
            return True
        status = client.status()
        if status and status["ready"]:
            statuses.append(status)
        return bool(statuses)

    assert processes.wait_for(settled, READY_WITHIN_S, POLL_S), f"neither ready nor ended: {(home.folder / 'stderr').read_text()}"
    return statuses[0] if statuses else None
