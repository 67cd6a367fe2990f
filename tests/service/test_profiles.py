"""What each profile leaves to cells and terminals and what it takes away, tried in the unit that `service install` writes."""

from __future__ import annotations

import functools
import json
import os
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from jupyter_remote_kit import __version__
from jupyter_remote_kit.host.services import TEMPLATES, program, templates
from jupyter_remote_kit.plan.layout import Layout
from jupyter_remote_kit.plan.profiles import Profile
from jupyter_remote_kit.plan.service import Place, Service
from jupyter_remote_kit.plan.unitfile import render_unit
from jupyter_remote_kit.plan.units import Scope
from tests.service.served import Figure
from tests.service.stage import Machine
from tests.service.test_stage import TINY

USER = "carol"
HOME = Path("/home", USER)
RESULT = HOME / "found.json"
PROBE = Path(__file__).with_name("profile_probe.py")
# For local use (devices.txt of Linux): no driver has it, and opening it says ENXIO.
UNDRIVEN = ("240", "0")
BOUNDS = {Profile.STRICT: 2.2, Profile.CONTAINERS: 3.6, Profile.SUDO: 7.3}
COLUMNS = 140
# `CAP_NET_RAW` permitted and effective, as setcap(8) would write it for ping.
NET_RAW = struct.pack("<5I", 0x02000001, 1 << 13, 0, 0, 0)
# What people wrote by hand before there was a `service install`.
BY_HAND = f"""\
[Unit]
Description=Jupyter

[Service]
User={USER}
WorkingDirectory={HOME}
ExecStart={{python}} --config={HOME}/.jupyter/jupyter_lab_config.py --no-browser
Restart=always
RestartSec=10

[Install]
WantedBy=multi-user.target
"""
# In place of the server. Where the manager is root's, the node of a GPU appears when the unit has its devices already.
INSTEAD = f"""\
[Service]
Type=oneshot
ExecStartPre=-+/bin/systemd-run --quiet --wait sh -c 'rm /dev/nvidia-uvm; mknod -m 666 /dev/nvidia-uvm c {" ".join(UNDRIVEN)}'
ExecStart=
ExecStart={{python}} {PROBE} {RESULT} %b {{prepared}}
Restart=no
EnvironmentFile=
"""

Case = tuple[Scope, Profile]
Found = dict[str, str]
CASES: list[Case] = [(scope, profile) for scope in Scope for profile in Profile]


def cases(*named: str) -> set[Case]:
    return {case for case in CASES if name_of(case) in named}


def name_of(case: Case) -> str:
    scope, profile = case
    return f"{scope.value}-{profile.value}"


ALL = set(CASES)
STRICT = cases("system-strict", "user-strict")
NEW_PRIVILEGES = cases("system-sudo", "system-bare", "user-sudo", "user-bare")
CLOSED = cases("system-strict", "system-containers")
BARE = cases("system-bare", "user-sudo", "user-bare")


@dataclass(frozen=True)
class Row:
    """What is tried, its answer where it is allowed, where that is, and how the answer begins everywhere else; `None`: any other."""

    what: str
    allowed: str
    where: set[Case]
    forbidden: str | None = None

    def expects(self, case: Case, answer: str, uid: str) -> bool:
        """Whether `case` may give this answer."""
        if case in self.where:
            return answer == self.allowed
        return answer != self.allowed if self.forbidden is None else answer.startswith(self.forbidden.replace("UID", uid))


TABLE = [
    Row("jit in one mapping", "ok", ALL),
    Row("jit by turns", "ok", ALL),
    Row("processes", "ok", ALL),
    Row("shared memory", "ok", ALL),
    Row("terminal", "ok", ALL),
    Row("gpu", "ENXIO", ALL),
    Row("gpu that came later", "ENXIO", ALL),
    Row("pinned threads", "ok", ALL),
    Row("sockets", "ok", ALL),
    Row("cpuinfo", "yes", ALL),
    Row("home", "ok", ALL),
    Row("debugger starts", "ok", ALL - STRICT),
    Row("debugger attaches", "ok", ALL - STRICT),
    Row("podman", "ok", ALL - STRICT),
    Row("user namespace", "ok", ALL - STRICT),
    Row("personality", "ok", ALL - STRICT, "1:"),
    Row("setuid file", "ok", ALL - STRICT, "PermissionError: [Errno 1]"),
    Row("umask", "0022", ALL - STRICT, "0077"),
    Row("packets", "EPERM", NEW_PRIVILEGES, "EAFNOSUPPORT"),
    Row("real time", "EINVAL", NEW_PRIVILEGES, "EPERM"),
    Row("NoNewPrivs", "0", NEW_PRIVILEGES, "1"),
    Row("Seccomp", "2", ALL - NEW_PRIVILEGES),
    Row("setuid program", "0", NEW_PRIVILEGES, "UID"),
    Row("file capability", "ok", NEW_PRIVILEGES),
    Row("sudo", "0", NEW_PRIVILEGES),
    Row("sudo installs", "ok", NEW_PRIVILEGES),
    Row("sudo su", "alice", NEW_PRIVILEGES),
    Row("sudo kills", "ok", NEW_PRIVILEGES),
    Row("sudo mounts", "ok", NEW_PRIVILEGES),
    Row("sudo sets the network up", "ok", BARE),
    Row("disk", "ENXIO", ALL - CLOSED, "EPERM"),
    Row("/etc", "ok", ALL - CLOSED, "OSError: [Errno 30]"),
    Row("kernel settings", "writable", ALL - CLOSED, "read-only"),
    Row("others' processes", "yes", ALL - CLOSED, "no"),
    Row("others' temporary files", "yes", ALL - cases("system-strict", "system-sudo"), "no"),
    Row("own manager", "ok", ALL - cases("system-strict"), "PermissionError: [Errno 13]"),
]


