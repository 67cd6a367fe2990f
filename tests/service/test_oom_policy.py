"""The kernel kills one child of a service that ran out of memory: on cgroup v2, where systemd hears of it, in a virtual machine.

The containers of the other modules have the control groups of the tests' machine; of version 1 systemd hears nothing, and every
`OOMPolicy=` would pass.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from jupyter_remote_kit import __version__
from jupyter_remote_kit.host.services import program, templates
from jupyter_remote_kit.plan.layout import Layout
from jupyter_remote_kit.plan.profiles import Profile, default
from jupyter_remote_kit.plan.service import Place, Service
from jupyter_remote_kit.plan.unitfile import render_unit
from jupyter_remote_kit.plan.units import Scope
from tests.service.served import Figure
from tests.service.stage import root, virtual

USER = "carol"
HOME = Path("/home", USER)
HERE = Path(__file__).parent
SERVER = Path("/stage/oom_server.py")
PROBE = Path("/stage/oom_probe.py")
PYTHON = "/usr/bin/python3"
SECONDS = 900.0
LIMIT = 64 * 2**20
KILLED = "A process of this unit has been killed by the OOM killer."

pytestmark = [
    pytest.mark.skipif(not os.environ.get("REMOTEKIT_LONG"), reason="minutes of emulation: in the long form (REMOTEKIT_LONG=1)"),
    # The tree of the virtual machine may have to be made first.
    pytest.mark.timeout(2 * SECONDS),
]


@dataclass(frozen=True)
class Case:
    """One unit as it is installed, but for its program, and for what a drop-in says beside that."""

    scope: Scope
    profile: Profile
    limited: bool = True
    dropin: str = ""

    @property
    def name(self) -> str:
        """The instance's."""
        whose = "unit" if self.limited else "machine"
        return "-".join([self.profile.value, whose, *([self.dropin.split("=")[1]] if self.dropin else [])])

    def service(self, uid: int) -> Service:
        layout = Layout(HOME / ".jupyter", HOME / ".local/share/jupyter", HOME / ".local/share/jupyter/runtime")
        return Service(Place(self.scope, self.name, USER, uid, HOME, layout), HOME, program(), self.profile, __version__)

    def files(self, uid: int) -> Iterator[tuple[Path, str]]:
        service = self.service(uid)
        place = service.place
        yield place.unit_file, render_unit(service, *templates(self.scope, self.profile))
        yield place.environment_file, ""
        limit = f"MemoryMax={LIMIT}\n" if self.limited else ""
        instead = f"[Service]\nExecStart=\nExecStart={PYTHON} {SERVER}\n{limit}{self.dropin}\n"
        yield place.unit_file.with_name(f"{place.unit}.d") / "oom.conf", instead


def case_id(case: Case) -> str:
    return f"{case.scope.value}-{case.name}"


Answers = dict[str, dict[str, Any]]
# The memory of the unit ends, or that of the machine.
LIVE = [Case(scope, profile) for scope in Scope for profile in Profile] + [Case(scope, default(scope), limited=False) for scope in Scope]
# The same units with what systemd does when nothing is said.
END = [Case(scope, default(scope), dropin="OOMPolicy=stop") for scope in Scope]


@pytest.fixture(scope="module")
def uid() -> int:
    rows = (line.split(":") for line in (root() / "etc/passwd").read_text().splitlines())
    return next(int(row[2]) for row in rows if row[0] == USER)


@pytest.fixture(scope="module")
def answers(uid: int) -> Answers:
    """What has become of each unit, by its name; "" is the machine."""
    if reason := virtual.reason_to_skip():
        pytest.skip(reason)
    virtual.root()
    files = {SERVER: HERE.joinpath(SERVER.name).read_text(), PROBE: HERE.joinpath(PROBE.name).read_text()}
    files[Path("/var/lib/systemd/linger", USER)] = ""
    for case in (*LIVE, *END):
        files |= dict(case.files(uid))
    units = " ".join(f"{case.scope.value}:{case.service(uid).place.unit}" for case in (*LIVE, *END))
    started = time.monotonic()
    answer = virtual.run(f"{PYTHON} {PROBE} {uid} {units}", files, SECONDS)
    seconds = time.monotonic() - started
    lines = answer.printed.splitlines()
    assert [line for line in lines if not line.startswith("{")] == [], answer.console
    told = [json.loads(line) for line in lines]
    return {one.get("unit", ""): one for one in told} | {"": {**told[0], "seconds": seconds, "units": len(told) - 1}}


def test_the_machine_has_what_systemd_hears_by(answers: Answers, figure: Figure) -> None:
    machine = answers[""]
    took = sorted(one["seconds"] for unit, one in answers.items() if unit)
    figure(
        f"Linux {machine['linux']}, systemd {machine['systemd']}, cgroup v2, emulated: booted after {machine['booted']:.0f} s, "
        f"{machine['units']} units in {took[0]:.1f} to {took[-1]:.1f} s each, {machine['seconds']:.0f} s in all"
    )
    assert machine["v2"]
    assert machine["units"] == len(LIVE) + len(END)


@pytest.mark.parametrize("case", LIVE, ids=case_id)
def test_a_service_outlives_a_child(answers: Answers, uid: int, case: Case, figure: Figure) -> None:
    answer = answers[case.service(uid).place.unit]
    before, after = answer["before"], answer["after"]
    assert f"{answer['unit']}: {KILLED}" in answer["journal"]
    assert after["OOMPolicy"] == "continue"
    assert after["MemoryMax"] == (str(LIMIT) if case.limited else "infinity")
    # The child's end, and what its sibling answers after it.
    assert after["StatusText"] == "-9 alive"
    assert (after["ActiveState"], after["Result"], after["NRestarts"]) == ("active", "success", "0")
    assert len(before["processes"]) == 2
    assert (after["MainPID"], after["processes"]) == (before["MainPID"], before["processes"])
    assert not [line for line in answer["journal"] if "Failed with result" in line]
    figure("the main process and the other child live on, active, NRestarts=0")


@pytest.mark.parametrize("case", END, ids=case_id)
def test_with_the_default_of_systemd_it_would_end(answers: Answers, uid: int, case: Case, figure: Figure) -> None:
    """What shows that the tests above can fail."""
    answer = answers[case.service(uid).place.unit]
    before, after = answer["before"], answer["after"]
    assert f"{answer['unit']}: {KILLED}" in answer["journal"]
    assert after["OOMPolicy"] == "stop"
    assert f"{answer['unit']}: Failed with result 'oom-kill'." in answer["journal"]
    assert after["NRestarts"] == "1"
    assert len(before["processes"]) == 2
    assert set(before["processes"]) & set(after["processes"]) == set()
    figure("OOMPolicy=stop: failed with result 'oom-kill', every process ended, started anew")
