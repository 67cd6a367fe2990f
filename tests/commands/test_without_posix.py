"""A laptop with Windows runs what is for laptops, and says of the rest where it belongs."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from jupyter_remote_kit import cli
from jupyter_remote_kit.commands import service
from tests.commands.host import Host, free_port

WINDOWS = Path(__file__).parent / "windows.py"
GONE = """
import os, signal, sys
sys.path[0] = {folder!r}
from windows import take_posix_away
take_posix_away()
for name in ("fcntl", "pwd", "termios"):
    try:
        __import__(name)
    except ImportError:
        continue
    raise SystemExit(name)
assert not hasattr(os, "geteuid") and not hasattr(os, "O_NOFOLLOW") and not hasattr(signal, "SIGPIPE")
"""


EXTENSIONS = """
import sys
sys.path[0] = {folder!r}
from windows import take_posix_away
take_posix_away()
import jupyter_remote_kit
print(jupyter_remote_kit._jupyter_server_extension_points())
"""


def run(host: Host, *argv: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {**host.environment, **variables}
    return subprocess.run(
        [sys.executable, str(WINDOWS), *argv], env=environment, cwd=host.home, capture_output=True, text=True, timeout=60, check=False
    )


def data(host: Host, *argv: str) -> dict[str, Any]:
    done = run(host, *argv, "--json")
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    found: dict[str, Any] = json.loads(done.stdout)["data"]
    return found


def test_what_windows_lacks_is_not_there(host: Host) -> None:
    done = subprocess.run([sys.executable, "-c", GONE.format(folder=str(WINDOWS.parent))], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_laptops_own_jupyterlab_gets_no_extension(host: Host) -> None:
    code = EXTENSIONS.format(folder=str(WINDOWS.parent))
    done = subprocess.run([sys.executable, "-c", code], env=host.environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "[]\n", "")


@pytest.mark.parametrize("option", ["--help", "--version"])
def test_the_kit_says_what_it_is(host: Host, option: str) -> None:
    done = run(host, option)
    assert (done.returncode, done.stderr) == (0, "")
    assert "remote" in done.stdout


@pytest.mark.parametrize("command", sorted(cli.CLIENT_COMMANDS))
def test_each_command_of_a_laptop_has_its_help(host: Host, command: str) -> None:
    done = run(host, command, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"Usage: jupyter remotekit {command}")


def test_the_address_book_is_kept(host: Host) -> None:
    assert data(host, "hosts", "add", "alice@gpu.lab.org", "--name", "gpu", "--project-dir", "~/work")["changed"] is True
    assert data(host, "hosts", "add", "alice@gpu.lab.org", "--name", "gpu", "--project-dir", "~/work")["changed"] is False
    assert data(host, "hosts", "rename", "gpu", "box")["host"]["url_name"].endswith("box.localhost")
    (known,) = data(host, "hosts", "list")["hosts"]
    assert (known["name"], known["target"], known["options"]["project_dir"]) == ("box", "alice@gpu.lab.org", "~/work")
    assert data(host, "hosts", "remove", "box")["changed"] is True
    assert data(host, "hosts")["hosts"] == []


def test_what_was_edited_by_hand_is_copied(host: Host) -> None:
    data(host, "hosts", "add", "gpu")
    file = host.layout.hosts_file
    file.write_text(file.read_text().replace("  ", "\t"))
    data(host, "hosts", "add", "cpu")
    (copy,) = host.layout.backups_dir.iterdir()
    assert "\t" in copy.read_text()
    assert [known["name"] for known in data(host, "hosts")["hosts"]] == ["gpu", "cpu"]


def test_a_shell_of_a_laptop_completes(host: Host) -> None:
    data(host, "hosts", "add", "gpu-box")
    done = run(host, _JUPYTER_REMOTEKIT_COMPLETE="bash_complete", COMP_LINE="jupyter-remotekit connect gp")
    assert (done.returncode, done.stdout, done.stderr) == (0, "plain\tgpu-box\tgpu-box\n", "")


@pytest.mark.parametrize("argv", [("start",), ("stop",), ("connect", "--no-browser"), ("trust", "--yes")], ids=" ".join)
def test_a_host_that_does_not_answer_is_one_sentence(host: Host, argv: tuple[str, ...]) -> None:
    """The system's ssh is called as one on Windows: without a master."""
    done = run(host, *argv, f"alice@127.0.0.1:{free_port()}")
    assert (done.returncode, done.stdout) == (1, "")
    error, hint = done.stderr.splitlines()[-2:]
    assert error.startswith("error: ")
    assert "Connection refused" in error
    assert hint.startswith("  hint: Try it by hand: ssh ")


@pytest.mark.parametrize(
    "argv",
    [
        *((command,) for command in cli.COMMANDS if command not in cli.CLIENT_COMMANDS),
        *(("service", verb) for verb in service.VERBS),
        ("up", "--help"),
    ],
    ids=" ".join,
)
def test_what_is_for_hosts_is_one_sentence(host: Host, argv: tuple[str, ...]) -> None:
    done = run(host, *argv)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines() == [
        f"error: jupyter remotekit {argv[0]} runs on the host, which is Linux or macOS.",
        "  hint: Log in there, and run it: ssh user@host",
    ]


def test_what_is_for_hosts_is_one_object(host: Host) -> None:
    done = run(host, "up", "--json")
    found = json.loads(done.stdout)
    assert (done.returncode, done.stderr, found["command"]) == (1, "", "up")
    assert [problem["code"] for problem in found["problems"]] == ["host-command"]
