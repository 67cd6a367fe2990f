"""Whether hosts and a laptop can be made here at all."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import sys
import tempfile

TOOLS = {
    "ssh": "openssh-client",
    "sshd": "openssh-server",
    "ip": "iproute2",
    "nft": "nftables",
    "unshare": "util-linux",
    "mount": "mount",
    "pivot_root": "util-linux",
    "openssl": "openssl",
}
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
PROBE = """
mount -t tmpfs tmpfs "$0" && mkdir "$0/upper" "$0/work" "$0/root" &&
mount -t overlay overlay -o "lowerdir=/,upperdir=$0/upper,workdir=$0/work" "$0/root" && test -x "$0/root/usr/bin/env" &&
ip link add bridge type bridge && ip link add one type veth peer name two &&
nft 'add table bridge cut; add chain bridge cut forward { type filter hook forward priority 0; }'
"""


@functools.cache
def reason_to_skip() -> str | None:
    """Why there can be no hosts here, in one sentence; `None` when there can."""
    if not sys.platform.startswith("linux"):
        return "needs Linux"
    if os.geteuid() != 0:
        return "needs root, for namespaces"
    missing = sorted({package for tool, package in TOOLS.items() if shutil.which(tool, path=PATH) is None})
    if missing:
        return f"needs {', '.join(missing)} (Debian's packages)"
    with tempfile.TemporaryDirectory(prefix="rk-connect-probe-") as folder:
        argv = ["unshare", "--mount", "--net", "--uts", "--ipc", "--pid", "--fork", "sh", "-c", PROBE, folder]
        probe = subprocess.run(argv, capture_output=True, text=True, check=False)
    return None if probe.returncode == 0 else f"this machine forbids namespaces, overlays, bridges or filters: {probe.stderr.strip()}"
