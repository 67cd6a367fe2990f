"""Login profiles of a real host: used where they work, else left out, said in one line and remembered."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from jupyter_remote_kit.plan.shell import PROFILE_S
from tests.connect.cases.profiles import FOREVER
from tests.connect.stage import Host, Lab, User
from tests.connect.stage.connection import FINDS_KIT, connected
from tests.connect.stage.machine import KIT
from tests.connect.stage.remains import nothing_more
from tests.e2e.stage.waiting import until

SHELLS = {"bob": "/bin/bash", "zoe": "/usr/bin/zsh", "finn": "/usr/bin/fish", "dora": "/bin/dash"}
FILES = {"bob": ".bash_profile", "zoe": ".zprofile", "finn": ".config/fish/config.fish", "dora": ".profile"}


@pytest.fixture(scope="module")
def gpu(lab: Lab) -> Host:
    """A host with a user of each login shell."""
    return lab.host("gpu", *(User(name, shell) for name, shell in SHELLS.items()))


def profile(host: Host, user: str, text: str) -> None:
    """What the user's login shell reads."""
    if user == "finn":
        text = f"if status is-login\n{text}\nend"
    host.write(f"/home/{user}/{FILES[user]}", f"{text}\n", user=user)


def started(lab: Lab, user: str) -> list[dict[str, Any]]:
    """Start the server there; what is said beside."""
    done = lab.laptop.kit("start", f"{user}@gpu", "--json", *FINDS_KIT)
    envelope = json.loads(done.stdout)
    assert envelope["ok"] is True, done.stdout
    problems: list[dict[str, Any]] = envelope["problems"]
    return problems


def stopped(lab: Lab, user: str) -> None:
    assert json.loads(lab.laptop.kit("stop", f"{user}@gpu", "--json", *FINDS_KIT).stdout)["data"]["changed"] is True


def options(lab: Lab, user: str) -> tuple[str, bool | None]:
    """The name of that host in the laptop's book, and whether its profile is read."""
    hosts = json.loads(lab.laptop.kit("hosts", "--json").stdout)["data"]["hosts"]
    (known,) = [host for host in hosts if host["target"] == f"{user}@gpu"]
    return known["name"], known["options"]["login_profile"]


@pytest.mark.parametrize("user", SHELLS)
def test_one_that_ends_the_shell_is_left_out(lab: Lab, gpu: Host, user: str) -> None:
    profile(gpu, user, "exec sh")
    with nothing_more(lab):
        problems = started(lab, user)
        stopped(lab, user)
    (problem,) = problems
    name, read = options(lab, user)
    assert (problem["code"], read) == ("profile-ended", False)
    # A name that was made for URLs is nothing that a person types.
    typed = name if name == "gpu" else f"{user}@gpu"
    assert f" on {typed} ends the shell" in problem["message"]
    assert problem["hint"].endswith(f": {KIT} hosts set {typed} --login-profile")


def test_one_that_is_mended_is_read_again(lab: Lab, gpu: Host) -> None:
    profile(gpu, "bob", "exit 3")
    lab.laptop.kit("hosts", "set", options(lab, "bob")[0], "--default", "login-profile", check=True)
    (problem,) = started(lab, "bob")
    stopped(lab, "bob")
    profile(gpu, "bob", "export FROM_PROFILE=yes")
    lab.laptop.kit(*problem["hint"].partition(f": {KIT} ")[2].split(), check=True)
    assert started(lab, "bob") == []
    servers = [process for process in gpu.processes() if "jupyter_remote_kit.server" in process.argv]
    assert any(b"FROM_PROFILE=yes" in Path(f"/proc/{process.pid}/environ").read_bytes().split(b"\0") for process in servers)
    stopped(lab, "bob")


def test_one_that_hangs_costs_its_time_once(lab: Lab, gpu: Host) -> None:
    profile(gpu, "bob", FOREVER)
    lab.laptop.kit("hosts", "set", options(lab, "bob")[0], "--default", "login-profile", check=True)
    with nothing_more(lab):
        begun = time.monotonic()
        assert [problem["code"] for problem in started(lab, "bob")] == ["profile-late"]
        assert time.monotonic() - begun > PROFILE_S
        with connected(lab.laptop, "bob@gpu") as connection:
            assert connection.answers()
            assert connection.stop() == 0
        assert started(lab, "bob") == []
        stopped(lab, "bob")


def test_one_in_which_the_kit_does_not_start_is_left(lab: Lab, gpu: Host) -> None:
    profile(gpu, "bob", "export PYTHONHOME=/gone; ulimit -v 60000")
    lab.laptop.kit("hosts", "set", options(lab, "bob")[0], "--default", "login-profile", check=True)
    with connected(lab.laptop, "bob@gpu", "--stop-on-exit") as connection:
        assert connection.answers()
        assert connection.stop() == 0
    assert options(lab, "bob")[1] is False


def test_ctrl_c_while_it_hangs_leaves_nothing(lab: Lab, gpu: Host) -> None:
    profile(gpu, "bob", f"{FOREVER} & {FOREVER}")
    with nothing_more(lab):
        process = lab.laptop.popen(
            KIT, "connect", "bob@gpu", "--login-profile", "--json", "--no-browser", *FINDS_KIT,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        until(lambda: sum(row.argv == tuple(FOREVER.split()) for row in gpu.processes()) == 2, "the profile to hang", 60)
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=30)
    assert (process.returncode, json.loads(out)["problems"][0]["code"]) == (1, "interrupted")
