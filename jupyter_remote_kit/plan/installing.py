"""An installation of the kit on a host: with which Python, what the host is told, and what its answers mean.

The host is told in one request what is to be done (`Order`). Where it lacks something, it says so and leaves nothing behind; then the
same is asked once more, with what it lacks. What does all this there is `templates/remote/install.py`.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace

from jupyter_remote_kit.errors import Failed
from jupyter_remote_kit.messages import Message, msg
from jupyter_remote_kit.plan.kitsearch import Python
from jupyter_remote_kit.plan.terminal import printable

DISTRIBUTION = "jupyter-remote-kit"
# One of our own requirements, pure Python and of 80 kB: an index that has it is an index.
PROBE = "segno>=1.6"
# The newest that all requirements are known to have wheels for.
_NEWEST = (3, 13)
# The wheels follow the request: whatever becomes of the installer, what it has not read must not be taken for the next request.
RUN = '"$@"\ncode=$?\ncat >/dev/null\nexit "$code"'
_BUSY = 75
_EVERY = 25
_LINE = re.compile(r"remotekit-(kit|lacks|host|busy) (.+)\Z")
_ERRNO = re.compile(r"\[Errno ([0-9]+)\]")
_FULL = frozenset({"28", "122"})
_DENIED = frozenset({"1", "13", "30"})


@dataclass(frozen=True)
class Place:
    """Where the kit goes: an environment that this interpreter makes for it (`own`), or else the one that it belongs to."""

    python: str
    own: bool


@dataclass(frozen=True)
class Report:
    """What came of an order: the path of the kit; or what the host lacks (`pip`, `kit`, `index`); and its interpreter, as JSON."""

    kit: str | None = None
    lacks: str | None = None
    host: str | None = None


@dataclass(frozen=True)
class Order:
    """What the host is told. `sent` is what it was found to lack, and gets; without an `index` that is everything."""

    place: Place
    version: str
    sent: frozenset[str] = frozenset()
    describe: bool = False

    def with_sent(self, lacking: str) -> Order:
        """The same, with what the host was found to lack. No index has it all, where there is none."""
        return replace(self, sent=self.sent | {lacking} | ({"kit"} if lacking == "index" else set()))

    def argv(self, program: str) -> tuple[str, ...]:
        """How the installer is run there; `program` is its text."""
        told = {
            "own": self.place.own,
            "requirement": f"{DISTRIBUTION}=={self.version}",
            "probe": PROBE,
            "offline": "index" in self.sent,
            "describe": self.describe,
        }
        # Without -I the working directory, which is the user's home, would come before the standard library.
        return self.place.python, "-I", "-c", program, json.dumps(told)


def choose(pythons: Sequence[Python]) -> Python:
    """The best of the interpreters, of which there is one: the newest that brings pip along and that all our requirements know."""
    return max(pythons, key=lambda python: (python.version[:2] <= _NEWEST, python.complete, python.version))


def read(lines: Sequence[str]) -> Report:
    """What the installer has said."""
    told = {match[1]: match[2] for match in map(_LINE.match, lines) if match}
    return Report(told.get("kit"), told.get("lacks"), told.get("host"))


def trouble(host: str, code: int, lines: Sequence[str], order: Order) -> Failed:
    """Why an order came to nothing: one sentence with the last words of pip, and what to do."""
    said = [line.strip() for line in lines if line.strip() and not line.startswith("remotekit-")]
    words = printable(_last_words(said) or f"exit code {code}")
    if code == _BUSY:
        folder = next((match[2] for match in map(_LINE.match, lines) if match and match[1] == "busy"), "-")
        busy = msg("Another installation is at work on {host}.", host=host)
        remove = shlex.join(("rm", "-r", printable(folder)))
        again = msg("Try again when it is done; if it was killed, on {host}: {words}", host=host, words=remove)
        return Failed.of("install-busy", busy, again)
    number = next((match[1] for match in map(_ERRNO.search, reversed(said)) if match), None)
    if number in _FULL:
        full = msg("The disk of {host} is full, or the quota is used up: {words}", host=host, words=words)
        return Failed.of("disk-full", full, msg("On {host}: {words}", host=host, words="df -h ~"))
    if number in _DENIED:
        denied = msg("It cannot be installed on {host}, permission denied: {words}", host=host, words=words)
        return Failed.of("permission", denied, msg("Leave out --python and --env: it gets an environment of its own"))
    if any("externally-managed-environment" in line for line in said):
        system = msg("{python} on {host} belongs to the system, which installs its packages itself.", python=order.place.python, host=host)
        return Failed.of("system-python", system, msg("Leave out --python: it gets an environment of its own"))
    failed = msg("The installation on {host} failed: {words}", host=host, words=words)
    if "index" in order.sent:
        return Failed.of("install-failed", failed, msg("Name another Python there: --python PYTHON"))
    return Failed.of("install-failed", failed, msg("Send all packages from this machine: add --push"))


def _last_words(said: Sequence[str]) -> str | None:
    """The last error that pip has told, else whatever came last."""
    return next((line for line in reversed(said) if line.startswith("ERROR:")), said[-1] if said else None)


def sent_because(lacks: str, host: str, order: Order) -> Message:
    """Why something is sent."""
    if lacks == "pip":
        python = order.place.python
        return msg("{python} on {host} has no pip (on Debian it is in python3-venv): it is sent from here.", python=python, host=host)
    if lacks == "kit":
        return msg("pip on {host} finds no jupyter-remote-kit {version}: it is sent from here.", host=host, version=order.version)
    return msg("pip on {host} reaches no index: all packages are sent from here.", host=host)


class Progress:
    """What a person is told of the lines that pip prints: some of them, in short."""

    def __init__(self, host: str) -> None:
        self._host = host
        self._found = 0
        self._begun = False

    def heard(self, line: str) -> Message | None:
        """What this line means, if it is worth a sentence."""
        word, _, rest = line.partition(" ")
        if word == "remotekit-environment":
            return msg("Making the environment {folder} …", folder=printable(rest))
        if word == "remotekit-index":
            return msg("Asking the package index of {host} …", host=self._host)
        if word in {"Collecting", "Processing"}:
            self._found += 1
            return msg("Packages found: {count} …", count=self._found) if self._found % _EVERY == 0 else None
        if word == "remotekit-install":
            self._begun = True
        # Before that an environment was given its pip.
        if self._begun and line.startswith("Installing collected packages:"):
            return msg("Installing {count} packages …", count=line.count(",") + 1)
        return None
