"""Runs as the service's own process in `test_profiles.py`, tries what people do in cells and terminals, and writes what came of it as JSON.

    profile_probe.py RESULT BOOT_ID [prepared]

`prepared`: the unit has podman prepare itself. Each answer is "ok", a short fact, or the error.
Nothing but the standard library: it stands for a kernel of any environment.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import importlib
import json
import mmap
import os
import platform
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from multiprocessing import get_context, shared_memory
from pathlib import Path

Probe = Callable[[], str]

RETURN_42 = {"x86_64": "b82a000000c3", "aarch64": "40058052c0035fd6"}
ADDR_NO_RANDOMIZE = 0x0040000
RUNTIME = Path(f"/run/user/{os.getuid()}")
IN_A_CONTAINER = "cd / && cp bin/busybox b && bin/busybox chown 7:7 b && bin/busybox chmod 4755 b && bin/busybox stat -c %u:%a b"


def run(*argv: str, seconds: float = 60) -> str:
    """What a program prints; why it failed."""
    done = subprocess.run(argv, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=seconds, check=False)
    said = (done.stdout if done.returncode == 0 else f"{done.returncode}: {done.stderr or done.stdout}").strip()
    return said[-300:] or "ok"


def worked(said: str, expected: str) -> str:
    return "ok" if expected in said else said


def code_at(address: int) -> str:
    return "ok" if ctypes.CFUNCTYPE(ctypes.c_int)(address)() == 42 else "another number"


def jit_in_one_mapping() -> str:
    """Memory that is written and run at the same time: the V8 of old, many Lisps, ctypes of old."""
    memory = mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    memory.write(bytes.fromhex(RETURN_42[platform.machine()]))
    return code_at(ctypes.addressof(ctypes.c_char.from_buffer(memory)))


def jit_by_turns() -> str:
    """Memory that is written first and then made to run: LLVM, hence numba, triton and torch.compile."""
    memory = mmap.mmap(-1, mmap.PAGESIZE)
    memory.write(bytes.fromhex(RETURN_42[platform.machine()]))
    address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mprotect(ctypes.c_void_p(address), mmap.PAGESIZE, mmap.PROT_READ | mmap.PROT_EXEC):
        return errno.errorcode[ctypes.get_errno()]
    return code_at(address)


def jit_of_a_library() -> str:
    """A compiler that people use, where the environment has one."""
    with contextlib.suppress(ImportError):
        numba = importlib.import_module("numba")
        return "ok" if numba.njit(lambda number: number + 1)(41) == 42 else "another number"
    with contextlib.suppress(ImportError):
        lua = importlib.import_module("lupa.luajit21").LuaRuntime()
        total = lua.eval("(function() local s = 0; for i = 1, 1e6 do s = s + i end; return s end)()")
        return "ok" if lua.eval("jit.status()")[0] and total == 500000500000 else "not compiled"
    return "not installed"


def double(number: int) -> int:
    return number * 2


def processes() -> str:
    with get_context("fork").Pool(2) as pool:
        return "ok" if pool.map(double, [1, 2]) == [2, 4] else "other numbers"


def shared() -> str:
    memory = shared_memory.SharedMemory(create=True, size=2**20)
    memory.close()
    memory.unlink()
    return "ok"


def terminal() -> str:
    shell = "import pty, sys; sys.exit(pty.spawn(['/bin/bash', '-ic', 'test -t 0 && echo a terminal']))"
    return worked(run(sys.executable, "-c", shell), "a terminal")


def opened(path: str) -> str:
    """Nothing drives the stage's nodes: ENXIO says that the kernel has looked for a driver, so that the way to one is free."""
    try:
        os.close(os.open(path, os.O_RDWR))
    except OSError as error:
        return errno.errorcode[error.errno or 0]
    return "ok"


def pinned() -> str:
    os.sched_setaffinity(0, os.sched_getaffinity(0))
    os.nice(1)
    return "ok"


def unix_and_internet() -> str:
    for family in (socket.AF_UNIX, socket.AF_INET, socket.AF_NETLINK):
        socket.socket(family, socket.SOCK_DGRAM).close()
    return "ok"


def packets() -> str:
    """For ordinary users the kernel says EPERM; a unit that has none of the kind says that there is no such family."""
    try:
        socket.socket(socket.AF_PACKET, socket.SOCK_RAW).close()
    except OSError as error:
        return errno.errorcode[error.errno or 0]
    return "ok"


def real_time() -> str:
    """A priority that the kernel finds invalid before it asks who is asking."""
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(0))
    except OSError as error:
        return errno.errorcode[error.errno or 0]
    return "ok"


