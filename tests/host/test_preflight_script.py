"""`templates/remote/preflight.py`, run as a host runs it: it sees what would refuse, and writes nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from jupyter_remote_kit.commands import distant
from jupyter_remote_kit.errors import Refused
from jupyter_remote_kit.plan import preflight, shell

ROOT = os.geteuid() == 0


def look(home: Path, *, root_dir: str | None = None, own: bool = True, **variables: str) -> tuple[str, ...]:
    """The lines that the script prints, for a user with this home."""
    argv = (sys.executable, "-I", "-c", distant.template("preflight.py"), preflight.order("connect", root_dir, own=own))
    environment = {"HOME": str(home), "PATH": os.defpath, **variables}
    before = sorted(home.rglob("*"))
    done = subprocess.run(["/bin/sh", "-c", shell.running(argv)], env=environment, capture_output=True, text=True, check=True)
    assert sorted(home.rglob("*")) == before
    return tuple(done.stdout.splitlines())


def facts(lines: tuple[str, ...]) -> dict[str, Any]:
    """What it has seen."""
    (line,) = lines
    found: dict[str, Any] = json.loads(line.removeprefix("remotekit-preflight "))
    return found


def test_a_home_that_is_fit(tmp_path: Path) -> None:
    lines = look(tmp_path)
    seen = facts(lines)
    assert seen["root"] is ROOT
    assert [Path(place["path"]) for place in seen["installs"]] == [tmp_path / ".local/share/jupyter-remote-kit/env"]
    assert all(place["writable"] and place["directory"] and place["free"] > 0 for place in (*seen["installs"], *seen["keeps"]))
    preflight.check(lines, "gpu", own=False, allow_root=True)


@pytest.mark.parametrize("content", ['{"RemoteKit": {"allow_root": true}}', '{"RemoteKit": {}}', "[]", "{"])
def test_an_instance_that_may_be_root_is_known(tmp_path: Path, content: str) -> None:
    place = tmp_path / ".jupyter/remotekit"
    place.mkdir(parents=True)
    (place / "connect.json").write_text(content)
    assert facts(look(tmp_path))["root_allowed"] is ("true" in content)


@pytest.mark.parametrize("name", [".jupyter", ".local", "project"])
def test_a_file_in_the_way_refuses(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("x")
    lines = look(tmp_path, root_dir="~/project" if name == "project" else None)
    with pytest.raises(Refused) as refused:
        preflight.check(lines, "gpu", own=True, allow_root=True)
    assert refused.value.problems[0].code == "not-a-directory"


@pytest.mark.skipif(ROOT, reason="root may write everywhere")
def test_a_home_that_is_closed_refuses(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    lines = look(tmp_path)
    tmp_path.chmod(0o700)
    with pytest.raises(Refused) as refused:
        preflight.check(lines, "gpu", own=True, allow_root=True)
    assert refused.value.problems[0].code == "permission"


def test_a_folder_may_be_made(tmp_path: Path) -> None:
    preflight.check(look(tmp_path, root_dir="new/one"), "gpu", own=False, allow_root=True)


def test_an_environment_that_is_named_is_looked_at_itself(tmp_path: Path) -> None:
    paths = [place["path"] for place in facts(look(tmp_path, own=False))["installs"]]
    assert all(path.startswith(sys.prefix) for path in paths)
    assert len(paths) == 2
