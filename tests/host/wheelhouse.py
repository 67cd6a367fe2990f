"""Small wheels for tests of installations: a kit that does nothing but tell its version, and packages that hold nothing at all."""

from __future__ import annotations

import base64
import hashlib
import zipfile
from pathlib import Path

CODE = """
import sys

def main():
    print("jupyter-remote-kit VERSION", *sys.argv[2:])
"""
SCRIPT = "[console_scripts]\njupyter-remotekit = {module}:main\n"


def make(folder: Path, what: str, *, requires: tuple[str, ...] = (), tag: str = "py3-none-any", code: str = CODE) -> Path:
    """A wheel in `folder` that any pip takes: of `name version`, or of version 1.0."""
    name, _, version = what.partition(" ")
    version = version or "1.0"
    module = name.replace("-", "_")
    info = f"{module}-{version}.dist-info"
    header = [f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}", *(f"Requires-Dist: {requirement}" for requirement in requires)]
    pure = "true" if tag.endswith("-any") else "false"
    files = {
        f"{module}.py": code.replace("VERSION", version),
        f"{info}/METADATA": "\n".join([*header, ""]),
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: {pure}\nTag: {tag}\n",
    }
    if name == "jupyter-remote-kit":
        files[f"{info}/entry_points.txt"] = SCRIPT.format(module=module)
    rows = []
    folder.mkdir(parents=True, exist_ok=True)
    wheel = folder / f"{module}-{version}-{tag}.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, text in files.items():
            digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
            rows.append(f"{path},sha256={digest},{len(text.encode())}")
            archive.writestr(path, text)
        archive.writestr(f"{info}/RECORD", "\n".join([*rows, f"{info}/RECORD,,", ""]))
    return wheel
