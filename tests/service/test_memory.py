"""A kernel that eats all the memory of its unit: it dies, and it alone."""

from __future__ import annotations

import pytest

from tests.service.served import SYSTEM, Figure, Served
from tests.service.stage import Machine

LIMIT_MIB = 500
# As much as would not fit beside what was eaten.
ROOM_MIB = 150
EATS = """
eaten = []
while True:
    eaten.append(bytearray(b"x") * 2**24)
"""


def test_only_the_kernel_that_eats_dies(machine: Machine, figure: Figure) -> None:
    served = Served(machine, SYSTEM)
    with machine.login(served.place.user) as login:
        served.install(login, "--now")
    if served.says("MemoryCurrent") == "[not set]":
        pytest.skip("there is no memory controller for units on this machine")
    machine.run("systemctl", "set-property", "--runtime", served.place.unit, f"MemoryMax={LIMIT_MIB}M", "MemorySwapMax=0")
    served.wait_until_answers()
    server = served.pid
    with served.kernel() as bystander, served.kernel() as eater:
        bystander.run("kept = 42")
        own = int(eater.run("import os; print(os.getpid())"))
        eater.send(EATS)
        eater.wait_for_state("restarting", 60)
        assert machine.run("kill", "-0", str(own), check=False).returncode != 0
        anew = eater.run("import os; print(os.getpid())")
        assert anew != str(own)
        assert bystander.run("print(kept)") == "42"
        # What it had eaten is there for the others again: nobody has to die for this.
        assert bystander.run(f"filled = bytearray(b'x') * ({ROOM_MIB} * 2**20); print(kept, len(filled))") == f"42 {ROOM_MIB * 2**20}"
        assert eater.run("print(os.getpid())") == anew
    assert served.pid == server
    assert served.says("ActiveState") == "active"
    assert served.says("NRestarts") == "0"
    figure(f"limit {LIMIT_MIB} MiB: one kernel died, the server and the other kernel did not; OOMPolicy={served.says('OOMPolicy')}")
