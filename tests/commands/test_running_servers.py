"""What `init`, `up` and `down` do when the server of the instance is running already."""

from __future__ import annotations

import os
import signal
import socket
import ssl
import subprocess
from datetime import datetime, timezone
from pathlib import Path

import httpx
import pytest

from jupyter_remote_kit.host import certificates
from tests.commands.host import (
    LAN,
    PASSWORD,
    PATIENCE_S,
    SSH,
    Host,
    Outcome,
    console_script,
    detached,
    free_port,
    is_alive,
    within_a_minute,
)

# Dozens of real servers: once is enough, not on every Python.
pytestmark = pytest.mark.slow

NEW = "another horse battery"


def sign_in(url: str, password: str) -> int:
    """The status of the login form's answer."""
    with httpx.Client(base_url=url, trust_env=False, verify=False) as client:
        client.get("/login")
        return client.post("/login", data={"_xsrf": client.cookies["_xsrf"], "password": password}).status_code


def served_certificate(port: int) -> str:
    """What the server shows at a handshake, PEM."""
    return ssl.get_server_certificate(("127.0.0.1", port))


def own_certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate as a campus authority would issue it, and its key; a new one each time."""
    now = datetime.now(timezone.utc)
    pem = certificates.issue_leaf(certificates.make_authority(("gpu.example.org",), (), now), ("gpu.example.org",), (), now)
    folder.mkdir(exist_ok=True)
    cert, key = folder / "cert.pem", folder / "key.pem"
    cert.write_bytes(pem[: pem.index(b"-----BEGIN PRIVATE KEY")])
    key.touch(mode=0o600)
    key.write_bytes(pem[pem.index(b"-----BEGIN PRIVATE KEY") :])
    return cert, key


def test_a_password_that_init_changes_is_in_force_at_once(host: Host) -> None:
    port = free_port()
    with detached(host, *SSH, "--port", str(port), "--password-stdin", stdin=PASSWORD):
        url = f"http://127.0.0.1:{port}"
        assert sign_in(url, PASSWORD) == 302
        outcome = host.run("init", "--password-stdin", "--json", stdin=NEW)
        assert (outcome.code, outcome.codes.count("restart-needed")) == (0, 0)
        assert sign_in(url, NEW) == 302
        assert sign_in(url, PASSWORD) == 401


def test_what_could_not_reach_a_server_that_hung_is_said_and_mended_on_repetition(host: Host) -> None:
    port = free_port()
    with detached(host, *SSH, "--port", str(port), "--password-stdin", stdin=PASSWORD) as data:
        url = f"http://127.0.0.1:{port}"
        os.kill(data["pid"], signal.SIGSTOP)
        try:
            outcome = host.run("init", "--password-stdin", "--session-days", "3", "--json", stdin=NEW)
        finally:
            os.kill(data["pid"], signal.SIGCONT)
        assert (outcome.code, outcome.codes) == (1, ["control-timeout", "not-in-force"])
        assert (sign_in(url, PASSWORD), sign_in(url, NEW)) == (302, 401)
        assert {"restart-needed", "credentials-waiting"} <= set(host.run("status", "--json").codes)

        again = host.run("init", "--password-stdin", "--session-days", "3", "--json", stdin=NEW)
        assert (again.code, again.data["changed"]) == (0, False)
        assert "restart-needed" in again.codes
        assert "it has taken that up" in " ".join(again.envelope["messages"])
        assert "Nothing to do" not in again.everything
        assert (sign_in(url, NEW), sign_in(url, PASSWORD)) == (302, 401)
        assert "credentials-waiting" not in host.run("status", "--json").codes

        # What waits is said as often as it is asked, and by `up` too.
        assert "restart-needed" in host.run("init", "--json").codes
        kept = host.run("up", "--detach", "--json")
        assert (kept.code, kept.codes, kept.data["pid"]) == (0, ["restart-needed"], data["pid"])


def test_of_several_that_start_it_at_once_one_does_and_the_others_say_so(host: Host) -> None:
    argv = [console_script(), "up", "--detach", "--json", *SSH, "--port", str(free_port()), "--password-stdin"]
    starters = [
        subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=host.environment, cwd=host.home)
        for _ in range(4)
    ]
    try:
        for starter in starters:
            assert starter.stdin is not None
            starter.stdin.write(PASSWORD.encode())
            starter.stdin.close()
            starter.stdin = None
        told = [Outcome(starter.wait(PATIENCE_S), *(text.decode() for text in starter.communicate())) for starter in starters]
    finally:
        host.run("down")
    assert [outcome.code for outcome in told] == [0] * 4, told
    assert len({outcome.data["pid"] for outcome in told}) == 1
    assert sum("is already running as process" in " ".join(outcome.envelope["messages"]) for outcome in told) == 3


def test_what_waits_for_a_restart_is_said(host: Host) -> None:
    port = free_port()
    with detached(host, *LAN, "--port", str(port), stdin=PASSWORD) as data:
        # Its certificate has been looked at by now; to issue one takes 9 MB more.
        assert "certificate-lacks" not in host.run("status", "--json").codes
        assert "cryptography" not in Path(f"/proc/{data['pid']}/maps").read_text()
        outcome = host.run("init", "--plain-http", "--json")
        assert (outcome.code, outcome.data["changed"]) == (0, True)
        (problem,) = [found for found in outcome.envelope["problems"] if found["code"] == "restart-needed"]
        assert problem["message"] == "The running server takes up plain_http at its next start."

        other = host.run("up", "--detach", "--port", str(free_port()), "--json")
        assert (other.code, other.codes) == (1, ["restart-needed"])
        assert host.instance()["ServerApp"]["port"] == port


def test_a_certificate_that_others_have_renewed_is_served(host: Host) -> None:
    port = free_port()
    cert, key = own_certificate(host.folder / "campus")
    with detached(host, *LAN, "--port", str(port), "--certfile", str(cert), "--keyfile", str(key), stdin=PASSWORD):
        before = served_certificate(port)
        own_certificate(host.folder / "campus")
        assert host.run("init", "--json").data["changed"] is False
        after = served_certificate(port)
        assert after != before
        assert after.strip() in cert.read_text()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.parametrize("late", ["notebooks", "certificate"])
def test_a_service_waits_for_a_disk_that_is_mounted_late(host: Host, late: str) -> None:
    port, disk, away = free_port(), host.folder / late, host.folder / "away"
    cert, key = own_certificate(host.folder / "certificate")
    root_dir = host.folder / "notebooks" / "mei"
    options = ("--port", str(port), "--root-dir", str(root_dir), "--certfile", str(cert), "--keyfile", str(key))
    host.must("init", *LAN, *options, stdin=PASSWORD)
    disk.rename(away)
    if late == "notebooks":
        # Where root itself can make no folder.
        disk.touch()
    with subprocess.Popen(
        [console_script(), "service", "run"], env=host.environment, cwd=host.home, stderr=subprocess.PIPE, text=True
    ) as one:
        try:
            assert one.stderr is not None
            assert "is not there yet: waiting" in one.stderr.readline()
            disk.unlink(missing_ok=True)
            away.rename(disk)
            assert within_a_minute(lambda: _listens(port))
        finally:
            one.terminate()


def test_the_servers_of_other_instances_take_what_a_new_authority_issues(host: Host) -> None:
    first, second = free_port(), free_port()
    with (
        detached(host, *LAN, "--port", str(first), stdin=PASSWORD),
        detached(host, *LAN, "--instance", "b", "--port", str(second), stdin=PASSWORD),
    ):
        before = served_certificate(first)
        host.must("init", "--instance", "b", "--allow-host", "gpu.example.org", "--new-authority")
        trusted = ssl.create_default_context(cafile=str(host.layout.ca_certificate_file))
        for port in (first, second):
            answer = httpx.get(f"https://localhost:{port}/remotekit/api/health", verify=trusted, trust_env=False)
            assert answer.json() == {"status": "ok"}
        assert served_certificate(first) != before


def test_hints_are_for_the_instance_that_they_are_about(host: Host) -> None:
    port = free_port()
    with detached(host, *SSH, "--instance", "gpu2", "--port", str(port)):
        again = host.run("up", "--instance", "gpu2", "--json")
        assert again.code == 1
        assert again.envelope["problems"][0]["hint"] == (
            "See jupyter remotekit urls --instance gpu2, or stop it: jupyter remotekit down --instance gpu2"
        )
        removed = host.run("remove", "--yes", "--instance", "gpu2", "--json")
        assert removed.envelope["problems"][0]["hint"] == "Stop it first: jupyter remotekit down --instance gpu2"


def test_a_server_that_hangs_is_ended_by_what_it_wrote_of_itself(host: Host) -> None:
    with detached(host, *SSH, "--port", str(free_port())) as data:
        os.kill(data["pid"], signal.SIGSTOP)
        outcome = host.run("down", "--json")
        assert (outcome.code, outcome.data["pid"]) == (0, data["pid"])
        assert not is_alive(data["pid"])


def test_the_urls_have_the_users_base_url(host: Host) -> None:
    config = host.layout.config_dir / "jupyter_server_config.py"
    config.parent.mkdir(parents=True, exist_ok=True)
    config.write_text("c.ServerApp.base_url = '/jup'\n")
    port = free_port()
    with detached(host, *SSH, "--port", str(port)) as data:
        assert data["lab"] == [f"http://localhost:{port}/jup/lab"]
        assert host.run("urls", "--json").data["lab"] == data["lab"]


def test_a_browser_that_cannot_be_opened_costs_a_warning(host: Host) -> None:
    # BROWSER names the one program that `webbrowser` may try.
    host.variables["BROWSER"] = "/nonexistent"
    port = free_port()
    with detached(host, *SSH, "--port", str(port), "--ip", "::1", "--open") as data:
        assert data["pid"]
        again = host.run("up", "--detach", "--open", "--json")
        assert (again.code, again.codes[-1]) == (0, "no-browser")
