"""The laptop: its keys, its agent, its terminal, its browser, and the kit."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import Page

from tests.connect.stage.machine import KIT, Machine
from tests.connect.stage.people import User
from tests.connect.stage.terminal import COLUMNS, LINES, Terminal
from tests.e2e.stage import laptop as browsers
from tests.e2e.stage.waiting import until

PERSON = "dana"
BROWSER = f"/home/{PERSON}/browser"
OPENED = f"/home/{PERSON}/opened"
ASKPASS = "#!/bin/sh\ncat ~/.passphrase\n"


class Laptop(Machine):
    """A machine whose user, `dana`, has a key and knows the keys of hosts; so does root."""

    default_user = PERSON

    def __init__(self, name: str = "laptop") -> None:
        super().__init__(name)
        try:
            self.add(User(PERSON))
            for user in (PERSON, "root"):
                self.make_key("id_ed25519", user=user)
        except BaseException:
            self.close()
            raise

    # -- ssh -----------------------------------------------------------------------------------------------------------------------

    def ssh(self, *words: str, check: bool = True, **options: Any) -> subprocess.CompletedProcess[str]:
        """`ssh …`, which asks nothing; `options` are those of `run`."""
        return self.run("ssh", "-o", "BatchMode=yes", *words, check=check, **options)

    def make_key(self, name: str, passphrase: str = "", user: str = PERSON) -> str:
        """Make a key in ~/.ssh; the public part."""
        self.run("sh", "-c", 'mkdir -p -m 700 ~/.ssh; ssh-keygen -q -t ed25519 -C "$0" -N "$1" -f ~/.ssh/"$0"', name, passphrase, user=user)
        return self.public_key(name, user)

    def public_key(self, name: str = "id_ed25519", user: str = PERSON) -> str:
        """The public part of a key: what a host is given."""
        return (self.home(user) / ".ssh" / f"{name}.pub").read_text().strip()

    def configure(self, text: str, user: str = PERSON) -> None:
        """Write ~/.ssh/config."""
        self.write(f"{self.person(user).home}/.ssh/config", text, user=user, mode=0o600)

    def know(self, rows: str, user: str = PERSON) -> None:
        """Write ~/.ssh/known_hosts."""
        self.write(f"{self.person(user).home}/.ssh/known_hosts", rows, user=user, mode=0o600)

    @contextlib.contextmanager
    def agent(self, key: str, passphrase: str, user: str = PERSON) -> Iterator[dict[str, str]]:
        """A real ssh-agent that has been given `key`; the variables by which it is found."""
        home = self.person(user).home
        socket, askpass = f"{home}/.ssh/agent", f"{home}/.ssh/askpass"
        self.write(askpass, ASKPASS, user=user, mode=0o700)
        self.write(f"{home}/.passphrase", f"{passphrase}\n", user=user, mode=0o600)
        running = self.popen("ssh-agent", "-D", "-a", socket, user=user, stdout=subprocess.DEVNULL)
        try:
            until(self.inside(socket).is_socket, "the agent's socket")
            found = {"SSH_AUTH_SOCK": socket}
            asking = {"SSH_ASKPASS": askpass, "SSH_ASKPASS_REQUIRE": "force"}
            self.run("ssh-add", f"{home}/.ssh/{key}", user=user, env={**found, **asking})
            yield found
        finally:
            running.terminate()
            running.wait(10)
            self.run("rm", "-f", socket, askpass, f"{home}/.passphrase", user=user)

    # -- the kit -------------------------------------------------------------------------------------------------------------------

    def kit(self, *words: str | Path, check: bool = False, timeout: float = 120.0, **options: Any) -> subprocess.CompletedProcess[str]:
        """`jupyter-remotekit …` to its end; `options` are those of `run`."""
        return self.run(KIT, *words, check=check, timeout=timeout, **options)

    def terminal(self, *argv: str | Path, user: str | None = None, env: Mapping[str, str] | None = None, seconds: float = 60.0) -> Terminal:
        """A program at a terminal."""
        shown = {"TERM": "xterm", "COLUMNS": str(COLUMNS), "LINES": str(LINES), **(env or {})}
        return Terminal(self.command(argv, user, shown), seconds)

    # -- the browser ---------------------------------------------------------------------------------------------------------------

    def recording_browser(self) -> dict[str, str]:
        """A browser that writes down what it is asked to open; the variables by which it is found. What it wrote before is gone."""
        self.inside(OPENED).unlink(missing_ok=True)
        self.write(BROWSER, f'#!/bin/sh\nprintf "%s\\n" "$@" >>{OPENED}\n', user=PERSON, mode=0o755)
        return {"BROWSER": f"{BROWSER} %s"}

    def opened(self) -> str:
        """The URL that it was asked to open."""
        seen = self.inside(OPENED)
        return until(lambda: seen.read_text().strip() if seen.exists() else "", "the browser to be opened")

    @contextlib.contextmanager
    def page(self) -> Iterator[Page]:
        """One tab of a fresh browser on this laptop."""
        folder = Path(tempfile.mkdtemp(prefix="rk-connect-browser-"))
        try:
            with browsers.Laptop(Browsing(self.pid1), folder).page() as page:
                yield page
        finally:
            shutil.rmtree(folder, ignore_errors=True)


@dataclass(frozen=True)
class Browsing:
    """Where the browser runs: in the network of the laptop with process `pid`, with the files of the tests' own machine."""

    pid: int

    def command(self, argv: Sequence[str | Path]) -> list[str]:
        """`argv` to be run as on that machine, as far as the network goes."""
        return ["nsenter", "-t", str(self.pid), "-n", "--", *map(str, argv)]
