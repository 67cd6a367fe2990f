"""Runs as the service's main process in `test_oom_policy.py`.

One child stands by; at SIGUSR1 another one is started, which eats memory and waits to be killed for it.
Nothing but the standard library: it runs in a virtual machine, with Debian's Python.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys

# More than any other process has, also when the kernel counts those of user managers as if they had a fifth of the memory each.
EATS = """
import signal
eaten = [bytearray(b"x") * 2**22 for _ in range(100)]
signal.pause()
"""


def tell(said: str) -> None:
    """sd_notify(3)."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
        line.connect(os.environ["NOTIFY_SOCKET"].replace("@", "\0", 1))
        line.sendall(said.encode())


def main() -> None:
    """Says in the status of the service how the child that ate has died, and what the other one answers after that."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0) as bystander:
        assert bystander.stdin is not None
        assert bystander.stdout is not None
        tell("READY=1")
        while signal.sigwait({signal.SIGUSR1}):
            died = subprocess.run([sys.executable, "-c", EATS], check=False).returncode
            bystander.stdin.write(b"alive")
            tell(f"STATUS={died} {os.read(bystander.stdout.fileno(), 100).decode()}")


main()
