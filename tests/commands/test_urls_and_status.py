"""What to open where, and what is."""

from __future__ import annotations

import json
import os
import re
import stat
import subprocess
import sys
import tempfile
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
import segno

from tests.commands.host import LAN, PASSWORD, Host

LAN_HOSTS = ("--allow-host", "gpu.example.org", "--allow-host", "2001:db8::7")


def test_on_a_network_each_address_has_its_urls(host: Host) -> None:
    host.must("init", *LAN, *LAN_HOSTS, "--port", "8843", stdin=PASSWORD)
    data = host.run("urls", "--json").data
    assert {"https://gpu.example.org:8843/lab", "https://[2001:db8::7]:8843/lab"} <= set(data["lab"])
    assert all(urlsplit(url).port == 8843 and urlsplit(url).scheme == "https" for url in data["lab"])
    assert not any("localhost" in url or "127.0.0.1" in url for url in data["lab"])
    assert [urlsplit(url).netloc for url in data["token"]] == [urlsplit(url).netloc for url in data["lab"]]
    assert {parse_qs(urlsplit(url).query)["token"][0] for url in data["token"]} == {host.token}
    assert data["ca"] == str(host.layout.ca_certificate_file)
    assert data["ssh"].startswith("ssh -N -L 8843:127.0.0.1:8843 ")


def test_one_address_is_the_one_that_is_listened_on(host: Host) -> None:
    host.must("init", *LAN, "--ip", "::1", stdin=PASSWORD)
    data = host.run("urls", "--json").data
    assert data["lab"] == ["https://[::1]:8800/lab"]
    assert data["ssh"].startswith("ssh -N -L 8800:[::1]:8800 ")


def test_over_ssh_the_line_comes_first_and_the_browser_stays_at_home(ssh_host: Host) -> None:
    data = ssh_host.run("urls", "--json").data
    assert data["lab"] == ["http://localhost:8800/lab"]
    assert data["token"] == [f"http://localhost:8800/?token={ssh_host.token}"]
    assert data["ca"] is None
    lines = ssh_host.must("urls").out.splitlines()
    assert lines[0] == f"First, on the laptop: {data['ssh']}"
    assert "JupyterLab: http://localhost:8800/lab" in lines


@pytest.mark.parametrize(("more", "scheme"), [((), "https"), (("--plain-http",), "http")], ids=["tls", "clear"])
def test_through_a_relay_the_browser_speaks_to_the_near_end(host: Host, more: tuple[str, ...], scheme: str) -> None:
    host.must("init", "--access", "relay", "--allow-root", "--password-stdin", *more, stdin=PASSWORD)
    assert host.run("urls", "--json").data["lab"] == [f"{scheme}://localhost:8800/lab"]


def test_the_private_ca_is_explained_for_each_program(lan_host: Host) -> None:
    text = lan_host.must("urls").out
    assert re.search(rf"^  scp \S+@\S+:{re.escape(str(lan_host.layout.ca_certificate_file))} ", text, re.MULTILINE)
    assert all(f"  {program}:" in text for program in ("Browser", "VS Code", "PyCharm"))
    assert re.search(r"^  jupyter remotekit trust \S+@\S+$", text, re.MULTILINE)
    assert f"  Its SHA-256 fingerprint: {lan_host.run('trust', '--here', '--json').data['fingerprint']}\n" in text
    lan_host.must("init", "--plain-http")
    assert "scp" not in lan_host.must("urls").out


def test_the_qr_code_is_the_first_url_without_the_token(ssh_host: Host) -> None:
    plain, drawn = ssh_host.must("urls").out, ssh_host.must("urls", "--qr").out
    assert drawn.startswith(plain)
    block = drawn[len(plain) :].splitlines()
    rows = [[half for line in [line] for half in _half(line, upper)] for line in block for upper in (True, False)]
    expected = [[not cell for cell in row] for row in segno.make("http://localhost:8800/lab", error="l", micro=False).matrix_iter(border=4)]
    assert rows[: len(expected)] == expected


def _half(line: str, upper: bool) -> list[bool]:
    """Which cells of the upper or the lower half of a line of half blocks are drawn."""
    return [letter == "\u2588" or letter == ("\u2580" if upper else "\u2584") for letter in line]


def test_a_server_that_does_not_run_is_said(ssh_host: Host) -> None:
    outcome = ssh_host.run("urls", "--json")
    assert outcome.code == 0
    assert outcome.envelope["problems"] == [
        {"code": "not-running", "message": "The server is not running.", "hint": "jupyter remotekit up"}
    ]


