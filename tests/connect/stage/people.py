"""The users of a machine: rows of its passwd, group and shadow, and homes of their own."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

FIRST_UID = 7001


@dataclass(frozen=True)
class User:
    """Somebody with an account. Without a password there is none that would let them in."""

    name: str
    shell: str = "/bin/bash"
    password: str | None = None


@dataclass(frozen=True)
class Person:
    """One row of the machine's passwd."""

    name: str
    uid: int
    gid: int
    home: str
    shell: str


ROOT = Person("root", 0, 0, "/root", "/bin/bash")


def added(root: Path, user: User, number: int) -> Person:
    """Give `user` an account on the machine whose disk is found at `root`, the `number`-th there, and a home as Debian makes it."""
    uid = FIRST_UID + number
    person = Person(user.name, uid, uid, f"/home/{user.name}", user.shell)
    hashed = "*" if user.password is None else _hashed(user.password)
    _append(root / "etc/passwd", f"{person.name}:x:{uid}:{uid}::{person.home}:{person.shell}")
    _append(root / "etc/group", f"{person.name}:x:{uid}:")
    _append(root / "etc/shadow", f"{person.name}:{hashed}:19000:0:99999:7:::")
    home = root / person.home.lstrip("/")
    shutil.copytree(root / "etc/skel", home, symlinks=True)
    home.chmod(0o700)
    for path in (home, *home.rglob("*")):
        os.lchown(path, uid, uid)
    return person


def _append(file: Path, row: str) -> None:
    with file.open("a") as table:
        table.write(f"{row}\n")


def _hashed(password: str) -> str:
    done = subprocess.run(["openssl", "passwd", "-6", "-stdin"], input=password, capture_output=True, text=True, check=True)
    return done.stdout.strip()
