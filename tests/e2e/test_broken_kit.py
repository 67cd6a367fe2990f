"""A kit of which a part is missing, damaged or of another version never serves a managed instance."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

import jupyter_remote_kit
from tests.e2e.stage.canaries import Canaries
from tests.e2e.stage.hosts import PORT, Host

INSTALLED = Path(jupyter_remote_kit.__file__).parent


@pytest.fixture(scope="module")
def ready(host: Host, canaries: Canaries) -> Host:
    """A host that the whole kit has set up."""
    host.kit("init", "--allow-root", "--access", "ssh").expect()
    canaries.watch_instance(host.instance_file())
    return host


@pytest.fixture
def copy(ready: Host, tmp_path: Path) -> Iterator[Path]:
    """A copy of the package that comes before the installed one; what is broken in it is all that is broken."""
    package = tmp_path / "overlay" / "jupyter_remote_kit"
    shutil.copytree(INSTALLED, package, ignore=shutil.ignore_patterns("__pycache__", "labextension"))
    ready.environment["PYTHONPATH"] = str(package.parent)
    yield package
    ready.environment.clear()
    for path in ready.config_dir.glob("jupyter_*"):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    ready.stop_everything()


def without(*parts: str) -> Callable[[Path, Host], None]:
    """A part of the package is not there."""

    def remove(package: Path, host: Host) -> None:
        for part in parts:
            path = package / part
            assert path.exists(), part
            shutil.rmtree(path) if path.is_dir() else path.unlink()

    return remove


def with_line(part: str, line: str) -> Callable[[Path, Host], None]:
    """A line more at the end of a module."""

    def append(package: Path, host: Host) -> None:
        path = package / part
        path.write_text(f"{path.read_text()}\n{line}\n")

    return append


def replacing(part: str, old: str, new: str) -> Callable[[Path, Host], None]:
    """A module as another version has it."""

    def replace(package: Path, host: Host) -> None:
        path = package / part
        text = path.read_text()
        assert old in text, f"{part} no longer has {old!r}"
        path.write_text(text.replace(old, new))

    return replace


def emptied(part: str) -> Callable[[Path, Host], None]:
    """A file of no bytes, as after a full disk."""
    return lambda package, host: (package / part).write_bytes(b"") and None


def configured(name: str, config: object) -> Callable[[Path, Host], None]:
    """A configuration of the user's."""

    def write(package: Path, host: Host) -> None:
        path = host.config_dir / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(config))

    return write


BREAKS: dict[str, Callable[[Path, Host], None]] = {
    "the identity provider is missing": without("server/identity.py"),
    "the extension is missing": without("server/extension.py"),
    "the whole server part is missing": without("server"),
    "the gate has a syntax error": with_line("server/gate.py", "def half("),
    "the login page imports what is not there": with_line("server/login.py", "from jupyter_remote_kit.server.gate import Moat"),
    "the handlers are missing": without("server/handlers.py"),
    "the tickets' module is empty": emptied("server/tickets.py"),
    "the blanking of tokens is missing": without("server/pages.py"),
    "the control plane raises when it is loaded": with_line(
        "server/control.py", "raise OSError('libfoo.so: cannot open shared object file')"
    ),
    "the files module is empty": emptied("host/files.py"),
    "an old policy beside a new server": replacing("plan/policy.py", 'HUB = "hub"', 'BINDER = "binder"'),
    "an old instance format beside a new server": replacing("plan/instance.py", "def parse(", "def read("),
    "old settings beside a new plan": replacing("settings.py", "allow_hosts:", "hosts:"),
    "an old gate beside a new provider": replacing("server/gate.py", "def install(", "def put_in("),
    "the protection fails while it is set up": replacing(
        "server/pages.py", 'settings["page_config_hook"]', 'web_app.nothing["page_config_hook"]'
    ),
    "the gate cannot be opened": replacing("server/identity.py", "self.gate.open(checkpoint)", "self.gate.lift()"),
    "the templates are missing": without("templates"),
    "the extension is switched off by the user": configured(
        "jupyter_server_config.d/own.json", {"ServerApp": {"jpserver_extensions": {"jupyter_remote_kit": False}}}
    ),
    "the extension is switched off in a file": configured(
        "jupyter_server_config.json", {"ServerApp": {"jpserver_extensions": {"jupyter_remote_kit": False}}}
    ),
    "another identity provider is configured": configured(
        "jupyter_server_config.json", {"ServerApp": {"identity_provider_class": "jupyter_server.auth.identity.LegacyIdentityProvider"}}
    ),
}
# Whether such a setting has a say depends on the order of Jupyter's folders; where it has none, all of the kit is in force.
EITHER_WAY = {"another identity provider is configured", "the extension is switched off by the user"}


def test_the_copy_that_nobody_has_broken_serves(copy: Path, ready: Host) -> None:
    ready.up()
    with ready.http(ready.machine, f"http://127.0.0.1:{PORT}") as http:
        assert http.get("/remotekit/api/health").json() == {"status": "ok"}
    maps = Path(f"/proc/{ready.kit('status', '--json').data['pid']}/environ").read_bytes()
    assert str(copy.parent).encode() in maps


@pytest.mark.parametrize("break_", [name for name in BREAKS if name not in EITHER_WAY])
def test_nothing_is_served_when(break_: str, copy: Path, ready: Host) -> None:
    BREAKS[break_](copy, ready)
    done = ready.kit("up", "--detach", "--allow-root")
    assert done.code != 0, done.out
    assert not ready.listening(PORT), done.err
    assert ready.machine.pids() == []
    assert "Traceback" not in done.err, done.err


@pytest.mark.parametrize("break_", sorted(EITHER_WAY))
def test_it_is_served_managed_or_not_at_all_when(break_: str, copy: Path, ready: Host) -> None:
    BREAKS[break_](copy, ready)
    done = ready.kit("up", "--detach", "--allow-root")
    assert ready.listening(PORT) is (done.code == 0), done.err
    if done.code == 0:
        with ready.http(ready.machine, f"http://127.0.0.1:{PORT}") as http:
            assert http.get("/api/kernels").status_code == httpx.codes.FORBIDDEN
            status = http.get("/remotekit/api/status", headers=ready.token_header()).json()
        assert status["posture"]["mode"] == "managed"


@pytest.mark.parametrize("break_", ["the gate has a syntax error", "the handlers are missing", "the identity provider is missing"])
@pytest.mark.parametrize("options", [(), ("--detach",)], ids=["in the foreground", "detached"])
def test_the_exit_code_says_that_a_restart_would_not_help_when(break_: str, options: tuple[str, ...], copy: Path, ready: Host) -> None:
    BREAKS[break_](copy, ready)
    ready.kit("up", "--allow-root", *options).expect(78)
