"""What is printed can be pasted: the shell that runs it finds the same program."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from jupyter_remote_kit.host import ownprogram

BIN = Path(sys.executable).parent
SYSTEM = "/usr/bin:/bin"


def pasted(command: str, path: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """What a user gets who pastes it into a shell with that PATH."""
    environment = {"PATH": path, "HOME": str(folder), "LANG": "C.UTF-8"}
    return subprocess.run(["/bin/sh", "-c", command], env=environment, cwd=folder, capture_output=True, text=True, timeout=60, check=False)


def another_jupyter(folder: Path) -> Path:
    """The `jupyter` of another environment, which has no kit."""
    folder.mkdir()
    (folder / "jupyter").write_text("#!/bin/sh\necho another >&2\nexit 3\n")
    (folder / "jupyter").chmod(0o755)
    return folder


@pytest.mark.parametrize("where", ["activated", "nowhere", "another first", "a link to ours", "a link to the script", "empty"])
def test_it_is_found_by_the_shell_that_it_is_printed_for(where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    links = tmp_path / "links"
    links.mkdir()
    if where.startswith("a link"):
        name = "jupyter" if where == "a link to ours" else "jupyter-remotekit"
        (links / name).symlink_to(BIN / name)
    path = {
        "activated": f"{BIN}:{SYSTEM}",
        "nowhere": SYSTEM,
        "another first": f"{another_jupyter(tmp_path / 'conda')}:{BIN}:{SYSTEM}" if where == "another first" else "",
        "empty": "",
    }.get(where, f"{links}:{SYSTEM}")
    monkeypatch.setenv("PATH", path)
    found = ownprogram.of_shell()
    expected = {
        "activated": "jupyter remotekit",
        "a link to ours": "jupyter remotekit",
        "a link to the script": "jupyter-remotekit",
        # The other environment's `jupyter` would find ours only because it is on the PATH.
        "another first": "jupyter-remotekit",
    }.get(where, str(BIN / "jupyter-remotekit"))
    assert found.program == expected
    done = pasted(f"{found.program} --version", path or SYSTEM, tmp_path)
    assert (done.returncode, done.stdout.split()[0]) == (0, "jupyter-remote-kit"), done.stderr
    for installing in (f"{found.pip_install} --help", f"{found.jupyter} --version"):
        assert pasted(installing, path or SYSTEM, tmp_path).returncode == 0, installing


def test_a_server_names_the_whole_path_since_its_own_path_is_not_the_shells(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"{BIN}:{SYSTEM}")
    found = ownprogram.of_server()
    assert (found.program, found.jupyter) == (str(BIN / "jupyter-remotekit"), f"{sys.executable} -m jupyter")


def test_a_folder_with_a_blank_is_quoted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "my env; true"
    folder.mkdir()
    shutil.copy(BIN / "jupyter-remotekit", folder)
    (folder / "python").symlink_to(sys.executable)
    monkeypatch.setattr(sys, "executable", str(folder / "python"))
    monkeypatch.setenv("PATH", SYSTEM)
    done = pasted(f"{ownprogram.of_shell().program} --version", SYSTEM, tmp_path)
    assert (done.returncode, done.stderr) == (0, "")


def test_without_a_script_the_package_is_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ownprogram, "own_script", lambda: None)
    done = pasted(f"{ownprogram.of_shell().program} --version", SYSTEM, tmp_path)
    assert (done.returncode, done.stdout.split()[0]) == (0, "jupyter-remote-kit"), done.stderr


def test_an_environment_of_uv_has_no_pip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    monkeypatch.setenv("PATH", str(tmp_path))
    python = sys.executable
    assert ownprogram.of_shell().pip_install == f"{python} -m ensurepip && {python} -m pip install"
    (tmp_path / "uv").write_text("#!/bin/sh\n")
    (tmp_path / "uv").chmod(0o755)
    assert ownprogram.of_shell().pip_install == f"{tmp_path}/uv pip install --python {python}"


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        (None, "jupyter-remote-kit"),
        ("{", "jupyter-remote-kit"),
        ("[]", "jupyter-remote-kit"),
        ('{"url": "https://example.org/kit.whl"}', "https://example.org/kit.whl"),
        ('{"url": "file:///nowhere/kit.whl"}', "jupyter-remote-kit"),
        ('{"url": "https://example.org/kit", "vcs_info": {"vcs": "git", "commit_id": "0a1b"}}', "git+https://example.org/kit"),
        ('{"url": "https://example.org/kit", "vcs_info": {"vcs": "git", "requested_revision": "v1"}}', "git+https://example.org/kit@v1"),
        ('{"url": "https://example.org/kit", "vcs_info": {}}', "jupyter-remote-kit"),
        ('{"url": "https://example.org/kit", "vcs_info": "git"}', "jupyter-remote-kit"),
        (json.dumps({"url": f"file://{os.path.realpath('/usr/bin/env')}"}), f"file://{os.path.realpath('/usr/bin/env')}"),
    ],
)
def test_it_is_installed_again_from_where_it_came(
    record: str | None, expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "jupyter_remote_kit-1.dist-info"
    folder.mkdir()
    if record is not None:
        (folder / "direct_url.json").write_text(record)
    monkeypatch.setattr(metadata, "distribution", lambda name: metadata.PathDistribution(folder))
    assert ownprogram._package() == expected
