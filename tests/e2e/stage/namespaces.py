"""Two machines on one cable: a pair of network namespaces, each with its own hostname and hosts file. Linux, root."""

from __future__ import annotations

import contextlib
import ctypes
import itertools
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.e2e.stage.waiting import until

CLONE_NEWNET = 0x40000000
TOOLS = ("ip", "unshare", "mount", "setpriv")
_numbers = itertools.count(1)


def reason_to_skip() -> str | None:
    """Why there can be no namespaces here; `None` when there can."""
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    if missing:
        return f"needs {', '.join(missing)} (Debian: iproute2, util-linux, mount)"
    if os.geteuid() != 0:
        return "needs root, for network namespaces"
    probe = subprocess.run(["unshare", "--net", "--uts", "true"], capture_output=True, check=False)
    return None if probe.returncode == 0 else f"this machine forbids network namespaces: {probe.stderr.decode().strip()}"


@dataclass(frozen=True)
class Namespace:
    """One machine: its own network stack, and a name that programs started in it see."""

    label: str
    hostname: str
    addresses: tuple[str, ...]

    def command(self, argv: Sequence[str | Path]) -> list[str]:
        """`argv` to be run as on that machine. The hostname travels by argv, nothing else of ours does."""
        named = ["unshare", "--uts", "sh", "-c", 'hostname "$0" && exec "$@"', self.hostname]
        return ["ip", "netns", "exec", self.label, *named, *map(str, argv)]

    def popen(self, argv: Sequence[str | Path], env: Mapping[str, str], **options: object) -> subprocess.Popen[str]:
        """Start `argv` on that machine."""
        return subprocess.Popen(self.command(argv), env=dict(env), text=True, **options)  # type: ignore[call-overload,no-any-return]

    def pids(self) -> list[int]:
        """Every process of that machine."""
        listed = subprocess.run(["ip", "netns", "pids", self.label], capture_output=True, text=True, check=False)
        return [int(word) for word in listed.stdout.split()]

    def entered(self) -> contextlib.AbstractContextManager[None]:
        """Within, sockets that this thread makes, and threads that it starts, are on that machine."""
        return entered(Path("/run/netns", self.label))

    def listeners(self) -> set[int]:
        """The TCP ports on which something listens there."""
        shown = subprocess.run(self.command(["ss", "-Htln"]), capture_output=True, text=True, check=True)
        return {int(line.split()[3].rpartition(":")[2]) for line in shown.stdout.splitlines()}

    def kill_all(self) -> None:
        """End every process of that machine, and wait until they are gone."""
        for pid in self.pids():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        until(lambda: not self.pids(), "the processes of the namespace to end", 10)


@contextlib.contextmanager
def entered(network: Path) -> Iterator[None]:
    """Within, sockets that this thread makes, and threads that it starts, are in the network namespace that `network` stands for."""
    libc = ctypes.CDLL(None, use_errno=True)
    with open("/proc/thread-self/ns/net") as home, network.open() as away:  # noqa: PTH123
        _set_namespace(libc, away.fileno())
        try:
            yield
        finally:
            _set_namespace(libc, home.fileno())


def _set_namespace(libc: ctypes.CDLL, descriptor: int) -> None:
    if libc.setns(descriptor, CLONE_NEWNET) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)


@contextlib.contextmanager
def cable(host_name: str = "gpubox", laptop_name: str = "laptop") -> Iterator[tuple[Namespace, Namespace]]:
    """A host and a laptop, `eth0` to `eth0`, with nothing else in reach; taken down with all their processes in the end."""
    stem = f"rk{os.getpid()}n{next(_numbers)}"
    host = Namespace(f"{stem}h", host_name, ("10.77.1.1", "fd00:77:1::1"))
    laptop = Namespace(f"{stem}c", laptop_name, ("10.77.1.2", "fd00:77:1::2"))
    names = f"10.77.1.1 {host_name}.lab {host_name}\n10.77.1.2 {laptop_name}\n10.77.1.1 xn--bcher-kva.lab gpu.lab\n"
    try:
        for machine in (host, laptop):
            etc = Path("/etc/netns", machine.label)
            etc.mkdir(parents=True)
            etc.joinpath("hosts").write_text(f"127.0.0.1 localhost\n::1 localhost\n{names}")
            etc.joinpath("resolv.conf").write_text("")
            _ip("netns", "add", machine.label)
        _ip("link", "add", "eth0", "netns", host.label, "type", "veth", "peer", "name", "eth0", "netns", laptop.label)
        for machine in (host, laptop):
            inside = ("-n", machine.label)
            _ip(*inside, "link", "set", "lo", "up")
            _ip(*inside, "link", "set", "eth0", "up")
            _ip(*inside, "addr", "add", f"{machine.addresses[0]}/24", "dev", "eth0")
            _ip(*inside, "-6", "addr", "add", f"{machine.addresses[1]}/64", "dev", "eth0", "nodad")
        yield host, laptop
    finally:
        for machine in (host, laptop):
            if Path("/run/netns", machine.label).exists():
                machine.kill_all()
                _ip("netns", "del", machine.label)
            shutil.rmtree(Path("/etc/netns", machine.label), ignore_errors=True)
