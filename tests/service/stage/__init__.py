"""What the service's tests stand on: a Debian with a real systemd in it, booted in a container of its own."""

from tests.service.stage.login import Login
from tests.service.stage.machine import Machine
from tests.service.stage.needs import reason_to_skip
from tests.service.stage.tree import root

__all__ = ["Login", "Machine", "reason_to_skip", "root"]