def debugger_starts() -> str:
    return worked(run("gdb", "-nx", "-batch", "-ex", "starti", "-ex", "info proc", "/bin/true"), "process ")


def debugger_attaches() -> str:
    child = subprocess.Popen(["sleep", "60"])
    try:
        return worked(run("gdb", "-nx", "-batch", "-p", str(child.pid), "-ex", "info proc"), f"process {child.pid}")
    finally:
        child.kill()
        child.wait()


def personality() -> str:
    program = f"import ctypes, sys; sys.exit(ctypes.CDLL(None).personality({ADDR_NO_RANDOMIZE}) == -1)"
    return run(sys.executable, "-c", program)


def setuid_file() -> str:
    path = Path.home() / "setuid"
    path.touch()
    try:
        path.chmod(0o4755)
    finally:
        path.unlink()
    return "ok"


def etc() -> str:
    """A file that everybody may write, as far as its mode goes."""
    with Path("/etc/everybodys").open("a") as file:
        file.write("x")
    return "ok"


def writable_mount(path: str) -> str:
    return "read-only" if os.statvfs(path).f_flag & os.ST_RDONLY else "writable"


def is_there(path: str) -> str:
    return "yes" if Path(path).exists() else "no"


def may_list(path: Path) -> str:
    return "ok" if list(path.iterdir()) else "empty"


def podman() -> str:
    """A unit does not wait for `podman info`, with which it prepares podman."""
    deadline = time.monotonic() + (20 if "prepared" in sys.argv else 0)
    while not (RUNTIME / "libpod/tmp/pause.pid").exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    return worked(run("podman", "run", "--rm", "tiny", "/bin/busybox", "sh", "-c", IN_A_CONTAINER), "7:4755")


def umask() -> str:
    before = os.umask(0)
    os.umask(before)
    return f"{before:04o}"


PROBES: dict[str, Probe] = {
    "jit in one mapping": jit_in_one_mapping,
    "jit by turns": jit_by_turns,
    "jit of a library": jit_of_a_library,
    "processes": processes,
    "shared memory": shared,
    "terminal": terminal,
    "gpu": lambda: opened("/dev/nvidia0"),
    "gpu that came later": lambda: opened("/dev/nvidia-uvm"),
    "disk": lambda: opened("/dev/stage-disk"),
    "pinned threads": pinned,
    "sockets": unix_and_internet,
    "packets": packets,
    "real time": real_time,
    "cpuinfo": lambda: is_there("/proc/cpuinfo"),
    "home": lambda: may_list(Path.home()),
    "others' processes": lambda: is_there("/proc/1/stat"),
    "others' temporary files": lambda: is_there("/tmp/others"),
    "own manager": lambda: may_list(RUNTIME),
    "/etc": etc,
    "kernel settings": lambda: writable_mount("/proc/sys/net"),
    "umask": umask,
    "personality": personality,
    "setuid file": setuid_file,
    "user namespace": lambda: run("unshare", "--user", "--map-root-user", "true"),
    "debugger starts": debugger_starts,
    "debugger attaches": debugger_attaches,
    "setuid program": lambda: run("/usr/local/bin/rootid", "-u"),
    "file capability": lambda: worked(run("/usr/local/bin/ping", "-c", "1", "-W", "5", "127.0.0.1"), "1 packets received"),
    "sudo": lambda: run("sudo", "-n", "id", "-u"),
    "sudo installs": lambda: run(
        "sudo", "-n", "install", "-o", "alice", "-g", "root", "-m", "644", "/etc/hosts", "/usr/local/etc/installed"
    ),
    "sudo su": lambda: run("sudo", "-n", "su", "-", "alice", "-c", "id -un"),
    "sudo kills": lambda: run("sudo", "-n", "kill", "-0", "1"),
    "sudo mounts": lambda: run("sudo", "-n", "mount", "-t", "tmpfs", "tmpfs", "/mnt"),
    "sudo sets the network up": lambda: run("sudo", "-n", "ip", "link", "set", "lo", "up"),
    "podman": podman,
}


def found(probe: Probe) -> str:
    try:
        return probe()
    except Exception as error:
        return f"{type(error).__name__}: {error}"


if __name__ == "__main__":
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    facts = {"boot": sys.argv[2], "NoNewPrivs": status["NoNewPrivs"].strip(), "Seccomp": status["Seccomp"].strip()}
    Path(sys.argv[1]).write_text(json.dumps(facts | {name: found(probe) for name, probe in PROBES.items()}))
