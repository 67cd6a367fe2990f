"""Whether a machine can be booted here at all."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from pathlib import Path

from tests.service.stage import groups, tree

TOOLS = {"systemd-nspawn": "systemd-container", "unshare": "util-linux", "nsenter": "util-linux", "setpriv": "util-linux", "ip": "iproute2"}
MIRROR_SECONDS = 10
OVERLAY = 'mkdir "$0/upper" "$0/work" "$0/root" && mount -t overlay overlay -o "lowerdir=/etc,upperdir=$0/upper,workdir=$0/work" "$0/root"'


@functools.cache
def reason_to_skip() -> str | None:
    """Why no machine can be booted here, in one sentence; `None` when it can."""
    if not sys.platform.startswith("linux"):
        return "needs Linux"
    if os.geteuid() != 0:
        return "needs root, to boot a systemd in a container"
    missing = sorted({package for tool, package in TOOLS.items() if shutil.which(tool) is None})
    if missing:
        return f"needs {', '.join(missing)} (Debian's packages)"
    return _kernel_reason() or _tree_reason()


def _kernel_reason() -> str | None:
    if not groups.writable():
        return "this machine lets nobody make control groups"
    with tempfile.TemporaryDirectory(prefix="rk-service-probe-") as folder:
        argv = ["unshare", "--mount", "--net", "--pid", "--fork", "--mount-proc", "sh", "-c", OVERLAY, folder]
        probe = subprocess.run(argv, capture_output=True, text=True, check=False)
    return None if probe.returncode == 0 else f"this machine forbids namespaces or overlays: {probe.stderr.strip()}"


def _tree_reason() -> str | None:
    if tree.cached().is_dir():
        return None
    if shutil.which("debootstrap") is None:
        return "needs debootstrap (Debian's package)"
    if not tree.sources():
        return f"apt knows no mirror of Debian {tree.RELEASE}"
    if tree.debians_own_python() and f"VERSION_CODENAME={tree.RELEASE}" not in Path("/etc/os-release").read_text():
        return f"the Python of these tests belongs to a system that is not Debian {tree.RELEASE}"
    mirror = tree.sources()[0][0]
    try:
        urllib.request.urlopen(f"{mirror}dists/{tree.RELEASE}/InRelease", timeout=MIRROR_SECONDS).close()
    except (urllib.error.URLError, TimeoutError) as error:
        return f"the mirror of Debian {tree.RELEASE} that apt knows does not answer: {error}"
    return None
