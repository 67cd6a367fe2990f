"""What tells one machine from another: devices, who may do what, and what it sees of the tests' own."""

from __future__ import annotations

import os
import stat
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.service.stage import tree

CHECKOUT = Path(__file__).parents[3]
NVIDIA = 195
# Character devices that rootless containers need: place below /dev, and numbers.
DEVICES = {"fuse": ("fuse", 10, 229), "tun": ("net/tun", 10, 200)}
POLKIT = (
    "usr/lib/systemd/system/polkit.service",
    "usr/share/dbus-1/system-services/org.freedesktop.PolicyKit1.service",
    "usr/bin/pkttyagent",
)


@dataclass(frozen=True)
class Disk:
    """The options of a machine; `Machine` says what they mean."""

    devices: tuple[str, ...]
    kill_user_processes: bool
    journal: str
    polkit: bool
    sudo_users: tuple[str, ...]

    def nodes(self) -> list[tuple[str, str, int, int]]:
        """Name of each device node that is bound, its place below /dev, and its numbers."""
        gpus = [(name, name, NVIDIA, _minor(name)) for name in self.devices]
        return [*((name, *rest) for name, rest in DEVICES.items()), *gpus]

    def make_nodes(self, folder: Path) -> None:
        """Make the nodes that are bound, in `folder`."""
        for name, _, major, minor in self.nodes():
            node = folder / name
            os.mknod(node, 0o666 | stat.S_IFCHR, os.makedev(major, minor))
            node.chmod(0o666)

    def prepare(self, top: Path) -> None:
        """Write all this to the disk that is mounted at `top`, before the first boot from it."""
        for bound in trees():
            for folder in reversed([top / str(parent).lstrip("/") for parent in bound.parents]):
                folder.mkdir(exist_ok=True)
                # Root's home is nobody's to read, but the environment may lie in it.
                folder.chmod(folder.stat().st_mode | 0o111)
        top.joinpath("stage-init").touch()
        _write(top / "etc/sudoers.d/stage", "".join(f"{user} ALL=(ALL:ALL) NOPASSWD: ALL\n" for user in self.sudo_users), 0o440)
        kill = "yes" if self.kill_user_processes else "no"
        # The user manager would outlive a log-out by ten seconds, and what runs in it with it, lingering or not.
        _write(top / "etc/systemd/logind.conf.d/stage.conf", f"[Login]\nKillUserProcesses={kill}\nUserStopDelaySec=1s\n")
        _write(top / "etc/systemd/journald.conf.d/stage.conf", f"[Journal]\nStorage={self.journal}\n")
        for file in () if self.polkit else POLKIT:
            top.joinpath(file).unlink()


def trees() -> list[Path]:
    """What a machine sees of the tests' own: interpreter, environment and checkout, each at its place, none within another."""
    base = [] if tree.debians_own_python() else [Path(sys.base_prefix), Path(sys.base_prefix).resolve()]
    wanted = sorted({*base, Path(sys.prefix), CHECKOUT})
    return [place for place in wanted if not any(other in place.parents for other in wanted)]


def _minor(device: str) -> int:
    """As the driver numbers them: nvidia0 and on, nvidiactl the last; of the others only that they are numbers of its own matters."""
    number = device.removeprefix("nvidia")
    return int(number) if number.isdigit() else {"ctl": 255, "-modeset": 254}.get(number, 253)


def _write(file: Path, text: str, mode: int = 0o644) -> None:
    file.parent.mkdir(exist_ok=True)
    file.write_text(text)
    file.chmod(mode)
