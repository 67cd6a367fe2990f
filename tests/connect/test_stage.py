"""The stage itself: what the other tests here take for granted."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from jupyter_remote_kit import __version__
from tests.connect.stage import KIT, Disk, Host, Lab, User, faults
from tests.e2e.stage.waiting import until

PASSWORD = "Lange Leitung 7"
PASSPHRASE = "offen, Sesam"
HOSTS = 20
# Small enough that a test is short, long enough that nothing but a cut line is meant.
WATCHFUL = ("-o", "ServerAliveInterval=1", "-o", "ServerAliveCountMax=2", "-o", "ConnectTimeout=2")
SHELLS = ("/bin/bash", "/bin/dash", "/usr/bin/zsh", "/usr/bin/fish", "/usr/bin/tcsh")
TELLS_OF_SIGNALS = """
import signal
signal.signal(signal.SIGINT, lambda *_: print("got", flush=True))
print("up", flush=True)
while True:
    signal.pause()
"""
KILLED_STAGE = """
import sys, time
from tests.connect.stage import Lab
lab = Lab().__enter__()
host = lab.host("gone")
print(lab.switch.pid, lab.laptop.pid1, host.pid1, flush=True)
time.sleep(600)
"""


@pytest.fixture(scope="module")
def gpu(lab: Lab) -> Host:
    """A host with two users that keys let in, and one with a password."""
    return lab.host("gpu", User("alice"), User("bob"), User("carl", password=PASSWORD))


@pytest.fixture
def line(lab: Lab, gpu: Host) -> Iterator[subprocess.Popen[str]]:
    """An ssh that holds a line, and has said so: the only one that the host knows of."""
    # What a test before this one has cut off, the host may take for a connection still.
    gpu.kill_sessions()
    running = lab.laptop.popen(
        "ssh", *WATCHFUL, "alice@gpu", "echo up; exec sleep infinity", stdin=subprocess.DEVNULL, stdout=subprocess.PIPE
    )
    assert running.stdout is not None
    assert running.stdout.readline() == "up\n"
    yield running
    running.kill()
    running.communicate()


def reachable(lab: Lab, target: str = "alice@gpu") -> bool:
    return lab.laptop.ssh(*WATCHFUL, target, "true", check=False).returncode == 0


# -- ways in -----------------------------------------------------------------------------------------------------------------------


def test_a_key_lets_its_owner_in(lab: Lab, gpu: Host) -> None:
    assert lab.laptop.ssh("alice@gpu", "id -un; hostname; echo $HOME").stdout.split() == ["alice", "gpu", "/home/alice"]
    assert lab.laptop.ssh("alice@gpu", "exit 7", check=False).returncode == 7
    assert lab.laptop.ssh("root@gpu", "id -u", user="root").stdout == "0\n"


def test_what_is_not_authorised_is_refused(lab: Lab, gpu: Host) -> None:
    refused = lab.laptop.ssh("carl@gpu", "true", check=False)
    assert refused.returncode == 255
    assert "Permission denied" in refused.stderr


def test_an_inner_host_is_reached_by_the_jump_host_alone(lab: Lab) -> None:
    lab.jump("gate", User("hop"))
    inner = lab.host("inner", User("alice"), inner=True)
    assert "Network is unreachable" in lab.laptop.ssh(f"alice@{inner.address}", "true", check=False).stderr
    assert lab.laptop.ssh("-J", "hop@gate", "alice@inner", "hostname").stdout == "inner\n"
    lab.laptop.configure("Host inner\n  ProxyJump hop@gate\n  User alice\n")
    assert lab.laptop.ssh("inner", "hostname").stdout == "inner\n"
    lab.laptop.configure("")


def test_a_locked_key_in_an_agent_lets_in(lab: Lab, gpu: Host) -> None:
    public = lab.laptop.make_key("locked", PASSPHRASE)
    kept = (gpu.home("bob") / ".ssh/authorized_keys").read_text()
    gpu.authorize("bob", public)
    assert not reachable(lab, "bob@gpu")
    with lab.laptop.agent("locked", PASSPHRASE) as found:
        assert lab.laptop.ssh("bob@gpu", "id -un", env=found).stdout == "bob\n"
    gpu.authorize("bob", *kept.splitlines())
    assert reachable(lab, "bob@gpu")


def test_a_password_is_typed_at_a_terminal(lab: Lab, gpu: Host) -> None:
    with lab.laptop.terminal("ssh", "carl@gpu", "id -un") as terminal:
        terminal.until("password: ")
        terminal.type("wrong")
        terminal.until("try again.*password: ")
        terminal.type(PASSWORD)
        terminal.until("carl")
        assert terminal.finish() == 0


# -- what a host is ----------------------------------------------------------------------------------------------------------------


def test_users_are_kept_apart(lab: Lab, gpu: Host) -> None:
    gpu.write("/home/bob/secret", "x", user="bob", mode=0o600)
    for command in ("cat /home/bob/secret", "ls /home/bob", "ls /root", "cat /etc/shadow", "touch /etc/here", "kill 1"):
        assert lab.laptop.ssh("alice@gpu", command, check=False).returncode != 0, command
    assert lab.laptop.ssh("bob@gpu", "cat secret").stdout == "x"


@pytest.mark.parametrize("shell", SHELLS)
def test_the_kit_runs_for_an_ordinary_user_whatever_the_shell(lab: Lab, gpu: Host, shell: str) -> None:
    name = Path(shell).name
    if not Path(shell).exists():
        pytest.skip(f"needs {name} (Debian's package)")
    if name not in gpu.keyed:
        gpu.add(User(name, shell))
        gpu.authorize(name, lab.laptop.public_key())
    assert lab.laptop.ssh(f"{name}@gpu", KIT, "--version").stdout.split()[-1] == __version__
    assert lab.laptop.ssh(f"{name}@gpu", "echo $0", check=False).stdout.strip() in {name, shell, ""}


def test_two_hosts_know_nothing_of_each_other(lab: Lab, gpu: Host) -> None:
    other = lab.host("other", User("alice"))
    gpu.write("/home/alice/mine", "x", user="alice")
    gpu.write("/tmp/mine", "x")
    with gpu.popen("sleep", "4711", user="alice") as sleeping:
        until(lambda: "sleep 4711" in gpu.run("ps", "-eo", "args=").stdout, "the process to start")
        assert "sleep 4711" not in other.run("ps", "-eo", "args=").stdout
        sleeping.kill()
    assert other.key != gpu.key
    assert not other.inside("/home/alice/mine").exists()
    assert not other.inside("/tmp/mine").exists()
    assert "gpu" not in other.run("hostname").stdout


def test_sshd_obeys_the_options_of_a_test(lab: Lab) -> None:
    host = lab.host("strict", User("alice"), sshd="AllowTcpForwarding no")
    asked = ("-o", "ExitOnForwardFailure=no", "-W", "127.0.0.1:22", "alice@strict")
    assert "administratively prohibited" in lab.laptop.ssh(*asked, check=False).stderr
    host.serve()
    assert "SSH-2.0" in lab.laptop.ssh(*asked, check=False).stdout
    host.serve("AllowUsers nobody")
    assert not reachable(lab, "alice@strict")
    host.stop_serving()
    assert "Connection refused" in lab.laptop.ssh("alice@strict", "true", check=False).stderr


def test_a_host_without_python_has_none(lab: Lab) -> None:
    lab.host("bare", User("alice"), disk=Disk(python=False))
    for program in ("python3", "python", "pip3", KIT, sys.executable):
        assert lab.laptop.ssh("alice@bare", f"command -v {program}", check=False).returncode != 0, program


def test_a_small_disk_is_full_soon(lab: Lab) -> None:
    host = lab.host("small", User("alice"), disk=Disk(home_mb=4))
    with host.full():
        full = lab.laptop.ssh("alice@small", "echo x >more", check=False)
        assert full.returncode != 0
        assert "No space left" in full.stderr
    lab.laptop.ssh("alice@small", "echo x >more")


def test_orphans_are_waited_for(gpu: Host) -> None:
    orphan = gpu.run("sh", "-c", "sleep 0.2 >/dev/null 2>&1 & echo $!", user="alice").stdout.strip()
    until(lambda: not gpu.inside(f"/proc/{orphan}").exists(), "the orphan to be gone, its entry as well")


# -- the laptop --------------------------------------------------------------------------------------------------------------------


def test_signals_and_exit_codes_pass_through(lab: Lab) -> None:
    program = lab.laptop.popen("sh", "-c", "trap 'echo got; exit 5' INT; echo up; while :; do sleep 0.1; done", stdout=subprocess.PIPE)
    assert program.stdout is not None
    assert program.stdout.readline() == "up\n"
    program.send_signal(signal.SIGINT)
    assert program.communicate()[0] == "got\n"
    assert program.returncode == 5
    with lab.laptop.popen("sleep", "60") as sleeping:
        until(lambda: any(process.name == "sleep" for process in lab.laptop.processes()), "it to start")
        sleeping.terminate()
    assert sleeping.returncode == -signal.SIGTERM


def test_a_terminal_interrupts_once_and_hangs_up(lab: Lab) -> None:
    script = "import os, signal; signal.signal(2, lambda *_: os.write(1, b'got\\n')); os.write(1, b'up\\n')\nwhile True: signal.pause()"
    with lab.laptop.terminal(sys.executable, "-c", script) as terminal:
        terminal.until("up")
        terminal.press("c")
        terminal.until("got")
        assert terminal.hang_up() == -signal.SIGHUP
    assert terminal.seen.count("got") == 1


@pytest.mark.usefixtures("browser")
def test_the_browser_is_on_the_laptop(lab: Lab) -> None:
    lab.laptop.write("/home/dana/www/index.html", "<title>on the laptop</title>", user="dana")
    argv = (sys.executable, "-m", "http.server", "--bind", "127.0.0.1", "--directory", "/home/dana/www", "8123")
    with lab.laptop.popen(*argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as serving:
        until(lambda: 8123 in lab.laptop.listeners(), "the page")
        with lab.laptop.page() as page:
            page.goto("http://gpu.localhost:8123/")
            assert page.title() == "on the laptop"
        serving.terminate()


# -- what goes wrong ---------------------------------------------------------------------------------------------------------------


def test_one_ssh_is_killed_and_no_other(lab: Lab, line: subprocess.Popen[str]) -> None:
    with lab.laptop.popen("ssh", "alice@gpu", "echo up; exec sleep infinity", stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "up\n"
        assert faults.kill_ssh(lab.laptop, line.pid) == 1
        assert line.wait(10) == -signal.SIGKILL
        assert other.poll() is None
        other.kill()


def test_a_link_that_is_down_cuts_the_line(lab: Lab, line: subprocess.Popen[str]) -> None:
    with faults.unplugged(lab.laptop):
        assert not reachable(lab)
        assert line.wait(20) == 255
    assert reachable(lab)


def test_a_silent_network_tells_nobody(lab: Lab, gpu: Host, line: subprocess.Popen[str]) -> None:
    with lab.switch.silence(gpu.plugs[0]):
        begun = time.monotonic()
        assert "timed out" in lab.laptop.ssh(*WATCHFUL, "alice@gpu", "true", check=False).stderr
        assert time.monotonic() - begun > 1
        assert line.wait(20) == 255
    assert reachable(lab)


def test_a_host_that_drops_a_connection_leaves_processes_alone(lab: Lab, gpu: Host, line: subprocess.Popen[str]) -> None:
    lab.laptop.ssh("alice@gpu", "nohup sleep 4712 >/dev/null 2>&1 & echo $!")
    assert gpu.kill_sessions() == 2
    assert line.wait(20) == 255
    assert "sleep 4712" in gpu.run("ps", "-eo", "args=").stdout
    gpu.run("pkill", "-x", "-f", "sleep 4712")
    assert reachable(lab)


def test_a_laptop_with_another_address_loses_the_line(lab: Lab, line: subprocess.Popen[str]) -> None:
    before = lab.laptop.address
    with faults.readdressed(lab.laptop) as plug:
        assert plug.address != before
        assert lab.laptop.ssh("alice@gpu", "echo $SSH_CLIENT").stdout.split()[0] == plug.address
        assert line.wait(30) == 255
    assert lab.laptop.ssh("alice@gpu", "echo $SSH_CLIENT").stdout.split()[0] == before


def test_a_host_with_another_key_is_not_trusted(lab: Lab, gpu: Host) -> None:
    with gpu.another_key():
        assert "REMOTE HOST IDENTIFICATION HAS CHANGED" in lab.laptop.ssh("alice@gpu", "true", check=False).stderr
    assert reachable(lab)


# -- coming and going --------------------------------------------------------------------------------------------------------------


def test_many_hosts_come_up_and_go(figure: Callable[[str], None]) -> None:
    begun = time.monotonic()
    with Lab() as lab:
        for number in range(HOSTS):
            lab.host(f"h{number}", User("alice"))
        up = time.monotonic() - begun
        names = [lab.laptop.ssh(f"alice@h{number}", "hostname").stdout.strip() for number in (0, HOSTS - 1)]
        begun = time.monotonic()
    figure(f"{HOSTS} hosts are up after {up:.1f} s, and gone after {time.monotonic() - begun:.1f} s")
    assert names == ["h0", f"h{HOSTS - 1}"]


def test_nothing_is_left_behind_after_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    def fail() -> None:
        with Lab() as lab:
            seen.extend([lab.switch.pid, lab.laptop.pid1, lab.host("gone", User("alice")).pid1])
            running.append(lab.laptop.popen("sleep", "600"))
            until(lambda: any(process.name == "sleep" for process in lab.laptop.processes()), "it to start")
            message = "the test has failed"
            raise RuntimeError(message)

    seen: list[int] = []
    running: list[subprocess.Popen[str]] = []
    with pytest.raises(RuntimeError, match="the test has failed"):
        fail()
    assert not list(filter(alive, seen))
    assert running[0].wait(10) == -signal.SIGKILL
    assert "rk-connect-" not in Path("/proc/self/mounts").read_text()
    assert not list(tmp_path.iterdir())


def test_nothing_outlives_a_run_that_is_killed() -> None:
    running = subprocess.Popen([sys.executable, "-c", KILLED_STAGE], stdout=subprocess.PIPE, text=True)
    assert running.stdout is not None
    pids = [int(word) for word in running.stdout.readline().split()]
    assert len(pids) == 3
    assert all(map(alive, pids))
    running.kill()
    running.communicate()
    until(lambda: not any(map(alive, pids)), "the machines to be gone")


def alive(pid: int) -> bool:
    """Whether it runs: neither gone nor a zombie."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        return bool(Path(f"/proc/{pid}/exe").readlink())
    return False
