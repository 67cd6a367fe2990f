"""Finds the stores in which this laptop keeps whom it trusts, with what they hold, and changes them."""

from __future__ import annotations

import hashlib
import os
import sqlite3
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, suppress
from pathlib import Path

from jupyter_remote_kit.errors import Failed
from jupyter_remote_kit.host import files, programs, trouble
from jupyter_remote_kit.messages import msg
from jupyter_remote_kit.plan import nss, userstores
from jupyter_remote_kit.plan.authority import digests_of
from jupyter_remote_kit.plan.model import MakeDirectory, RemoveFile, Run, Step, WriteFile
from jupyter_remote_kit.plan.nss import NssStore
from jupyter_remote_kit.plan.systemstore import FAMILIES, Family, SystemStore
from jupyter_remote_kit.plan.terminal import printable
from jupyter_remote_kit.plan.trusted import Trusted
from jupyter_remote_kit.plan.truststores import Change, Held, Store
from jupyter_remote_kit.plan.userstores import Keychain, UserRoot

_ASK_S = 20.0
# A person may have to answer a window of the system's, or sudo.
_CHANGE_S = 300.0
_DATABASE = "cert9.db"
_CHROMIUMS = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "microsoft-edge",
    "microsoft-edge-stable",
    "brave-browser",
    "vivaldi",
)
# Where a profile of Firefox is, below the home: as ever, of a snap, of a flatpak. Since 147 it goes by XDG_CONFIG_HOME as well.
_FIREFOXES = (
    ".mozilla/firefox/*",
    "snap/firefox/common/.mozilla/firefox/*",
    ".var/app/org.mozilla.firefox/.mozilla/firefox/*",
    ".var/app/org.mozilla.firefox/config/mozilla/firefox/*",
)
# The homes that a snap and a flatpak give their Chromiums.
_CONFINED = ("snap/*/current", ".var/app/*")
_SNAP_PROGRAMS = Path("/snap")


def gather(
    known: Iterable[Trusted], home: Path, root: tuple[str, ...] | None, *, system: bool, platform: str = sys.platform
) -> tuple[Store, ...]:
    """The stores of this laptop, and what they hold of the `known`. `root` is how root is reached; without `system` root's is left out."""
    wanted = {entry.digest: entry for entry in known}
    if platform == "darwin":
        return tuple(_keychain(wanted, home))
    if platform == "win32":
        return (_user_root(wanted),)
    return (*_system_stores(wanted, root, system=system), *_nss_stores(wanted, home))


def change(one: Change) -> None:
    """Take the steps of one store. Raises `Failed` that names it."""
    for step in one.steps:
        if isinstance(step, Run):
            done = programs.call(step.argv, given=step.given, patience_s=_CHANGE_S, aloud=step.argv[0] == "sudo")
            if done.code != 0:
                sentence = msg("{store}: not changed: {reason}", store=one.store.title, reason=printable(done.last_line))
                raise Failed.of(step.code, sentence, step.hint)
        else:
            take(step)


def take(step: Step) -> None:
    """A step on a file of the user's own. Raises `Failed`."""
    if isinstance(step, MakeDirectory):
        files.make_directory(step.path, step.mode)
    elif isinstance(step, WriteFile):
        files.write_atomic(step.path, step.content.reveal().encode(), step.mode)
    elif isinstance(step, RemoveFile) and step.directory:
        # Whatever else somebody has put there stays.
        with suppress(OSError):
            step.path.rmdir()
    elif isinstance(step, RemoveFile):
        with trouble.os_errors(step.path):
            step.path.unlink(missing_ok=True)


def _system_stores(wanted: Mapping[str, Trusted], root: tuple[str, ...] | None, *, system: bool) -> Iterator[SystemStore]:
    for family in FAMILIES:
        program = programs.find(family.program)
        if system and program and family.anchors.is_dir():
            yield SystemStore(family, program, root, _held_by_system(family, wanted))


def _held_by_system(family: Family, wanted: Mapping[str, Trusted]) -> Mapping[str, Held]:
    in_force = set(digests_of(_text(family.bundle)))
    # One that was put there while the system did not read it is to be taken away as well.
    put = {digest for digest, entry in wanted.items() if (family.anchors / f"{entry.name}.crt").exists()}
    return {digest: Held(trusted=digest in in_force) for digest in wanted if digest in in_force | put}


