"""The user's own stores on macOS and Windows. Both systems ask in a window of their own before one is changed."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from jupyter_remote_kit.errors import Problem
from jupyter_remote_kit.messages import Message, msg
from jupyter_remote_kit.plan.model import Run, Step
from jupyter_remote_kit.plan.truststores import Held, Wish, missing

SECURITY = "/usr/bin/security"
_SHA1 = re.compile(r"SHA-1 hash: *([0-9A-Fa-f]{40})\b")


@dataclass(frozen=True)
class Keychain:
    """The login keychain of macOS: security(1). Safari, Chrome and (since 120) Firefox go by it."""

    path: Path
    held: Mapping[str, Held] = field(default_factory=dict)
    vital: bool = True

    @property
    def title(self) -> Message:
        """There may be others beside it."""
        return msg("the login keychain, {path}", path=self.path)

    def steps(self, wish: Wish) -> tuple[Step, ...]:
        """Trusted for TLS alone; `-t` takes the trust settings back as well, which are kept apart from the keychain."""
        trust = ("add-trusted-cert", "-r", "trustRoot", "-p", "ssl", "-k", str(self.path))
        added = [_run(SECURITY, *trust, wish.file(entry)) for entry in missing(self.held, wish)]
        delete = ("delete-certificate", "-t", "-Z")
        gone = [entry.thumbprint.upper() for entry in wish.unwanted if entry.digest in self.held]
        return (*added, *(_run(SECURITY, *delete, thumbprint, str(self.path)) for thumbprint in gone))

    def obstacle(self, wish: Wish) -> Problem | None:
        """None that is known beforehand."""
        return None


@dataclass(frozen=True)
class UserRoot:
    """The user's trusted roots of Windows. `certutil` is Microsoft's, by its full path: NSS has a program of that name."""

    certutil: str
    held: Mapping[str, Held] = field(default_factory=dict)
    vital: bool = True

    @property
    def title(self) -> Message:
        """Edge, Chrome and (since 120) Firefox go by it."""
        return msg("Windows' trusted root authorities of this user")

    def steps(self, wish: Wish) -> tuple[Step, ...]:
        """By the thumbprint, which is the certificate's own, where it goes."""
        store = (self.certutil, "-user")
        added = [_run(*store, "-addstore", "Root", wish.file(entry)) for entry in missing(self.held, wish)]
        gone = [entry.thumbprint for entry in wish.unwanted if entry.digest in self.held]
        return (*added, *(_run(*store, "-delstore", "Root", thumbprint) for thumbprint in gone))

    def obstacle(self, wish: Wish) -> Problem | None:
        """None that is known beforehand."""
        return None


def keychain_argv(path: Path) -> tuple[str, ...]:
    """List what is in a keychain."""
    return (SECURITY, "find-certificate", "-a", "-Z", str(path))


def thumbprints(listing: str) -> frozenset[str]:
    """The certificates in a keychain, out of that list."""
    return frozenset(found.lower() for found in _SHA1.findall(listing))


def user_root_argv(certutil: str, thumbprint: str) -> tuple[str, ...]:
    """Look for a certificate among the user's roots: it is there where this succeeds."""
    return (certutil, "-user", "-store", "Root", thumbprint)


def _run(*argv: str) -> Run:
    return Run(argv, "user-store", hint=msg("Run it by hand to see more: {argv}", argv=shlex.join(argv)))
