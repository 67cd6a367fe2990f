"""Secrets that must stay where they belong: every one that a test makes or finds is a canary, and looked for afterwards."""

from __future__ import annotations

import json
import secrets
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import quote

from tests.e2e.stage.waiting import until

SAMPLER = Path(__file__).with_name("sampler.py")


class Canaries:
    """The secrets of a run, and the command lines that were seen during it."""

    def __init__(self, folder: Path) -> None:
        self._record = folder / "cmdlines"
        self._record.touch(0o600)
        self._secrets: set[str] = set()
        self._sampler = subprocess.Popen([sys.executable, "-I", SAMPLER, self._record], stdin=subprocess.PIPE)
        until(self._record.read_bytes, "the sampler to start")

    def password(self) -> str:
        """A new password, watched."""
        return self.watch(f"Kanarie-{secrets.token_hex(8)} ü")

    def watch(self, secret: str) -> str:
        """Look for `secret` too, as it is and as it stands in a URL."""
        self._secrets.update({secret, quote(secret)})
        return secret

    def watch_instance(self, file: Path) -> dict[str, dict[str, str]]:
        """Watch the token and the hash of an instance file; returns what it holds."""
        traits: dict[str, dict[str, str]] = json.loads(file.read_text())
        for key in ("token", "hashed_password"):
            if secret := traits["RemoteKitIdentityProvider"][key]:
                self.watch(secret)
        return traits

    def command_lines(self) -> list[str]:
        """Every distinct command line so far."""
        return self._record.read_text(errors="replace").splitlines()

    def shown(self) -> list[str]:
        """The command lines with a secret in them, the secret cut short."""
        return [hide(line, self._secrets) for line in self.command_lines() if any(secret in line for secret in self._secrets)]

    def inside(self, data: bytes) -> list[str]:
        """The secrets that `data` holds, cut short."""
        return [hide(secret, self._secrets) for secret in sorted(self._secrets) if secret.encode() in data]

    def stop(self) -> None:
        """End the sampler."""
        self._sampler.communicate(b"\n", timeout=10)


def hide(text: str, hidden: Iterable[str]) -> str:
    """`text` without the secrets: a failing test must not print them either."""
    for secret in sorted(hidden, key=len, reverse=True):
        text = text.replace(secret, f"<{secret[:4]}…>")
    return text