def service(machine: Machine, case: Case) -> Service:
    scope, profile = case
    uid, _ = machine.ids(USER)
    layout = Layout(HOME / ".jupyter", HOME / ".local/share/jupyter", HOME / ".local/share/jupyter/runtime")
    return Service(Place(scope, "default", USER, uid, HOME, layout), HOME, program(), profile, __version__)


def unit_text(machine: Machine, case: Case) -> str:
    return render_unit(service(machine, case), *templates(*case))


@pytest.fixture(scope="module")
def machine() -> Iterator[Machine]:
    """One with a GPU's node, and with something of everything that a profile may take away."""
    with Machine(devices=("nvidia0",), sudo_users=(USER,)) as booted:
        booted.run("install", "-m", "4755", "/usr/bin/id", "/usr/local/bin/rootid")
        booted.run("cp", "/bin/busybox", "/usr/local/bin/ping")
        os.setxattr(booted.inside("/usr/local/bin/ping"), "security.capability", NET_RAW)
        booted.run("install", "-m", "666", "/dev/null", "/etc/everybodys")
        booted.run("loginctl", "enable-linger", USER)
        prepare(booted)
        with booted.login(USER) as login:
            login.run("sh", "-c", TINY)
        yield booted


def prepare(machine: Machine) -> None:
    """What a boot takes away."""
    machine.run("touch", "/tmp/others")
    for kind, path in (("b", "/dev/stage-disk"), ("c", "/dev/nvidia-uvm")):
        machine.run("rm", "-f", path)
        machine.run("mknod", "-m", "666", path, kind, *UNDRIVEN)
    machine.wait_for(lambda: manager_up(machine), what="the user's manager")


def manager_up(machine: Machine) -> bool:
    return machine.run("systemctl", "is-active", f"user@{machine.ids(USER)[0]}.service", check=False).stdout.strip() == "active"


def write(machine: Machine, case: Case) -> Service:
    """Put the unit there, with the probe in place of the server."""
    wanted = service(machine, case)
    prepared = "prepared" if "podman info" in templates(*case)[1] else ""
    dropin = wanted.place.unit_file.with_name(f"{wanted.place.unit}.d") / "probe.conf"
    for path, text in (
        (wanted.place.unit_file, unit_text(machine, case)),
        (dropin, INSTEAD.format(python=machine.python, prepared=prepared)),
    ):
        user = USER if wanted.place.scope is Scope.USER else "root"
        machine.run("mkdir", "-p", path.parent, user=user)
        machine.run("tee", path, user=user, input=text)
    return wanted


@functools.cache
def tried(machine: Machine, case: Case) -> Found:
    """What the probe has found in the unit of `case`, started when no podman had run before."""
    wanted = write(machine, case)
    machine.run("rm", "-f", RESULT)
    with machine.login(USER) as login:
        login.run("podman", "system", "migrate")
        assert not machine.inside(f"/run/user/{wanted.place.uid}/libpod/tmp/pause.pid").exists()
        manager = ("systemctl", "--user") if wanted.place.scope is Scope.USER else ("sudo", "-n", "systemctl")
        login.run(*manager, "daemon-reload")
        done = login.run(*manager, "start", wanted.place.unit, check=False, timeout=100)
    assert done.returncode == 0, machine.journal("--lines=40")
    answers: Found = json.loads(machine.inside(RESULT).read_text())
    return answers


@pytest.mark.parametrize("case", CASES, ids=name_of)
def test_a_profile_leaves_and_forbids_what_it_says(machine: Machine, case: Case) -> None:
    answers = tried(machine, case)
    uid = str(machine.ids(USER)[0])
    assert {row.what: answers[row.what] for row in TABLE if not row.expects(case, answers[row.what], uid)} == {}


