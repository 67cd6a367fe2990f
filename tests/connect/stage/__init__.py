"""What the tests of `connect` stand on: a laptop and hosts with real sshd processes, each in namespaces of its own."""

from tests.connect.stage.hosts import Host
from tests.connect.stage.lab import Lab
from tests.connect.stage.laptop import Laptop
from tests.connect.stage.machine import KIT, Disk, Machine
from tests.connect.stage.needs import reason_to_skip
from tests.connect.stage.people import User

__all__ = ["KIT", "Disk", "Host", "Lab", "Laptop", "Machine", "User", "reason_to_skip"]
