"""The stores of NSS, which Chromium and Firefox on Linux go by: what its `certutil` is told, and what it says."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from jupyter_remote_kit.errors import Problem
from jupyter_remote_kit.messages import Message, msg
from jupyter_remote_kit.plan.model import MakeDirectory, Run, Step
from jupyter_remote_kit.plan.truststores import Held, Wish, missing

# Trusted to vouch for web servers; for mail and for code not.
FLAGS = "C,,"
# NSS names the columns of its database by PKCS #11's attributes (lib/softoken/sdb.c): class, of which 1 is a certificate, label, value.
# certutil itself cannot tell which nickname of a subject a certificate has: it shows all of that subject, the newest first.
CERTIFICATES = "SELECT a3, a11 FROM nssPublic WHERE a0 = x'00000001'"
# What a listing pads is the nickname, and a nickname may hold blanks itself.
_ROW = re.compile(r"(?P<nickname>\S.*?)\s+(?P<flags>[A-Za-z]*,[A-Za-z]*,[A-Za-z]*)\s*\Z")
# An empty password, as nearly all stores have it; without these words certutil asks for one on the terminal.
_NO_QUESTION = ("-f", "/dev/null")


def rows(listing: str) -> tuple[tuple[str, str], ...]:
    """The nicknames in a store and their flags, out of `certutil -L`."""
    matches = (_ROW.match(line) for line in listing.splitlines())
    return tuple((match["nickname"], match["flags"]) for match in matches if match)


def vouches(flags: str) -> bool:
    """Whether a certificate with these flags is an authority for web servers."""
    return "C" in flags.partition(",")[0]


def list_argv(certutil: str, folder: Path) -> tuple[str, ...]:
    """Print what is in a store."""
    return (certutil, "-L", "-d", f"sql:{folder}")


@dataclass(frozen=True)
class NssStore:
    """Chromium's store, or that of a profile of Firefox. `exists` is false of one that the browser has not made yet."""

    browser: str
    folder: Path
    certutil: str | None
    exists: bool = True
    held: Mapping[str, Held] = field(default_factory=dict)
    vital: bool = True

    @property
    def title(self) -> Message:
        """A browser may have several."""
        return msg("{browser}, {path}", browser=self.browser, path=self.folder)

    def steps(self, wish: Wish) -> tuple[Step, ...]:
        """Where the certificate is there already under another nickname, `-A` sets the flags of that one."""
        return tuple(self._steps(wish))

    def obstacle(self, wish: Wish) -> Problem | None:
        """Without certutil it cannot be told either what a store holds."""
        if self.certutil or not (self.exists or wish.wanted):
            return None
        return Problem(
            "no-certutil",
            msg("Chromium and Firefox keep what they trust in stores of NSS, and its program certutil is not installed."),
            msg("sudo apt install libnss3-tools; on Fedora: sudo dnf install nss-tools; then run the command again"),
        )

    def _steps(self, wish: Wish) -> Iterator[Step]:
        for entry in missing(self.held, wish):
            if not self.exists:
                yield MakeDirectory(self.folder)
                yield self._run("-N", "--empty-password")
            yield self._run("-A", "-t", FLAGS, "-n", entry.name, "-i", wish.file(entry), *_NO_QUESTION)
        for entry in wish.unwanted:
            if entry.digest in self.held:
                yield self._run("-D", "-n", self.held[entry.digest].name, *_NO_QUESTION)

    def _run(self, action: str, *words: str) -> Run:
        argv = (self.certutil or "certutil", action, "-d", f"sql:{self.folder}", *words)
        asking = argv[: -len(_NO_QUESTION)] if words[-2:] == _NO_QUESTION else argv
        return Run(argv, "nss-store", hint=msg("If it has a password of its own, which certutil asks for: {argv}", argv=shlex.join(asking)))
