"""A host: a machine that one gets into by ssh."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator

from tests.connect.stage.machine import PLAIN, Disk, Machine
from tests.connect.stage.people import User
from tests.connect.stage.processes import Process
from tests.e2e.stage.waiting import until

SSHD = "/usr/sbin/sshd"
PORT = 22
KEY = "/etc/ssh/ssh_host_ed25519_key"
LOG = "/var/log/sshd.log"
# The first value of a keyword counts, so a test's own come before these.
CONFIG = f"""\
HostKey {KEY}
UsePAM no
KbdInteractiveAuthentication no
PasswordAuthentication yes
PermitRootLogin yes
MaxStartups 200
MaxSessions 50
AcceptEnv LANG LC_*
PrintMotd no
PidFile /run/sshd.pid
LogLevel VERBOSE
Subsystem sftp internal-sftp
"""


class Host(Machine):
    """A machine with users and a real sshd."""

    def __init__(self, name: str, *users: User, disk: Disk = PLAIN, sshd: str = "") -> None:
        super().__init__(name, disk)
        try:
            for user in users:
                self.add(user)
            self.keyed = ["root", *(user.name for user in users if user.password is None)]
            """Who comes in by a key."""
            for key in self.inside("/etc/ssh").glob("ssh_host_*"):
                key.unlink()
            self.inside("/run/sshd").mkdir()
            self.make_key()
            self._serve(sshd)
        except BaseException:
            self.close()
            raise

    @property
    def key(self) -> str:
        """Its public key: type and base64."""
        return " ".join(self.inside(f"{KEY}.pub").read_text().split()[:2])

    def make_key(self) -> None:
        """Make it a new key; a running sshd has the old one until it is started anew."""
        for path in (KEY, f"{KEY}.pub"):
            self.inside(path).unlink(missing_ok=True)
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", self.inside(KEY)], check=True)

    def serve(self, options: str = "") -> None:
        """Start sshd with these lines of configuration before the stage's own, in the place of the one that runs. Sessions stay."""
        self.stop_serving()
        self._serve(options)

    def _serve(self, options: str) -> None:
        self.write("/etc/ssh/sshd_config", f"{options}\n{CONFIG}")
        self.run(SSHD, "-E", LOG)
        until(lambda: PORT in self.listeners(), f"the sshd of {self.name}", every=0.01)

    def stop_serving(self) -> None:
        """End sshd; nobody comes in any more. Sessions stay."""
        for process in self._serving():
            os.kill(process.pid, signal.SIGTERM)
        until(lambda: not self._serving(), f"the sshd of {self.name} to end")

    def log(self) -> str:
        """What sshd has said."""
        return self.inside(LOG).read_text(errors="replace")

    def authorize(self, user: str, *public_keys: str) -> None:
        """Let whoever has one of these keys in as `user`."""
        home = self.person(user).home
        self.write(f"{home}/.ssh/authorized_keys", "".join(f"{key}\n" for key in public_keys), user=user, mode=0o600)

    # -- sessions ------------------------------------------------------------------------------------------------------------------

    def sessions(self) -> list[Process]:
        """The processes of sshd that each serve one connection: the monitor, and the one that is the user's."""
        serving = {process.pid for process in self._serving()}
        return [process for process in self.processes() if process.name.startswith("sshd") and process.pid not in serving]

    def kill_sessions(self) -> int:
        """End every connection from this end, at once; what the users have running there is not touched. How many processes that were."""
        found = self.sessions()
        for process in found:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGKILL)
        until(lambda: not {process.pid for process in found} & {process.pid for process in self.sessions()}, "the sessions to end")
        return len(found)

    def _serving(self) -> list[Process]:
        return [process for process in self.processes() if process.name == "sshd" and "[listener]" in " ".join(process.argv)]

    @contextlib.contextmanager
    def another_key(self) -> Iterator[None]:
        """Within, it is a host with another key."""
        kept = [(path, self.inside(path).read_text()) for path in (KEY, f"{KEY}.pub")]
        self.make_key()
        self._serve_again()
        try:
            yield
        finally:
            for path, text in kept:
                self.write(path, text, mode=0o600)
            self._serve_again()

    def _serve_again(self) -> None:
        self.serve(self.inside("/etc/ssh/sshd_config").read_text().removesuffix(CONFIG))
