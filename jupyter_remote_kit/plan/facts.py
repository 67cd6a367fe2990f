"""What is known of a machine, gathered by `host.facts` and read by the plan. Frozen; a test writes them by hand."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from pathlib import Path

from jupyter_remote_kit.plan.layout import Layout


class FileKind(str, Enum):
    """What stands at a path, the last component not followed when it is a link."""

    ABSENT = "absent"
    FILE = "file"
    DIRECTORY = "directory"
    SYMLINK = "symlink"
    OTHER = "other"


@dataclass(frozen=True)
class FileFact:
    """One path. `content` is `None` unless it is a regular file that could be read; `mode` are its permission bits."""

    kind: FileKind = FileKind.ABSENT
    mode: int = 0
    uid: int = 0
    content: bytes | None = None
    writable: bool = True

    @property
    def exists(self) -> bool:
        """Whether anything stands there."""
        return self.kind is not FileKind.ABSENT

    @property
    def digest(self) -> str | None:
        """SHA-256 of the content in hex, as manifests keep it."""
        return hashlib.sha256(self.content).hexdigest() if self.content is not None else None


@dataclass(frozen=True)
class CertificateFact:
    """A certificate on disk, as far as a decision needs it.

    `names` and `addresses` are its SANs, or, of a CA, its permitted subtrees, each in the form of `grammar.host_name`. `key_fits` says
    whether the private key that belongs to it was found and matches. `issuer_digest` is the SHA-256 of the issuing CA certificate's
    DER where the chain holds it, `root_digest` that of the last certificate of the chain where each has signed the one before; `digest` its
    own. `excluded` are the names that a CA excludes, `.name` for all that is below one.
    """

    names: tuple[str, ...]
    addresses: tuple[str, ...]
    not_before: datetime
    not_after: datetime
    key_fits: bool
    digest: str = ""
    issuer_digest: str = ""
    root_digest: str = ""
    excluded: tuple[str, ...] = ()


@dataclass(frozen=True)
class ConfigText:
    """A configuration file of the user's own that jupyter_server will read, `.py` or `.json`, byte by byte."""

    path: Path
    content: bytes


@dataclass(frozen=True)
class Facts:
    """One machine at one moment.

    `addresses` are those that a laptop could use (no loopback, no link-local, no container bridge, no temporary IPv6), `local_addresses`
    all that the host has, `names` the host's own names, each in the form of `grammar.host_name`. `files` holds every path that a plan may
    write and the root directory. `manifest` maps a path to the SHA-256 digests that we may have left there. `now` is in UTC.
    """

    layout: Layout
    uid: int
    user: str
    home: Path
    now: datetime
    names: tuple[str, ...]
    addresses: tuple[str, ...]
    python: Path
    local_addresses: tuple[str, ...] = ()
    files: Mapping[Path, FileFact] = field(default_factory=dict)
    manifest: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    ca: CertificateFact | None = None
    leaf: CertificateFact | None = None
    previous_ca: CertificateFact | None = None
    previous_leaf: CertificateFact | None = None
    own_certificate: CertificateFact | None = None
    user_config: tuple[ConfigText, ...] = ()

    @property
    def is_root(self) -> bool:
        """Whether a server started now would run as root."""
        return self.uid == 0

    def file(self, path: Path) -> FileFact:
        """The fact of `path`; a path that was not gathered counts as absent."""
        return self.files.get(path, FileFact())
