"""A machine and an instance as the tests know them; each test names only what is different."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from jupyter_remote_kit.plan import instance, overlay
from jupyter_remote_kit.plan.facts import CertificateFact, Facts, FileFact, FileKind
from jupyter_remote_kit.plan.init import private_folders
from jupyter_remote_kit.plan.layout import Layout
from jupyter_remote_kit.plan.model import MakeDirectory, Plan, WriteFile
from jupyter_remote_kit.secret import Secret
from jupyter_remote_kit.settings import Credentials, Settings

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=timezone.utc)
HOME = Path("/home/ann")
ROOT_DIR = HOME / "notebooks"
LAYOUT = Layout(HOME / ".jupyter", HOME / ".local/share/jupyter", HOME / ".local/share/jupyter/runtime")
INSTANCE_FILE = LAYOUT.instance_file("default")
OVERLAY_FILE = LAYOUT.overlay_file("default")
LEAF_FILE = LAYOUT.leaf_file("default")

NAMES = ("gpu.example.org", "gpu", "gpu.local", "localhost")
ADDRESSES = ("192.168.0.107", "fd00::107")
SAN_ADDRESSES = (*ADDRESSES, "127.0.0.1", "::1")

TOKEN = "0123456789abcdef" * 4
# Of the password "correct horse", with jupyter_server's own parameters.
HASH = "argon2:$argon2id$v=19$m=10240,t=10,p=8$XRWP0JgBkFCovbM6fa9tVw$lXwtfVIs+mcrBe4oztDn2jonZ8BeRDo7YbCknhe4t9g"
CREDENTIALS = Credentials(Secret(TOKEN), Secret(HASH))

DIRECTORY = FileFact(FileKind.DIRECTORY, 0o700)
_DER = b"the authority's certificate"
CA_DIGEST = hashlib.sha256(_DER).hexdigest()
_PEM = b"-----BEGIN CERTIFICATE-----\n" + base64.b64encode(_DER) + b"\n-----END CERTIFICATE-----\n"
EXPORTED = FileFact(FileKind.FILE, 0o644, 1000, _PEM)


def settings(**changes: Any) -> Settings:
    return replace(Settings(root_dir=ROOT_DIR), **changes)


def facts(**changes: Any) -> Facts:
    """A machine with nothing of ours on it, but for the root directory."""
    bare = Facts(
        layout=LAYOUT,
        uid=1000,
        user="ann",
        home=HOME,
        now=NOW,
        names=NAMES,
        addresses=ADDRESSES,
        python=HOME / "venv/bin/python",
        files={ROOT_DIR: DIRECTORY},
    )
    return replace(bare, **changes)


def certificate(**changes: Any) -> CertificateFact:
    sound = CertificateFact(
        names=NAMES,
        addresses=SAN_ADDRESSES,
        not_before=NOW - timedelta(days=1),
        not_after=NOW + timedelta(days=397),
        key_fits=True,
        digest="leaf",
        issuer_digest=CA_DIGEST,
    )
    return replace(sound, **changes)


CA = certificate(digest=CA_DIGEST, issuer_digest="", not_after=NOW + timedelta(days=3650))
LEAF = certificate()


def text_of(chosen: Settings, credentials: Credentials = CREDENTIALS) -> str:
    """The instance file that `init` leaves."""
    leaf = LAYOUT.leaf_file(chosen.instance) if chosen.private_ca else None
    return instance.render(instance.traits_of(chosen, credentials, leaf)).reveal()


def file_of(text: str, mode: int = 0o600) -> FileFact:
    return FileFact(FileKind.FILE, mode, 1000, text.encode())


def settled(chosen: Settings, credentials: Credentials = CREDENTIALS, **changes: Any) -> Facts:
    """The machine after an `init` of `chosen`."""
    written = {
        LAYOUT.overlay_file(chosen.instance): file_of(overlay.render(chosen).reveal(), 0o644),
        LAYOUT.instance_file(chosen.instance): file_of(text_of(chosen, credentials)),
    }
    folders = dict.fromkeys(private_folders(chosen, LAYOUT), DIRECTORY)
    manifest = {str(path): (hashlib.sha256(fact.content or b"").hexdigest(),) for path, fact in written.items()}
    if chosen.private_ca:
        written[LAYOUT.ca_certificate_file] = EXPORTED
    files = {chosen.root_dir: DIRECTORY, **folders, **written, **changes.pop("files", {})}
    authority: dict[str, Any] = {"ca": CA, "leaf": LEAF} if chosen.private_ca else {}
    return facts(**{"files": files, "manifest": manifest, **authority, **changes})


def sentences(rows: Iterable[Any]) -> list[str]:
    """What a user reads of steps (`describe`), problems or findings (`message`)."""
    return [str(row.describe() if hasattr(row, "describe") else row.message) for row in rows]


def written_paths(plan: Plan) -> list[Path]:
    return [step.path for step in plan.steps if isinstance(step, WriteFile)]


def made_folders(plan: Plan) -> list[Path]:
    return [step.path for step in plan.steps if isinstance(step, MakeDirectory)]
