"""The stage itself: what the other tests here take for granted."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from jupyter_remote_kit import __version__
from tests.service.stage import Machine
from tests.service.stage.groups import hierarchies

BOOTS_WITHIN = 30.0
PORT = 8080
TINY = "mkdir -p image/bin && cp /bin/busybox image/bin/ && tar -C image -c . | podman import --quiet - tiny"


def manager_up(machine: Machine, user: str) -> bool:
    uid, _ = machine.ids(user)
    return machine.run("systemctl", "is-active", f"user@{uid}.service", check=False).stdout.strip() == "active"


def test_a_machine_boots_and_nothing_has_failed(machine_with: Callable[..., Machine]) -> None:
    began = time.monotonic()
    machine = machine_with()
    assert time.monotonic() - began < BOOTS_WITHIN
    assert machine.run("systemctl", "is-system-running").stdout.strip() == "running"
    assert machine.run("cat", "/proc/1/comm").stdout.strip() == "systemd"


def test_a_reboot_keeps_the_disk_and_nothing_else(machine: Machine) -> None:
    before, address = machine.boot_id, machine.address
    machine.run("tee", "/home/alice/kept", "/run/gone", input="x")
    machine.reboot()
    assert machine.boot_id != before
    assert machine.address == address
    assert machine.run("cat", "/home/alice/kept").stdout == "x"
    assert not machine.inside("/run/gone").exists()


def test_a_machine_that_was_switched_off_comes_back_with_its_disk(machine_with: Callable[..., Machine]) -> None:
    machine = machine_with()
    machine.run("touch", "/home/alice/kept")
    machine.poweroff()
    assert not machine.up
    machine.boot()
    assert machine.inside("/home/alice/kept").exists()


def test_two_machines_know_nothing_of_each_other(machine: Machine, machine_with: Callable[..., Machine]) -> None:
    other = machine_with()
    machine.run("touch", "/etc/mine")
    machine.run("systemd-run", "--unit=mine", "sleep", "infinity")
    assert other.address != machine.address
    assert not other.inside("/etc/mine").exists()
    assert other.run("systemctl", "is-active", "mine.service", check=False).stdout.strip() == "inactive"
    machine.run("systemctl", "stop", "mine.service")


def test_a_machine_leaves_nothing_behind() -> None:
    with Machine() as machine:
        work, pid1, cable = machine._work, machine.pid1, machine._wire
        assert work.exists()
        assert cable is not None
        assert Path("/sys/class/net", cable.name).exists()
        assert all(Path(hierarchy, work.name).is_dir() for hierarchy in hierarchies())
    assert not work.exists()
    assert not Path(f"/proc/{pid1}").exists()
    assert not Path("/sys/class/net", cable.name).exists()
    assert not any(Path(hierarchy, work.name).exists() for hierarchy in hierarchies())
    assert work.name not in Path("/proc/mounts").read_text()


def test_ordinary_users_are_ordinary(machine: Machine) -> None:
    assert machine.run("id", "-un", user="alice").stdout.strip() == "alice"
    for command in (["ls", "/root"], ["cat", "/etc/shadow"], ["ls", "/home/bob"], ["touch", "/etc/here"], ["sudo", "-n", "true"]):
        assert machine.run(*command, user="alice", check=False).returncode != 0, command
    assert machine.run("sudo", "-n", "id", "-u", user="carol").stdout.strip() == "0"


def test_a_command_gets_the_environment_of_a_login_without_pam(machine: Machine) -> None:
    lines = machine.run("env", user="alice", env={"EXTRA": "a b\nc"}).stdout
    assert "HOME=/home/alice\n" in lines
    assert "EXTRA=a b\nc\n" in lines
    assert "XDG_RUNTIME_DIR" not in lines
    assert machine.run("pwd", user="alice").stdout.strip() == "/home/alice"
    assert machine.run("loginctl", "session-status", user="alice", check=False).returncode != 0


def test_a_command_that_takes_too_long_is_ended(machine: Machine) -> None:
    with pytest.raises(subprocess.TimeoutExpired):
        machine.run("sleep", "4711", user="alice", timeout=0.5)
    machine.wait_for(lambda: machine.run("pgrep", "-f", "sleep 4711", check=False).returncode != 0, 10, "the command to end")


def test_a_login_is_a_session_of_logind(machine: Machine) -> None:
    with machine.login("alice") as session:
        assert session.state == "active"
        uid, _ = machine.ids("alice")
        assert session.run("sh", "-c", "echo $XDG_RUNTIME_DIR").stdout.strip() == f"/run/user/{uid}"
        assert session.run("systemctl", "--user", "is-system-running").stdout.strip() == "running"
        assert f"session-{session.id}.scope" in session.run("cat", "/proc/self/cgroup").stdout
        assert session.run("cat", input="hé\n").stdout == "hé\n"
        assert session.run("sh", "-c", 'echo "$A"; exit 3', env={"A": "b c"}, check=False).returncode == 3
        with pytest.raises(subprocess.CalledProcessError):
            session.run("false")
        with pytest.raises(subprocess.TimeoutExpired):
            session.run("sleep", "4712", timeout=0.5)
        assert session.run("echo", "still here").stdout == "still here\n"
    assert session.id not in machine.run("loginctl", "list-sessions", "--no-legend").stdout.split()


def test_without_lingering_the_user_manager_ends_after_log_out(machine: Machine) -> None:
    with machine.login("bob"):
        assert manager_up(machine, "bob")
    machine.wait_for(lambda: not manager_up(machine, "bob"), 30, "bob's user manager to end")


def test_with_lingering_it_outlives_log_out_and_reboot(machine: Machine) -> None:
    with machine.login("alice") as session:
        # One's own lingering is what polkit allows everybody.
        session.run("loginctl", "enable-linger")
        session.run("systemd-run", "--user", "--unit=mine", "sleep", "infinity")
        uid, _ = machine.ids("alice")
    runtime = {"XDG_RUNTIME_DIR": f"/run/user/{uid}"}
    # Who logs out after her and does not linger tells when her time would have been over.
    with machine.login("bob"):
        assert manager_up(machine, "bob")
    machine.wait_for(lambda: not manager_up(machine, "bob"), 30, "bob's user manager to end")
    assert machine.run("systemctl", "--user", "is-active", "mine", user="alice", env=runtime).stdout.strip() == "active"
    machine.reboot()
    machine.wait_for(lambda: manager_up(machine, "alice"), 20, "alice's user manager")
    machine.run("loginctl", "disable-linger", "alice")
    machine.wait_for(lambda: not manager_up(machine, "alice"), 30, "alice's user manager to end")


@pytest.mark.parametrize("kill", [False, True])
def test_what_a_log_out_does_with_the_rest_is_an_option(machine_with: Callable[..., Machine], kill: bool) -> None:
    machine = machine_with(kill_user_processes=kill)
    with machine.login("alice") as session:
        session.run("sh", "-c", "nohup sleep 4713 >/dev/null 2>&1 &")
        assert machine.run("pgrep", "-f", "sleep 4713").stdout
    machine.wait_for(lambda: session.state != "active", 10)
    left = machine.run("pgrep", "-f", "sleep 4713", check=False).returncode == 0
    if kill:
        machine.wait_for(lambda: machine.run("pgrep", "-f", "sleep 4713", check=False).returncode != 0, 10, "the rest to be killed")
    assert left or kill


def test_without_polkit_nobody_lets_alice_linger(machine_with: Callable[..., Machine]) -> None:
    machine = machine_with(polkit=False)
    with machine.login("alice") as session:
        assert session.run("loginctl", "enable-linger", check=False).returncode != 0
    machine.run("loginctl", "enable-linger", "alice")
    assert machine.inside("/var/lib/systemd/linger/alice").exists()


def test_the_listing_sees_a_change_and_nothing_else(machine: Machine) -> None:
    before = machine.listing()
    machine.run("loginctl", "list-users")
    with machine.login("bob"):
        pass
    machine.run("touch", "/tmp/a", "/run/b", "/var/log/c")
    assert machine.listing() == before
    machine.run("sh", "-c", "echo x >/etc/new; chmod 700 /opt; ln -s /etc/new /srv/link; echo 127.0.0.1 more >>/etc/hosts")
    machine.run("loginctl", "enable-linger", "bob")
    after = machine.listing()
    changed = {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)}
    assert changed == {"/etc/new", "/opt", "/srv/link", "/etc/hosts", "/var/lib/systemd/linger/bob"}
    assert after["/etc/new"][:5] == ("file", 0o644, 0, 0, 2)
    assert after["/srv/link"][-1] == "/etc/new"
    machine.run("loginctl", "disable-linger", "bob")


def test_the_kit_runs_as_an_ordinary_user(machine: Machine) -> None:
    assert __version__ in machine.kit("--version", user="alice").stdout
    prefixes = machine.run(machine.python, "-c", "import sys, ssl, sqlite3, zmq; print(sys.prefix)", user="alice").stdout
    assert prefixes.strip() == sys.prefix
    assert machine.run("touch", f"{sys.prefix}/here", check=False).returncode != 0


def test_a_server_in_it_is_reached_from_here(machine: Machine) -> None:
    machine.run(
        "systemd-run", "--unit=web", "--uid=alice", "--working-directory=/home/alice", machine.python, "-m", "http.server", str(PORT)
    )

    def answers() -> bool:
        try:
            return httpx.get(f"http://{machine.address}:{PORT}/", trust_env=False).status_code == 200
        except httpx.ConnectError:
            return False

    machine.wait_for(answers, 20, "the server to answer")
    assert machine.run(machine.python, "-c", f"import urllib.request as u; u.urlopen('http://127.0.0.1:{PORT}')").returncode == 0
    entries = machine.journal_json("web.service")
    assert any("GET /" in entry["MESSAGE"] for entry in entries)
    assert "GET /" in machine.journal("--unit=web.service")
    machine.run("systemctl", "stop", "web.service")


@pytest.mark.parametrize("journal", ["volatile", "persistent"])
def test_the_journal_outlives_a_reboot_if_it_is_to(machine_with: Callable[..., Machine], journal: str) -> None:
    machine = machine_with(journal=journal)
    machine.run("systemd-cat", "-t", "said", "echo", "before")
    machine.run("journalctl", "--sync")
    machine.reboot()
    assert ("before" in machine.journal("--identifier=said")) == (journal == "persistent")


def test_a_device_of_a_gpu_is_there_for_whom_the_unit_lets(machine_with: Callable[..., Machine]) -> None:
    machine = machine_with(devices=("nvidia0", "nvidiactl"))
    assert machine.run("stat", "-c", "%t %T %a", "/dev/nvidia0", "/dev/nvidiactl").stdout == "c3 0 666\nc3 ff 666\n"

    def opened(*properties: str, user: str = "alice") -> str:
        options = [f"--property={value}" for value in properties]
        code = "import os\ntry: os.open('/dev/nvidia0', os.O_RDWR)\nexcept OSError as e: print(e.strerror)"
        return machine.run(
            "systemd-run", "--quiet", "--pipe", "--wait", f"--uid={user}", *options, machine.python, "-c", code
        ).stdout.strip()

    # Nothing drives it: the kernel gets as far as looking for a driver.
    assert opened() == "No such device or address"
    assert opened("PrivateDevices=yes") == "No such file or directory"
    assert opened("DevicePolicy=closed") == "Operation not permitted"
    assert opened("DevicePolicy=closed", "DeviceAllow=char-pts rw", "DeviceAllow=/dev/nvidia0 rw") == "No such device or address"


def test_a_container_without_root_runs_in_it(machine: Machine) -> None:
    with machine.login("alice") as session:
        session.run("sh", "-c", TINY)
        done = session.run("podman", "run", "--rm", "tiny", "/bin/busybox", "id", "-u")
    assert done.stdout.strip() == "0"


def test_a_memory_limit_kills_what_is_over_it(machine: Machine) -> None:
    eat = "import subprocess, sys; print(subprocess.run([sys.executable, '-c', 'x = b\"x\" * (1 << 29)']).returncode)"
    limit = ("--property=MemoryMax=150M", "--property=MemorySwapMax=0")
    done = machine.run("systemd-run", "--quiet", "--pipe", "--wait", *limit, "--property=OOMPolicy=continue", machine.python, "-c", eat)
    assert done.stdout.strip() == "-9"
