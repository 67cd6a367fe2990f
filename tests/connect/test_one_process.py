"""A laptop whose ssh cannot multiplex, as OpenSSH for Windows cannot: one process carries the session and the forwarding."""

from __future__ import annotations

import json
import sys

import pytest

from tests.connect.stage import Lab, User, faults
from tests.connect.stage.connection import connected
from tests.connect.stage.hosts import Host
from tests.e2e.stage.waiting import until

# The platform is all that is told otherwise; ssh, sshd and the server are what they are.
PROGRAM = (
    sys.executable,
    "-c",
    "import sys\n"
    "from jupyter_remote_kit.commands import distant\n"
    "from jupyter_remote_kit.plan.ssh import Platform\n"
    "distant.PLATFORM = Platform.WINDOWS\n"
    "from jupyter_remote_kit.cli import main\n"
    "main(sys.argv[1:])\n",
)


@pytest.fixture(scope="module")
def host(lab: Lab) -> Host:
    """A host with alice."""
    return lab.host("gpu", User("alice"))


def test_a_host_that_is_new_and_one_that_is_known(lab: Lab, host: Host) -> None:
    for started in (True, False):
        with connected(lab.laptop, "alice@gpu", program=PROGRAM) as connection:
            assert connection.data["started"] is started
            assert connection.execute(connection.new_kernel(), "6 * 7") == "42"
            (ssh,) = faults.ssh_of(lab.laptop, connection.process.pid)
            assert "-L" in ssh.argv
            assert "ControlMaster=no" in ssh.argv
            assert connection.stop() == 0
        assert "ssh" not in {process.name for process in lab.laptop.processes()}


def test_a_line_that_is_cut_comes_back_on_the_same_port(lab: Lab, host: Host) -> None:
    with connected(lab.laptop, "alice@gpu", program=PROGRAM) as connection:
        kernel = connection.new_kernel()
        connection.execute(kernel, "kept = 41")
        assert faults.kill_ssh(lab.laptop, connection.process.pid) == 1
        until(connection.answers, f"the line to come back {connection.words()}", 20)
        assert connection.execute(kernel, "kept + 1") == "42"


def test_a_server_that_has_got_another_port_meanwhile_is_found(lab: Lab, host: Host) -> None:
    with connected(lab.laptop, "alice@gpu", program=PROGRAM) as connection:
        assert connection.stop() == 0
    lab.laptop.kit("stop", "alice@gpu", check=True)
    book = lab.laptop.home() / ".local/share/jupyter/remotekit/hosts.json"
    known = json.loads(book.read_text())
    known["hosts"][0]["far_ports"]["connect"] = 9
    book.write_text(json.dumps(known))
    with connected(lab.laptop, "alice@gpu", program=PROGRAM) as connection:
        assert connection.answers()
