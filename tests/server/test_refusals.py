"""What a managed server must not start with: 78, one line a finding, and no listener."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from jupyter_remote_kit.plan.refusal import parse_line
from jupyter_remote_kit.settings import Access

if TYPE_CHECKING:
    from tests.server.conftest import Machine

# Dozens of real servers: once is enough, not on every Python.
pytestmark = pytest.mark.slow

Traits = dict[str, dict[str, Any]]
TOKEN = "canary-token-0123456789abcdef0123456789"


def codes(lines: list[str]) -> list[str]:
    return [found[0] for found in map(parse_line, lines) if found]


def change(section: str, **values: Any) -> Callable[[Traits], None]:
    def apply(traits: Traits) -> None:
        traits[section].update(values)

    return apply


IDENTITY, SERVER, KIT = "RemoteKitIdentityProvider", "ServerApp", "RemoteKit"
WEAK = "argon2:$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHRzb21l$aGFzaGhhc2hoYXNoaGFzaA"


@pytest.mark.parametrize(
    ("apply", "expected"),
    [
        (change(IDENTITY, token="a" * 31), ["token-short"]),
        (change(IDENTITY, token="", hashed_password="", password_required=False), ["no-credentials"]),
        (change(IDENTITY, hashed_password="sha1:12:34"), ["hash-not-argon2id"]),
        (change(IDENTITY, hashed_password="argon2:$argon2i$v=19$m=65536,t=3,p=4$c29tZXNhbHQ$aGFzaGhhc2hoYXNo"), ["hash-not-argon2id"]),
        (change(IDENTITY, hashed_password="argon2:$argon2id$v=19$m=1"), ["hash-broken"]),
        (change(IDENTITY, token="", hashed_password="plaintext"), ["hash-not-argon2id", "no-credentials"]),
        (change(IDENTITY, allow_password_change=True), ["password-change-in-page"]),
        (change(IDENTITY, hashed_password="", password_required=True), ["password-missing"]),
        (change(SERVER, disable_check_xsrf=True), ["xsrf-checks-off"]),
        (change(SERVER, allow_unauthenticated_access=True), ["unauthenticated-access"]),
        (change(SERVER, allow_origin="*"), ["any-origin"]),
        (change(SERVER, allow_origin_pat=".*"), ["any-origin"]),
        (change(SERVER, trust_xheaders=True), ["any-proxy-trusted"]),
        (change(SERVER, allow_root=False), ["as-root"]),
        (change(SERVER, ip=""), ["bound-beyond-loopback"]),
        (change(KIT, access="lan"), ["plain-http"]),
        (change(KIT, access="relay"), ["plain-http"]),
        (change(SERVER, root_dir="/no/such/folder"), ["instance-setting"]),
        (change(SERVER, port="8800"), ["instance-file-broken"]),
        (change(KIT, access="moon"), ["instance-file-broken"]),
        (change(KIT, instance="another"), ["instance-file-broken"]),
    ],
)
def test_an_instance_that_the_policy_refuses(machine: Machine, apply: Callable[[Traits], None], expected: list[str]) -> None:
    if expected == ["as-root"] and os.geteuid() != 0:
        pytest.skip("needs root")
    settings = machine.settings()
    traits = machine.traits(settings)
    apply(traits)
    machine.write(settings, traits)
    lines = machine.refusal(settings)
    assert codes(lines) == expected
    assert all(" — " in line for line in lines)
    assert TOKEN not in "".join(lines)
    assert not machine.layout.runtime_file("default").exists()


@pytest.mark.parametrize(
    ("text", "named"),
    [("", "line 1"), ("{\n  'RemoteKit': 1}", "line 2"), ("[]", "line 1"), ('{"RemoteKit": {}}', "line 1"), ("\x00\xff", "line 1")],
)
def test_an_instance_file_that_is_none(machine: Machine, text: str, named: str) -> None:
    settings = machine.settings()
    path = machine.write(settings)
    path.write_text(text)
    lines = machine.refusal(settings)
    assert codes(lines) == ["instance-file-broken"]
    assert f"{path}, {named}" in lines[0]


def test_an_instance_file_that_is_no_text(machine: Machine) -> None:
    settings = machine.settings()
    path = machine.write(settings)
    path.write_bytes(path.read_bytes().replace(b'"root_dir": "', b'"root_dir": "/\xe9', 1))
    line = path.read_bytes().partition(b"\xe9")[0].count(b"\n") + 1
    lines = machine.refusal(settings)
    assert codes(lines) == ["instance-file-broken"]
    assert f"{path}, line {line}: not UTF-8" in lines[0]


@pytest.mark.parametrize("part", ["pages.blank_tokens", "tuning.settle"])
def test_protection_that_cannot_be_set_up(machine: Machine, part: str) -> None:
    settings = machine.settings()
    machine.write(settings)
    module, _, function = part.partition(".")
    path = machine.broken_copy() / "server" / f"{module}.py"
    path.write_text(path.read_text() + f"\n\ndef {function}(*_: object) -> None:\n    raise OSError('half an upgrade')\n")
    lines = machine.refusal(settings)
    assert codes(lines) == ["not-protected"]
    assert "OSError: half an upgrade" in lines[0]
    assert not list(machine.layout.runtime_dir.glob("jpserver-*"))


def test_an_extension_that_opens_a_hole_while_it_is_loaded(machine: Machine) -> None:
    settings = machine.settings()
    machine.write(settings)
    (machine.home / "site").mkdir()
    (machine.home / "site" / "opener.py").write_text(
        "def _jupyter_server_extension_points():\n    return [{'module': 'opener'}]\n\n\n"
        "def _load_jupyter_server_extension(app):\n    app.web_app.settings['allow_unauthenticated_access'] = True\n"
    )
    machine.broken_copy()
    machine.configure("jupyter_server_config.json", '{"ServerApp": {"jpserver_extensions": {"opener": true}}}')
    assert codes(machine.refusal(settings)) == ["unauthenticated-access"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_what_belongs_to_somebody_else(machine: Machine) -> None:
    settings = machine.settings()
    machine.write(settings)
    folder = machine.layout.instance_data_dir("default")
    os.chown(folder, 12345, -1)
    lines = machine.refusal(settings)
    assert codes(lines) == ["exposed-path"]
    assert f"{folder} belongs to another user (12345)" in lines[0]
    assert lines[0].endswith(f'sudo chown -R "$(id -u)" {folder}')


@pytest.mark.parametrize("mode", [0o777, 0o1777, 0o702])
def test_a_runtime_folder_that_others_can_write_to(machine: Machine, mode: int) -> None:
    settings = machine.settings()
    machine.write(settings)
    machine.layout.runtime_dir.chmod(mode)
    lines = machine.refusal(settings)
    assert codes(lines) == ["runtime-folder-exposed"]
    assert f"{machine.layout.runtime_dir} (mode {mode:04o})" in lines[0]


def test_no_instance_file(machine: Machine) -> None:
    settings = machine.settings()
    machine.write(settings).unlink()
    server = machine.run(machine_argv(machine, settings), settings, {}, machine.home, verify=True)
    assert server.ended() == 78, server.output
    assert codes(server.output.splitlines()) == ["no-instance"]


def machine_argv(machine: Machine, settings: Any) -> tuple[str, ...]:
    import sys

    from jupyter_remote_kit.plan import launch

    return launch.plan_launch(settings.instance, machine.layout, Path(sys.executable), "").argv


@pytest.mark.parametrize("what", ["file", "folder", "data", "tls", "leaf", "secret"])
def test_what_others_can_read(machine: Machine, what: str) -> None:
    settings = machine.settings(access=Access.LAN)
    machine.issue_leaf()
    path = machine.write(settings)
    secret = machine.layout.runtime_dir / "jupyter_cookie_secret"
    exposed = {
        "file": path,
        "folder": machine.layout.instances_dir,
        "data": machine.layout.instance_data_dir("default"),
        "tls": machine.layout.tls_dir,
        "leaf": machine.layout.leaf_file("default"),
        "secret": secret,
    }[what]
    secret.write_text("x" * 40)
    secret.chmod(0o600)
    exposed.chmod(0o755)
    lines = machine.refusal(settings)
    assert codes(lines) == ["exposed-path"]
    assert str(exposed) in lines[0]
    assert "0755" in lines[0]


def test_a_certificate_that_does_not_fit_its_key(machine: Machine) -> None:
    settings = machine.settings(access=Access.LAN)
    machine.issue_leaf()
    leaf = machine.layout.leaf_file("default")
    leaf.write_text(leaf.read_text().partition("-----BEGIN PRIVATE KEY")[0])
    assert codes(machine.refusal(settings)) == ["certificate-unusable"]


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("jupyter_server_config.py", "c.ServerApp.disable_check_xsrf = True", ["xsrf-checks-off"]),
        ("jupyter_server_config.json", '{"ServerApp": {"allow_origin": "*"}}', ["any-origin"]),
        ("jupyter_lab_config.py", "c.ServerApp.disable_check_xsrf = True", ["xsrf-checks-off"]),
        ("jupyter_lab_config.py", "c.NotebookApp.allow_origin = '*'", ["any-origin"]),
        ("jupyter_remotekit_config.json", '{"ServerApp": {"trust_xheaders": true}}', ["any-proxy-trusted"]),
        ("jupyter_config.py", "c.ServerApp.trust_xheaders = True", ["any-proxy-trusted"]),
        ("jupyter_server_config.json", '{"ServerApp": {"jpserver_extensions": {"jupyter_remote_kit": false}}}', ["extension-disabled"]),
        ("jupyter_server_config.py", "c.ServerApp.jpserver_extensions = {'jupyter_remote_kit': False}", ["extension-disabled"]),
    ],
)
def test_settings_of_the_users_own_that_open_a_hole(machine: Machine, name: str, text: str, expected: list[str]) -> None:
    settings = machine.settings()
    machine.write(settings)
    machine.configure(name, text + "\n")
    assert codes(machine.refusal(settings)) == expected


def test_the_extension_is_not_installed_for_this_server(machine: Machine) -> None:
    settings = machine.settings()
    machine.enabling.write_text(json.dumps({"ServerApp": {"jpserver_extensions": {"jupyter_remote_kit": False}}}))
    assert codes(machine.refusal(settings)) == ["extension-disabled"]


def test_another_identity_provider(machine: Machine) -> None:
    settings = machine.settings()
    machine.write(settings)
    argv = [word for word in machine_argv(machine, settings) if "identity_provider_class" not in word]
    theirs = "--ServerApp.identity_provider_class=jupyter_server.auth.identity.IdentityProvider"
    server = machine.run((*argv, theirs), settings, {}, machine.home, verify=True)
    assert server.ended() == 78, server.output
    assert "refused [identity-provider]: jupyter_server.auth.identity.IdentityProvider decides" in server.output


def test_without_a_provider_in_argv_ours_is_put_in(machine: Machine) -> None:
    settings = machine.settings()
    machine.write(settings)
    argv = [word for word in machine_argv(machine, settings) if "identity_provider_class" not in word]
    server = machine.run(tuple(argv), settings, {}, machine.home, verify=True)
    assert server.ready()["posture"]["mode"] == "managed"
    with server.client() as client:
        assert client.get("/api/kernels").status_code == 403


@pytest.mark.parametrize(
    ("part", "how"),
    [
        ("server/gate.py", "missing"),
        ("server/identity.py", "damaged"),
        ("server/extension.py", "damaged"),
        ("server/login.py", "missing"),
        ("server/control.py", "missing"),
        ("server/status.py", "damaged"),
        ("server/pages.py", "missing"),
        ("server/parts.py", "missing"),
        ("server/tls.py", "damaged"),
        ("host/files.py", "missing"),
        ("host/load.py", "damaged"),
        ("plan/policy.py", "damaged"),
    ],
)
def test_a_broken_kit_never_serves(machine: Machine, part: str, how: str) -> None:
    settings = machine.settings()
    machine.write(settings)
    path = machine.broken_copy() / part
    if how == "missing":
        path.unlink()
    else:
        path.write_text(path.read_text()[: path.stat().st_size // 2] + "\nraise RuntimeError('half an upgrade') (\n")
    server = machine.start(settings)
    assert server.ended() in {1, 78}, server.output
    assert "is running at" not in server.output


def test_refused_before_any_listen(machine: Machine) -> None:
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed")
    settings = machine.settings()
    traits = machine.traits(settings)
    traits[SERVER]["disable_check_xsrf"] = True
    machine.write(settings, traits)
    trace = machine.home / "trace"
    tracing = ("strace", "-f", "-qq", "-e", "trace=listen,bind", "-o", str(trace))
    refused = machine.start(settings, before=tracing)
    assert refused.ended(60) == 78, refused.output
    assert "listen(" not in trace.read_text()
    machine.write(settings)
    served = machine.start(settings, before=tracing)
    served.ready()
    # Otherwise the first half would prove nothing.
    assert "listen(" in trace.read_text()
    served.control.shutdown()
    assert served.ended(60) == 0