@pytest.mark.parametrize("case", sorted(STRICT), ids=name_of)
def test_a_compiler_that_people_use_compiles(machine: Machine, case: Case) -> None:
    answer = tried(machine, case)["jit of a library"]
    if answer == "not installed":
        pytest.skip("the environment has neither numba nor lupa")
    assert answer == "ok"


def test_podman_works_in_a_system_service_that_a_boot_has_started(machine: Machine) -> None:
    wanted = write(machine, (Scope.SYSTEM, Profile.CONTAINERS))
    machine.run("systemctl", "enable", wanted.place.unit)
    machine.run("rm", "-f", RESULT)
    machine.reboot()
    boot = machine.boot_id.replace("-", "")
    try:
        machine.wait_for(lambda: result_of(machine).get("boot") == boot, 100, "what the probe has found after the boot")
    finally:
        machine.run("systemctl", "disable", wanted.place.unit)
        prepare(machine)
    assert result_of(machine)["podman"] == "ok"


def result_of(machine: Machine) -> Found:
    try:
        answers: Found = json.loads(machine.inside(RESULT).read_text())
    except (FileNotFoundError, ValueError):
        return {}
    return answers


@pytest.mark.parametrize("case", CASES, ids=name_of)
def test_systemd_has_nothing_to_say_of_a_unit(machine: Machine, case: Case) -> None:
    wanted = write(machine, case)
    machine.run("rm", "-r", wanted.place.unit_file.with_name(f"{wanted.place.unit}.d"))
    with machine.login(USER) as login:
        manager = ("--user",) if wanted.place.scope is Scope.USER else ()
        done = login.run("systemd-analyze", *manager, "verify", wanted.place.unit_file, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def exposure(machine: Machine, name: str, text: str) -> float:
    path = f"/run/{name}"
    machine.run("tee", path, input=text)
    table = machine.run("systemd-analyze", "security", "--offline=true", "--no-pager", path).stdout
    told = re.search(rf"Overall exposure level for {re.escape(name)}: ([\d.]+)", table)
    assert told, table
    return float(told[1])


def test_the_exposure_of_system_services(machine: Machine, figure: Figure) -> None:
    version = machine.run("systemctl", "--version").stdout.split()[1]
    measured = {profile: exposure(machine, f"{profile.value}.service", unit_text(machine, (Scope.SYSTEM, profile))) for profile in Profile}
    by_hand = exposure(machine, "by-hand.service", BY_HAND.format(python=machine.python))
    rows = ", ".join(f"{profile.value} {value} (at most {BOUNDS.get(profile, '-')})" for profile, value in measured.items())
    figure(f"exposure by systemd-analyze {version}: {rows}, written by hand {by_hand}")
    assert {profile: measured[profile] for profile in BOUNDS if measured[profile] > BOUNDS[profile]} == {}
    assert measured[Profile.STRICT] < measured[Profile.CONTAINERS] < measured[Profile.SUDO] < measured[Profile.BARE] <= by_hand


@pytest.mark.parametrize("case", CASES, ids=name_of)
def test_every_directive_has_its_reason_beside_it(case: Case) -> None:
    """Above each directive, or above the group that it stands in."""
    scope, profile = case
    lines = (TEMPLATES / scope.value / f"{profile.value}.conf").read_text().splitlines()
    assert max(map(len, lines)) <= COLUMNS
    directives = [number for number, line in enumerate(lines) if re.match(r"[A-Z]\w+=", line)]
    for number in directives:
        above = number - 1
        while re.match(r"[A-Z]\w+=|  ", lines[above]):
            above -= 1
        assert lines[above].startswith("#"), lines[number]
    assert bool(directives) == (case not in BARE)


@pytest.mark.parametrize("profile", list(Profile), ids=lambda profile: profile.value)
def test_a_unit_runs_nothing_as_root_with_the_environment_of_the_user(profile: Profile) -> None:
    """`EnvironmentFile=` is the user's, and holds `LD_LIBRARY_PATH`: with `+` or `!` it would choose what root runs."""
    unit = "\n".join(templates(Scope.SYSTEM, profile))
    assert re.findall(r"(?m)^Exec\w+=[-@:]*[+!]", unit) == []


def test_what_a_user_manager_cannot_do_is_in_no_unit_of_its_own() -> None:
    """Of these the service would not start, or they would be ignored, or work in a user namespace only."""
    possible = r"NoNewPrivileges|Restrict\w+|LockPersonality|SystemCall\w+|UMask|ExecStartPre"
    for profile in Profile:
        text = (TEMPLATES / "user" / f"{profile.value}.conf").read_text()
        assert [name for name in re.findall(r"(?m)^([A-Z]\w+)=", text) if not re.fullmatch(possible, name)] == []
