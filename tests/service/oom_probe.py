"""Runs in the virtual machine of `test_oom_policy.py`, as root: what becomes of each service when the kernel kills a child of it.

    oom_probe.py UID {user|system}:UNIT...

Prints one JSON object a line: first the machine, then each unit. Nothing but the standard library: this Python is Debian's.
"""

from __future__ import annotations

import json
import platform
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

GROUPS = Path("/sys/fs/cgroup")
KILLED = "A process of this unit has been killed by the OOM killer."
ASKED = ("ActiveState", "NRestarts", "Result", "OOMPolicy", "MemoryMax", "MemoryCurrent", "MainPID", "StatusText", "ControlGroup")
SECONDS = 180.0
# All that oom_server.py eats.
EATEN = 400 * 2**20


def until(condition: Callable[[], object], what: str) -> None:
    """Wait until it is true."""
    deadline = time.monotonic() + SECONDS
    while not condition():
        if time.monotonic() > deadline:
            message = f"waited {SECONDS} s for {what}"
            raise TimeoutError(message)
        time.sleep(0.2)


def printed(*argv: str, uid: int = 0) -> str:
    """What a program of that user prints."""
    env = {"PATH": "/usr/bin:/bin", "XDG_RUNTIME_DIR": f"/run/user/{uid}"}
    return subprocess.run(argv, user=uid, env=env, stdout=subprocess.PIPE, text=True, check=True).stdout


class Service:
    """One unit of root's manager or of the user's."""

    def __init__(self, scope: str, unit: str, uid: int) -> None:
        self.unit = unit
        self._manager = ("systemctl", "--user") if scope == "user" else ("systemctl",)
        self._uid = uid if scope == "user" else 0
        self._field = "USER_UNIT" if scope == "user" else "UNIT"

    def systemctl(self, *words: str) -> str:
        return printed(*self._manager, *words, self.unit, uid=self._uid)

    def journal(self) -> list[str]:
        """What its manager has said of it."""
        return printed("journalctl", "--quiet", "--output=cat", f"{self._field}={self.unit}").splitlines()

    def state(self) -> dict[str, object]:
        """What its manager says of it now, and which processes it has."""
        said = dict(line.split("=", 1) for line in self.systemctl("show", f"--property={','.join(ASKED)}").splitlines())
        group = GROUPS / said["ControlGroup"].lstrip("/") / "cgroup.procs"
        return {**said, "processes": sorted(map(int, group.read_text().split())) if said["ControlGroup"] else []}

    def settled(self) -> bool:
        """Whether it is up, and either its main process has outlived the kill, or it is another one."""
        now = self.state()
        return now["ActiveState"] == "active" and (now["StatusText"] != "" or now["NRestarts"] != "0")

    def probe(self) -> dict[str, object]:
        """Before, after, and what was said."""
        started = time.monotonic()
        self.systemctl("start")
        before = self.state()
        self.systemctl("kill", "--kill-who=main", "--signal=SIGUSR1")
        if before["MemoryMax"] == "infinity":
            until(lambda: int(str(self.state()["MemoryCurrent"])) > EATEN, f"{self.unit} to have eaten")
            # The kernel kills as when the machine has no memory left, and without the minutes of thrashing that lead there.
            Path("/proc/sysrq-trigger").write_text("f")
        until(self.settled, f"{self.unit} to be up")
        until(lambda: f"{self.unit}: {KILLED}" in self.journal(), f"systemd to hear of the kill in {self.unit}")
        after = self.state()
        self.systemctl("stop")
        return {"unit": self.unit, "before": before, "after": after, "journal": self.journal(), "seconds": time.monotonic() - started}


def tell(what: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


def main() -> None:
    uid = int(sys.argv[1])
    version = printed("systemctl", "--version").split()[1]
    tell({"linux": platform.release(), "systemd": version, "v2": (GROUPS / "cgroup.controllers").exists(), "booted": time.monotonic()})
    # Lingering starts it, and not necessarily before this.
    printed("systemctl", "start", f"user@{uid}.service")
    for word in sys.argv[2:]:
        scope, unit = word.split(":", 1)
        tell(Service(scope, unit, uid).probe())


main()