def test_urls_changes_nothing(lan_host: Host) -> None:
    before = lan_host.tree()
    lan_host.must("urls", "--qr")
    assert lan_host.tree() == before


def test_status_without_an_instance(host: Host) -> None:
    outcome = host.run("status", "--json")
    assert (outcome.code, outcome.data) == (0, {"instance": "default", "running": False, "configured": False})
    assert host.must("status").out == "There is no instance 'default' yet.\n"
    assert list(host.folder.iterdir()) == [host.home]


def test_status_without_a_server(ssh_host: Host) -> None:
    outcome = ssh_host.run("status", "--json")
    assert outcome.code == 0
    assert {key: outcome.data[key] for key in ("instance", "running", "configured", "access", "port")} == {
        "instance": "default",
        "running": False,
        "configured": True,
        "access": "ssh",
        "port": 8800,
    }
    assert ssh_host.must("status").out.startswith("The instance 'default' is not running.\nAccess: ssh\nPort: 8800\n")


def test_status_tells_the_settings_of_the_gate(ssh_host: Host) -> None:
    options = ("--allow-network", "10.1.2.3/8", "--allow-network", "fd00::7", "--trusted-proxy", "127.0.0.1", "--session-days", "3")
    ssh_host.must("init", *options)
    settings = ssh_host.run("status", "--json").data["settings"]
    assert {key: settings[key] for key in ("allow_networks", "trusted_proxies", "session_days", "hsts")} == {
        "allow_networks": ["10.0.0.0/8", "fd00::7/128"],
        "trusted_proxies": ["127.0.0.1/32"],
        "session_days": 3,
        "hsts": False,
    }
    assert ssh_host.must("status").out.endswith("\nNetworks: 10.0.0.0/8, fd00::7/128\nTrusted proxies: 127.0.0.1/32\n")


def test_status_where_a_killed_server_left_its_socket(ssh_host: Host) -> None:
    import socket

    ssh_host.layout.runtime_dir.mkdir(mode=0o700)
    path = ssh_host.layout.control_socket("default")
    with socket.socket(socket.AF_UNIX) as dead:
        # The path may be longer than the kernel takes.
        import os

        here = Path.cwd()
        os.chdir(path.parent)
        try:
            dead.bind(path.name)
        finally:
            os.chdir(here)
    path.chmod(0o600)
    assert stat.S_ISSOCK(path.stat().st_mode)
    assert ssh_host.run("status", "--json").data["running"] is False


def test_something_else_in_the_place_of_the_socket_is_refused(ssh_host: Host) -> None:
    ssh_host.layout.runtime_dir.mkdir(mode=0o700)
    ssh_host.layout.control_socket("default").write_text("no socket")
    outcome = ssh_host.run("status", "--json")
    assert (outcome.code, outcome.codes) == (78, ["control-socket-exposed"])


def test_status_speaks_the_terminals_language(ssh_host: Host) -> None:
    ssh_host.variables["LANG"] = "zh_CN.UTF-8"
    assert ssh_host.run("status", "--json").envelope["messages"] == ["\u5b9e\u4f8b 'default' \u6ca1\u6709\u8fd0\u884c\u3002"]


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, which has made the files")
@pytest.mark.parametrize(
    ("made", "command"), [(".jupyter", "status"), (".jupyter", "urls"), (".jupyter", "up"), (".local/share/jupyter/runtime", "status")]
)
def test_what_root_has_made_in_a_users_home_is_not_taken_for_nothing(made: str, command: str) -> None:
    """As `sudo jupyter remotekit init` does where sudo keeps HOME."""
    uid = 12345
    with tempfile.TemporaryDirectory(dir="/tmp") as home:
        Path(home).chmod(0o755)
        os.chown(home, uid, uid)
        (Path(home) / made).mkdir(parents=True)
        (Path(home) / made).chmod(0o700)
        argv = ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups", sys.executable, "-m", "jupyter_remote_kit", command]
        env = {"PATH": os.environ["PATH"], "HOME": home}
        done = subprocess.run([*argv, "--json"], env=env, cwd="/", capture_output=True, text=True, check=False)
        if "Traceback" not in done.stderr and not done.stdout:
            pytest.skip("another account cannot run this interpreter")
        (problem,) = json.loads(done.stdout)["problems"]
        assert (problem["code"], done.returncode) == ("permission", 1)
        assert problem["hint"] == f"sudo chown -R {uid} {Path(home) / made}"
        subprocess.run(problem["hint"].removeprefix("sudo "), shell=True, check=True)
        again = subprocess.run([*argv, "--json"], env=env, cwd="/", capture_output=True, text=True, check=False)
        assert "permission" not in again.stdout
