"""A machine: Debian with systemd as process 1, in a container that looks like a host of its own."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.e2e.stage.waiting import until
from tests.service.stage import processes, tree
from tests.service.stage.disk import Disk, trees
from tests.service.stage.done import checked
from tests.service.stage.listing import Entry, Listing
from tests.service.stage.login import Login
from tests.service.stage.place import place, sweep
from tests.service.stage.wire import Wire, wired

HERE = Path(__file__).parent
BOOT_SECONDS = 60.0
USER_PATH = "/usr/local/bin:/usr/bin:/bin:/usr/local/games:/usr/games"
ROOT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True)
class Person:
    """One row of the machine's passwd."""

    name: str
    uid: int
    gid: int
    home: str
    shell: str


class Machine:
    """One machine with a disk of its own. `with Machine() as machine:` boots it, and takes it away with all it has written.

    devices: names below /dev of GPU nodes to be there; nothing drives them, so opening one says ENXIO, and EPERM where it is forbidden.
    kill_user_processes: what logind does with what a log-out leaves behind.
    journal: "persistent" or "volatile".
    polkit: whether it is installed; without it nobody but root may do what it would have allowed.
    sudo_users: who may use sudo without a password; nobody else may at all.
    """

    def __init__(
        self,
        *,
        devices: Sequence[str] = (),
        kill_user_processes: bool = False,
        journal: str = "persistent",
        polkit: bool = True,
        sudo_users: Sequence[str] = ("carol",),
    ) -> None:
        self._disk = Disk(tuple(devices), kill_user_processes, journal, polkit, tuple(sudo_users))
        self._wire: Wire | None = None
        self._pid1: int | None = None
        self._launcher: subprocess.Popen[bytes] | None = None
        self._logins = 0
        self._prepared = False
        self._listing = Listing(frozenset(map(str, trees())))
        self._boot = contextlib.ExitStack()
        self._life = contextlib.ExitStack()

    # -- its life ------------------------------------------------------------------------------------------------------------------

    def __enter__(self) -> Machine:
        sweep()
        try:
            self._work, self._group = self._life.enter_context(place())
            self.boot()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Pull the plug, and take away all that was made for it."""
        self._end()
        self._life.close()

    def boot(self) -> None:
        """Switch it on, and wait until systemd has started everything. Raises `TimeoutError` or `RuntimeError` with the console."""
        log = self._boot.enter_context(self._work.joinpath("console").open("ab"))
        argv = ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc", "sh", str(HERE / "launch.sh")]
        argv += [str(tree.root()), str(self._work), *self._group.machine(self._nspawn())]
        self._launcher = subprocess.Popen(self._group.launcher(argv), stdin=subprocess.PIPE, stdout=log, stderr=log, bufsize=0)
        self._boot.callback(self._stop)
        outside = self._until(self._namespaced, "the machine's namespaces")
        if not self._prepared:
            self._disk.make_nodes(self._work / "dev")
            self._disk.prepare(Path(f"/proc/{outside}/root{self._work}/root"))
            self._prepared = True
        self._wire = self._boot.enter_context(wired(outside))
        assert self._launcher.stdin is not None
        self._launcher.stdin.write(f"{self._wire.address}/30 {self._wire.gateway}\n".encode())
        self._wait_booted(None)

    def reboot(self) -> None:
        """`systemctl reboot`, and wait until it is back, on the same disk and address."""
        before = self.pid1
        self.run("systemctl", "reboot", check=False)
        self._pid1 = None
        self._wait_booted(before)

    def poweroff(self) -> None:
        """`systemctl poweroff`, and wait until it is off; `boot()` switches it on again."""
        assert self._launcher is not None
        self.run("systemctl", "poweroff", check=False)
        self._launcher.wait(BOOT_SECONDS)
        self._end()

    @property
    def up(self) -> bool:
        """Whether its systemd runs."""
        return self._pid1 is not None and Path(f"/proc/{self._pid1}").exists()

    @property
    def pid1(self) -> int:
        """Its systemd, as the tests' own machine counts."""
        if self._pid1 is None:
            message = "the machine is off"
            raise RuntimeError(message)
        return self._pid1

    @property
    def boot_id(self) -> str:
        """Another one after each boot."""
        return self.inside("/proc/sys/kernel/random/boot_id").read_text().strip()

    @property
    def console(self) -> str:
        """What it has printed on its console."""
        return self._work.joinpath("console").read_text(errors="replace")

    # -- running things ------------------------------------------------------------------------------------------------------------

    @property
    def address(self) -> str:
        """Its IPv4 address, to be reached from where the tests run."""
        if self._wire is None:
            message = "the machine is off"
            raise RuntimeError(message)
        return self._wire.address

    @property
    def python(self) -> str:
        """The interpreter of the environment in which the kit is installed."""
        return f"{sys.prefix}/bin/python"

    def command(self, argv: Sequence[str | Path]) -> list[str]:
        """`argv`, to be run by root inside of it, with the caller's environment."""
        entered = ["nsenter", "-t", str(self.pid1), "-m", "-u", "-i", "-p", "-n", "-C", "--", *map(str, argv)]
        return self._group.inside(self.pid1, entered)

    def as_user(self, argv: Sequence[str | Path], user: str, env: Mapping[str, str] | None = None) -> list[str]:
        """`argv`, to be run by `user` inside of it, at home, with the environment of a login; it dies with who waits for it."""
        person = self.person(user)
        path = ROOT_PATH if person.uid == 0 else USER_PATH
        login = {"HOME": person.home, "USER": user, "LOGNAME": user, "SHELL": person.shell, "PATH": path, "LANG": "C.UTF-8", "TERM": "dumb"}
        variables = [f"{name}={value}" for name, value in {**login, **(env or {})}.items()]
        ids = [f"--reuid={person.uid}", f"--regid={person.gid}", "--init-groups", "--inh-caps=-all", "--pdeathsig=KILL"]
        return self.command(["setpriv", *ids, "env", "-i", f"--chdir={person.home}", *variables, *argv])

    def run(
        self,
        *argv: str | Path,
        user: str = "root",
        env: Mapping[str, str] | None = None,
        input: str | None = None,
        check: bool = True,
        timeout: float = 60.0,
    ) -> subprocess.CompletedProcess[str]:
        """Run a program to its end, as after a login that PAM knows nothing of: there is no XDG_RUNTIME_DIR unless `env` has it."""
        source: dict[str, Any] = {"stdin": subprocess.DEVNULL} if input is None else {"input": input}
        done = subprocess.run(self.as_user(argv, user, env), capture_output=True, text=True, check=False, timeout=timeout, **source)
        return checked([str(word) for word in argv], done.returncode, done.stdout, done.stderr, check)

    def popen(self, *argv: str | Path, user: str = "root", env: Mapping[str, str] | None = None, **options: Any) -> subprocess.Popen[str]:
        """Start a program there as `run` does; killing the `Popen` kills it."""
        return subprocess.Popen(self.as_user(argv, user, env), text=True, **options)

    def kit(self, *argv: str | Path, user: str = "root", **options: Any) -> subprocess.CompletedProcess[str]:
        """`jupyter remotekit …`; `options` are those of `run`."""
        return self.run(f"{sys.prefix}/bin/jupyter-remotekit", *argv, user=user, **options)

    def login(self, user: str) -> Login:
        """Log `user` in; to be used as a context manager, or closed."""
        self._logins += 1
        return Login(self, user, self._logins)

    @staticmethod
    def wait_for(condition: Callable[[], object], seconds: float = 20.0, what: str = "the condition") -> None:
        """Wait until `condition` is true. Raises `TimeoutError` that names `what`."""
        until(condition, what, seconds)

    # -- looking at it -------------------------------------------------------------------------------------------------------------

    def inside(self, path: str | Path) -> Path:
        """Where the tests find the machine's `path`. Absolute symbolic links in it lead astray."""
        return Path(f"/proc/{self.pid1}/root") / str(path).lstrip("/")

    def person(self, user: str) -> Person:
        """Who `user` is. Raises `KeyError`."""
        rows = [line.split(":") for line in self.inside("/etc/passwd").read_text().splitlines()]
        known = {row[0]: Person(row[0], int(row[2]), int(row[3]), row[5], row[6]) for row in rows}
        return known[user]

    def ids(self, user: str) -> tuple[int, int]:
        """User and group number of `user`."""
        person = self.person(user)
        return person.uid, person.gid

    def journal(self, *options: str) -> str:
        """What `journalctl` prints for these options."""
        return self.run("journalctl", "--no-pager", "--quiet", *options).stdout

    def journal_json(self, unit: str, *options: str) -> list[dict[str, Any]]:
        """The entries of a system unit (or what `options` choose, `--user-unit=…` among them, when `unit` is empty), oldest first."""
        chosen = [f"--unit={unit}"] if unit else []
        return [json.loads(line) for line in self.journal("--output=json", *chosen, *options).splitlines()]

    def listing(self) -> dict[str, Entry]:
        """All that lies on its disk but logs and temporary files: path to kind, mode, uid, gid, and link target or size and digest."""
        return self._listing.of(self.inside("/"))

    # -- how it is made ------------------------------------------------------------------------------------------------------------

    def _nspawn(self) -> list[str]:
        nodes = [f"--bind={self._work}/dev/{name}:/dev/{place}" for name, place, _, _ in self._disk.nodes()]
        bound = [f"--bind-ro={place.resolve()}:{place}" for place in trees()]
        return [
            "systemd-nspawn",
            "--quiet",
            "--register=no",
            "--keep-unit",
            f"--directory={self._work}/root",
            "--machine=gpubox",
            "--console=pipe",
            # It is a machine, not a prison.
            "--capability=all",
            "--network-namespace-path=/proc/self/ns/net",
            "--link-journal=no",
            "--resolv-conf=off",
            "--timezone=off",
            *nodes,
            *bound,
            f"--bind-ro={HERE}/init.sh:/stage-init",
            "/bin/sh",
            "/stage-init",
        ]

    def _namespaced(self) -> int | None:
        """The launcher's own process inside of its namespaces, once its disk is mounted."""
        assert self._launcher is not None
        children = processes.children(self._launcher.pid)
        if not children:
            return None
        disk = Path(f"/proc/{children[0]}/root{self._work}/root/etc/os-release")
        return children[0] if disk.exists() else None

    def _wait_booted(self, before: int | None) -> None:
        self._pid1 = self._until(lambda: self._systemd(before), "systemd to start")
        self._until(self._settled, "systemd to have started everything")

    def _systemd(self, before: int | None) -> int | None:
        """The process that is number 1 of its own namespace two levels down, and is systemd already."""
        assert self._launcher is not None
        levels = len(processes.numbers(os.getpid())) + 2
        for pid in processes.descendants(self._launcher.pid):
            numbers = processes.numbers(pid)
            if len(numbers) == levels and numbers[-1] == 1 and pid != before and processes.name(pid) == "systemd":
                return pid
        return None

    def _settled(self) -> bool:
        with contextlib.suppress(FileNotFoundError, ProcessLookupError, KeyError, RuntimeError, subprocess.TimeoutExpired):
            return self.run("systemctl", "is-system-running", check=False, timeout=10).stdout.strip() in {"running", "degraded"}
        return False

    def _until(self, condition: Callable[[], Any], what: str) -> Any:
        """As `until`, but a machine that has gone off is not waited for, and the console is told."""

        def met() -> Any:
            assert self._launcher is not None
            if self._launcher.poll() is not None:
                message = f"the machine went off before {what}:\n{self.console}"
                raise RuntimeError(message)
            return condition()

        try:
            return until(met, what, BOOT_SECONDS)
        except TimeoutError as error:
            message = f"{error}\n{self.console}"
            raise TimeoutError(message) from None

    def _stop(self) -> None:
        """End the launcher, and with it every process, mount and network of the machine."""
        assert self._launcher is not None
        assert self._launcher.stdin is not None
        self._launcher.kill()
        self._launcher.wait()
        self._launcher.stdin.close()

    def _end(self) -> None:
        self._boot.close()
        self._pid1, self._wire, self._launcher = None, None, None
