"""A home on a file system without UNIX sockets: a memory stick, or a share of a file server."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.commands.host import SSH, Host, detached, free_port

TOOLS = ("mount.exfat-fuse", "mkfs.exfat", "losetup")


@pytest.fixture
def on_exfat(tmp_path: Path) -> Iterator[Host]:
    """A host all of whose files are on exFAT, mounted for its user alone."""
    missing = [tool for tool in TOOLS if shutil.which(tool, path=f"{os.environ['PATH']}:/usr/sbin:/sbin") is None]
    if missing or os.geteuid() != 0 or not Path("/dev/fuse").exists():
        pytest.skip(f"needs root, /dev/fuse and {', '.join(missing) or 'the tools of exFAT'}")
    image, disk = tmp_path / "image", tmp_path / "disk"
    with image.open("wb") as file:
        file.truncate(64 << 20)
    disk.mkdir()
    subprocess.run(["/usr/sbin/mkfs.exfat", image], check=True, capture_output=True)
    loop = subprocess.run(["/usr/sbin/losetup", "--find", "--show", image], capture_output=True, text=True, check=False)
    if loop.returncode:
        pytest.skip(f"no loop device: {loop.stderr.strip()}")
    device = loop.stdout.strip()
    try:
        subprocess.run(["/usr/sbin/mount.exfat-fuse", "-o", "umask=077", device, disk], check=True, capture_output=True)
        try:
            yield Host(disk / "host")
        finally:
            subprocess.run(["/bin/umount", disk], check=True)
    finally:
        subprocess.run(["/usr/sbin/losetup", "--detach", device], check=True)


def test_every_command_works_there(on_exfat: Host) -> None:
    with detached(on_exfat, *SSH, "--port", str(free_port())) as started:
        assert not list(on_exfat.layout.runtime_dir.glob("*.sock"))
        status = on_exfat.must("status", "--json").data
        assert (status["running"], status["pid"]) == (True, started["pid"])
        assert [server["pid"] for server in on_exfat.must("list", "--here", "--json").data["servers"]] == [started["pid"]]
        assert on_exfat.must("sessions", "--json").data["sessions"] == []
        on_exfat.must("password", "--generate-password")
        handed = on_exfat.must("up", "--detach", "--handover", "--json").data
        assert Path(handed["socket"]).is_socket()
        assert not Path(handed["socket"]).is_relative_to(on_exfat.folder)
        assert on_exfat.must("down", "--json").data["pid"] == started["pid"]
        assert not Path(handed["socket"]).parent.exists()
