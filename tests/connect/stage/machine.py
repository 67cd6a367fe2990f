"""A machine: namespaces of every kind, so that its processes, users, files, name and network are its own."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from tests.connect.stage import people
from tests.connect.stage.people import ROOT, Person, User
from tests.connect.stage.processes import Process, running
from tests.connect.stage.wires import Plug, in_network
from tests.e2e.stage import namespaces
from tests.service.stage.disk import trees
from tests.service.stage.done import checked

HERE = Path(__file__).parent
USER_PATH = "/usr/local/bin:/usr/bin:/bin:/usr/games"
ROOT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
KIT = f"{sys.prefix}/bin/jupyter-remotekit"
LISTEN = "0A"
SECONDS_TO_END = 20
UNSHARE = ("unshare", "--mount", "--net", "--uts", "--ipc", "--pid", "--fork", "--kill-child")


@dataclass(frozen=True)
class Disk:
    """What a machine has.

    disk_mb, home_mb: how much can be written, in all and below /home.
    python: whether there is any, and with it the environment that has the kit.
    """

    disk_mb: int = 512
    home_mb: int = 1024
    python: bool = True


PLAIN = Disk()


class Machine:
    """One machine, called `name`; `plugs` are its ways to the network. Made at once; `close` takes it away with all that was made on it.

    The disk is that of the tests' machine with a layer over it that is kept in memory; homes, /root, /tmp and /run are empty. Interpreter,
    environment and checkout are bound read-only at their own paths, and everybody can reach them.
    """

    default_user = "root"

    def __init__(self, name: str, disk: Disk = PLAIN) -> None:
        self.name = name
        self.disk = disk
        self.plugs: list[Plug] = []
        self._people = {"root": ROOT}
        self._life = contextlib.ExitStack()
        try:
            self._boot()
        except BaseException:
            self.close()
            raise

    def _boot(self) -> None:
        # In the machine it is a mount; here it is empty, and needed no longer once the machine has its root.
        with tempfile.TemporaryDirectory(prefix="rk-connect-") as work:
            options = [work, self.name, str(self.disk.disk_mb), str(self.disk.home_mb), "yes" if self.disk.python else "no"]
            argv = [*UNSHARE, "bash", str(HERE / "launch.sh"), *options, *map(str, trees())]
            self._launcher = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            self._life.callback(self._end)
            _, stdout = self._pipes()
            line = stdout.readline()
        if not line:
            message = f"{self.name} did not boot: exit {self._launcher.wait()}"
            raise RuntimeError(message)
        self.pid1 = int(line)
        """Its process 1, as the tests' own machine counts."""

    def close(self) -> None:
        """Pull the plug: processes, mounts and network go with process 1."""
        self._life.close()

    def _end(self) -> None:
        for pipe in self._pipes():
            pipe.close()
        try:
            # Process 1 sees the end of its input, and the kernel ends all that is left on the machine before it is gone.
            self._launcher.wait(SECONDS_TO_END)
        except subprocess.TimeoutExpired:
            self._launcher.kill()
            self._launcher.wait()

    def _pipes(self) -> tuple[IO[bytes], IO[bytes]]:
        assert self._launcher.stdin is not None
        assert self._launcher.stdout is not None
        return self._launcher.stdin, self._launcher.stdout

    # -- running things ------------------------------------------------------------------------------------------------------------

    def command(self, argv: Sequence[str | Path], user: str | None = None, env: Mapping[str, str] | None = None) -> list[str]:
        """`argv`, to be run by `user` at home, with the environment of a login and `env`; both are seen in command lines."""
        person = self.person(user or self.default_user)
        variables = [f"{name}={value}" for name, value in {**self._login(person), **(env or {})}.items()]
        entered = [sys.executable, "-I", "-S", str(HERE / "enter.py"), str(self.pid1), str(person.uid), str(person.gid), person.home]
        return [*entered, *variables, "--", *map(str, argv)]

    def run(
        self,
        *argv: str | Path,
        user: str | None = None,
        env: Mapping[str, str] | None = None,
        input: str | None = None,
        check: bool = True,
        timeout: float = 60.0,
    ) -> subprocess.CompletedProcess[str]:
        """Run a program to its end. Raises as `subprocess.run` does."""
        source: dict[str, Any] = {"stdin": subprocess.DEVNULL} if input is None else {"input": input}
        done = subprocess.run(self.command(argv, user, env), capture_output=True, text=True, check=False, timeout=timeout, **source)
        return checked([str(word) for word in argv], done.returncode, done.stdout, done.stderr, check)

    def popen(
        self, *argv: str | Path, user: str | None = None, env: Mapping[str, str] | None = None, **options: Any
    ) -> subprocess.Popen[str]:
        """Start a program; signals that are sent to the `Popen` reach it."""
        return subprocess.Popen(self.command(argv, user, env), text=True, **options)

    def _login(self, person: Person) -> dict[str, str]:
        path = ROOT_PATH if person.uid == 0 else USER_PATH
        here = {"HOME": person.home, "USER": person.name, "LOGNAME": person.name, "SHELL": person.shell}
        return {**here, "PATH": path, "LANG": "C.UTF-8", "TERM": "dumb"}

    # -- its people and files ------------------------------------------------------------------------------------------------------

    def add(self, user: User) -> Person:
        """Give `user` an account."""
        person = people.added(self.inside("/"), user, len(self._people))
        self._people[user.name] = person
        return person

    def person(self, user: str) -> Person:
        """Who `user` is. Raises `KeyError`."""
        return self._people[user]

    def home(self, user: str | None = None) -> Path:
        """The user's home, as the tests find it."""
        return self.inside(self.person(user or self.default_user).home)

    def inside(self, path: str | Path) -> Path:
        """Where the tests find the machine's `path`. Absolute symbolic links in it lead astray."""
        return Path(f"/proc/{self.pid1}/root") / str(path).lstrip("/")

    def write(self, path: str | Path, text: str, *, user: str = "root", mode: int = 0o644) -> None:
        """Write a file there as `user`'s own; folders on the way to it become theirs as well, and private."""
        person, file = self.person(user), self.inside(path)
        made = [folder for folder in reversed(file.parents) if not folder.exists()]
        for folder in made:
            folder.mkdir(0o700)
        file.write_text(text)
        file.chmod(mode)
        for entry in (*made, file):
            os.chown(entry, person.uid, person.gid)

    @contextlib.contextmanager
    def full(self, folder: str = "/home") -> Iterator[None]:
        """Within, nothing more can be written on the disk that `folder` is on."""
        filler = f"{folder}/.filler"
        # What is left after whole blocks goes by bytes.
        self.run("sh", "-c", 'dd if=/dev/zero bs=1M >"$0" 2>/dev/null; cat /dev/zero >>"$0" 2>/dev/null', filler, user="root", check=False)
        try:
            yield
        finally:
            self.run("rm", filler, user="root")

    # -- looking at it -------------------------------------------------------------------------------------------------------------

    def processes(self) -> list[Process]:
        """All that run on it, as the tests' own machine counts; neither its process 1 nor the way in."""
        return [process for process in running(self.pid1) if process.pid != self.pid1]

    def listeners(self) -> set[int]:
        """The TCP ports on which something listens there."""
        found = set()
        for table in ("tcp", "tcp6"):
            for row in Path(f"/proc/{self.pid1}/net/{table}").read_text().splitlines()[1:]:
                words = row.split()
                if words[3] == LISTEN:
                    found.add(int(words[1].rpartition(":")[2], 16))
        return found

    # -- its network ---------------------------------------------------------------------------------------------------------------

    def ip(self, *words: str) -> None:
        """`ip …` there."""
        in_network(self.pid1, "ip", *words)

    @property
    def address(self) -> str:
        """Its first address."""
        return self.plugs[0].address

    def network(self) -> contextlib.AbstractContextManager[None]:
        """Within, sockets that this thread makes, and threads that it starts, are on that machine."""
        return namespaces.entered(Path(f"/proc/{self.pid1}/ns/net"))
