"""The instance's manifest: digests of what we may have left at each path, by which an edit by somebody else is recognised."""

from __future__ import annotations

import json
from pathlib import Path

from jupyter_remote_kit.host.files import file_fact, write_atomic
from jupyter_remote_kit.plan.layout import PRIVATE_FILE

Manifest = dict[str, tuple[str, ...]]


def read_manifest(path: Path) -> Manifest:
    """SHA-256 digests in hex by path; of a manifest that is damaged or absent none, so that every file counts as somebody's work."""
    content = file_fact(path).content
    try:
        return {str(name): tuple(map(str, digests)) for name, digests in json.loads(content or b"{}").items()}
    except (ValueError, AttributeError, TypeError):
        return {}


def write_manifest(path: Path, manifest: Manifest) -> None:
    """Write it, 0600, unless it says so already. Raises `Failed` as `write_atomic` does."""
    data = (json.dumps(manifest, indent=2, sort_keys=True) + "\n").encode()
    if file_fact(path).content != data:
        write_atomic(path, data, PRIVATE_FILE)