def _nss_stores(wanted: Mapping[str, Trusted], home: Path) -> Iterator[NssStore]:
    certutil = programs.find("certutil")
    for browser, folder, exists in (*_chromium_folders(home), *_firefox_folders(home)):
        held = dict(_held_by_nss(certutil, folder, wanted)) if certutil and exists else {}
        yield NssStore(browser, folder, certutil, exists, held)


def _chromium_folders(home: Path) -> Iterator[tuple[str, Path, bool]]:
    """Chromium reads `~/.pki/nssdb` where it is, and else that of XDG_DATA_HOME, which it makes (since 146): crypto/nss_util.cc."""
    data_home = Path(os.environ.get("XDG_DATA_HOME") or home / ".local" / "share")
    found = _shared(home, data_home)
    if found or any(program and _SNAP_PROGRAMS not in Path(program).parents for program in map(programs.find, _CHROMIUMS)):
        # One that is made at the first place is read by each version.
        yield from found or [("Chromium", home / ".pki" / "nssdb", False)]
    for pattern in _CONFINED:
        for confined in sorted(home.glob(pattern)):
            yield from _shared(confined, confined / ".local" / "share")
    snap = home / "snap" / "chromium" / "current"
    if snap.is_dir() and not _shared(snap, snap / ".local" / "share"):
        yield "Chromium", snap / ".pki" / "nssdb", False


def _shared(home: Path, data_home: Path) -> list[tuple[str, Path, bool]]:
    places = (home / ".pki" / "nssdb", data_home / "pki" / "nssdb")
    return [("Chromium", folder, (folder / _DATABASE).is_file()) for folder in places if folder.is_dir()]


def _firefox_folders(home: Path) -> Iterator[tuple[str, Path, bool]]:
    found = [path for pattern in _FIREFOXES for path in sorted(home.glob(f"{pattern}/{_DATABASE}"))]
    config_home = Path(os.environ.get("XDG_CONFIG_HOME") or home / ".config")
    for database in (*found, *sorted(config_home.glob(f"mozilla/firefox/*/{_DATABASE}"))):
        yield "Firefox", database.parent, True


def _held_by_nss(certutil: str, folder: Path, wanted: Mapping[str, Trusted]) -> Iterator[tuple[str, Held]]:
    """By the nickname that each has there: somebody may have imported it by hand, under another than ours."""
    nicknames = {digest: nickname for digest, nickname in _in_database(folder / _DATABASE).items() if digest in wanted}
    if not nicknames:
        return
    flags = dict(nss.rows(programs.call(nss.list_argv(certutil, folder), patience_s=_ASK_S).out))
    for digest, nickname in nicknames.items():
        yield digest, Held(nickname, nss.vouches(flags.get(nickname, "")))


def _in_database(path: Path) -> dict[str, str]:
    """The nickname of each certificate, by its SHA-256; none of a database that cannot be read, which certutil will have words for."""
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as database:
            rows = database.execute(nss.CERTIFICATES).fetchall()
    except sqlite3.Error:
        return {}
    found = ((label, value) for label, value in rows if isinstance(label, bytes) and isinstance(value, bytes))
    return {hashlib.sha256(value).hexdigest(): label.decode(errors="replace") for label, value in found}


def _keychain(wanted: Mapping[str, Trusted], home: Path) -> Iterator[Keychain]:
    path = home / "Library" / "Keychains" / "login.keychain-db"
    if path.is_file():
        there = userstores.thumbprints(programs.call(userstores.keychain_argv(path), patience_s=_ASK_S).out)
        yield Keychain(path, {digest: Held() for digest, entry in wanted.items() if entry.thumbprint in there})


def _user_root(wanted: Mapping[str, Trusted]) -> UserRoot:
    certutil = str(Path(os.environ.get("SYSTEMROOT", r"C:\Windows"), "System32", "certutil.exe"))
    asked = {
        digest: programs.call(userstores.user_root_argv(certutil, entry.thumbprint), patience_s=_ASK_S) for digest, entry in wanted.items()
    }
    return UserRoot(certutil, {digest: Held() for digest, done in asked.items() if done.code == 0})


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""
