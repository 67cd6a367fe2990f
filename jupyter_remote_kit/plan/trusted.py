"""What a laptop has trusted, as it remembers that: which host's authority is in its stores, and under which name."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from jupyter_remote_kit.plan import authority as authority_plan
from jupyter_remote_kit.plan.authority import Authority, digests_of
from jupyter_remote_kit.plan.facts import FileFact, FileKind
from jupyter_remote_kit.plan.layout import PRIVATE_FILE, PUBLIC_FILE, Layout
from jupyter_remote_kit.plan.model import MakeDirectory, RemoveFile, Step, WriteFile
from jupyter_remote_kit.secret import Secret

VERSION = 1
# It is a part of file names and of argvs, and a file may have been written by anybody who has this account.
_LABEL = re.compile(r"[a-z0-9_][a-z0-9_.-]{0,63}\Z")
_FILE = re.compile(r"[a-z0-9_.-]+-[0-9a-f]{8}\.crt\Z")
_HEX = re.compile(r"[0-9a-f]{40}\Z")


class Damaged(Exception):
    """The record is none."""


@dataclass(frozen=True)
class Trusted:
    """One authority. `hosts` are what the user called its host; `certificate` is PEM; `digest` and `thumbprint` are SHA-256 and SHA-1.

    `withdrawn`: it is to be in no store any more, and one may not have given it up yet.
    """

    label: str
    digest: str
    thumbprint: str
    certificate: str
    hosts: tuple[str, ...]
    withdrawn: bool = False

    @property
    def name(self) -> str:
        """How it is called in the laptop's stores."""
        return f"jupyter-remote-kit-{self.label}"


def parse(content: bytes | None) -> tuple[Trusted, ...]:
    """The record; empty where there is none. Raises `Damaged` for what was not written by us."""
    if content is None:
        return ()
    try:
        record = json.loads(content)
    except ValueError as error:
        raise Damaged from error
    if not isinstance(record, dict) or record.get("version") != VERSION or not isinstance(record.get("authorities"), list):
        raise Damaged
    return tuple(_entry(row) for row in record["authorities"])


def render(entries: Iterable[Trusted]) -> str:
    """The record as a file."""
    return json.dumps({"version": VERSION, "authorities": [asdict(entry) for entry in entries]}, indent=2) + "\n"


def file_of(entry: Trusted, folder: Path) -> Path:
    """The certificate alone, for whoever imports it by hand."""
    return folder / f"{entry.label}.crt"


def bundle_of(folder: Path) -> Path:
    """The certificates of all that is trusted, for programs that take one file; it is the same file whatever else is trusted later."""
    return folder / "bundle.pem"


def is_ours(path: Path) -> bool:
    """Whether a file among the certificates is one that we may have left."""
    return bool(_FILE.match(path.name))


def file_steps(entries: tuple[Trusted, ...], layout: Layout, files: Mapping[Path, FileFact]) -> Iterator[Step]:
    """Bring the record and the certificates to what is trusted now; `files` are all that are there of both. The record comes first."""
    folder, trusted = layout.trusted_dir, [entry for entry in entries if not entry.withdrawn]
    wanted = {layout.trusted_file: (render(entries), PRIVATE_FILE)} if entries else {}
    if trusted:
        wanted |= {file_of(entry, folder): (entry.certificate, PUBLIC_FILE) for entry in trusted}
        wanted[bundle_of(folder)] = ("".join(entry.certificate for entry in trusted), PUBLIC_FILE)
        if files.get(folder, FileFact()).kind is not FileKind.DIRECTORY:
            yield MakeDirectory(folder)
    for path, (text, mode) in wanted.items():
        fact = files.get(path, FileFact())
        if fact.content != text.encode() or fact.mode != mode:
            yield WriteFile(path, Secret(text), mode)
    gone = (path for path, fact in files.items() if path not in wanted and fact.kind is FileKind.FILE)
    yield from (RemoveFile(path) for path in gone)
    if not trusted and folder in files:
        yield RemoveFile(folder, directory=True)


def adding(entries: tuple[Trusted, ...], authority: Authority, host: str, called: str) -> tuple[Trusted, ...]:
    """The record once the authority of `host` is trusted; `called` is what the user calls that host.

    An authority that was this host's before, and is no other's, is withdrawn: whoever has its old key could still use it.
    """
    known = find(entries, authority.digest)
    if known:
        hosts = tuple(dict.fromkeys((*known.hosts, called)))
        mine = replace(known, hosts=hosts, withdrawn=False)
    else:
        name = authority_plan.label(host, authority.digest)
        mine = Trusted(name, authority.digest, authority.thumbprint, authority.pem, (called,))
    others = tuple(mine if entry is known else _without(entry, called) for entry in entries)
    return others if known else (*others, mine)


def find(entries: Iterable[Trusted], digest: str) -> Trusted | None:
    """The entry of that certificate."""
    return next((entry for entry in entries if entry.digest == digest), None)


def removing(entries: tuple[Trusted, ...], gone: Collection[Trusted]) -> tuple[Trusted, ...]:
    """The record once these are trusted no more; they keep their hosts' names until every store has given them up."""
    return tuple(replace(entry, withdrawn=True) if entry in gone else entry for entry in entries)


def of_host(entries: tuple[Trusted, ...], host: str) -> tuple[Trusted, ...]:
    """Those of the host that the user calls `host`: by exactly that, or else by that and any user."""
    exact = tuple(entry for entry in entries if host in entry.hosts)
    return exact or tuple(entry for entry in entries if any(name.rpartition("@")[2] == host for name in entry.hosts))


def _without(entry: Trusted, called: str) -> Trusted:
    """The same, once that host has another authority."""
    if called not in entry.hosts:
        return entry
    hosts = tuple(name for name in entry.hosts if name != called)
    return replace(entry, hosts=hosts, withdrawn=not hosts)


def _entry(row: object) -> Trusted:
    if not isinstance(row, dict):
        raise Damaged
    texts = [row.get(key) for key in ("label", "digest", "thumbprint", "certificate")]
    label, digest, thumbprint, certificate = (text if isinstance(text, str) else "" for text in texts)
    hosts = row.get("hosts")
    if not isinstance(hosts, list) or not all(isinstance(host, str) for host in hosts):
        raise Damaged
    if not (_LABEL.match(label) and _HEX.match(thumbprint) and digests_of(certificate) == (digest,)):
        raise Damaged
    return Trusted(label, digest, thumbprint, certificate, tuple(hosts), row.get("withdrawn") is True)
