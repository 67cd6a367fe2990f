"""Secrets in clear where they do not belong: looked for in every file that a server leaves behind, its logs and audit among them."""

from __future__ import annotations

import re
import stat
from pathlib import Path

# The instance's own file, and jupyter_server's entry for `jupyter server list`: both have the token, for the owner alone.
HOLDERS = re.compile(r"(?:^|.*/)(?:remotekit/\w+\.json|runtime/jpserver-\d+\.json)")
# How the value of a signed cookie begins (tornado.web.create_signed_value, version 2), whatever it is that was signed.
COOKIE = re.compile(rb"2\|1:0\|10:[0-9]{10}\|")
OTHERS = stat.S_IRWXG | stat.S_IRWXO


def leaks(folder: Path, token: str, *passwords: str) -> list[str]:
    """The files below `folder` that hold a password or a cookie, or the token where it does not belong or others can read it."""
    files = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()}
    return [f"{name}: {found}" for name, path in files.items() if (found := _leaked(name, path, token, passwords))]


def _leaked(name: str, path: Path, token: str, passwords: tuple[str, ...]) -> str | None:
    """What it is, in a word: a failing test must not print it either."""
    data = path.read_bytes()
    if any(password.encode() in data for password in passwords):
        return "a password"
    if COOKIE.search(data):
        return "a cookie"
    if token.encode() in data and not (HOLDERS.fullmatch(name) and not path.stat().st_mode & OTHERS):
        return "the token"
    return None
