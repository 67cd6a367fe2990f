"""The agent that launchd is given on macOS. Plan cases alone: no Mac has run it."""

from __future__ import annotations

import plistlib
from hashlib import sha256
from pathlib import Path

import pytest

from jupyter_remote_kit.plan import launchd
from jupyter_remote_kit.plan.facts import FileFact, FileKind
from jupyter_remote_kit.plan.model import Plan, RemoveFile, Run, WriteFile
from jupyter_remote_kit.plan.snapshot import Snapshot

HOME = Path("/Users/ann")
FILE = HOME / "Library/LaunchAgents/org.jupyter.remotekit.default.plist"
PROGRAM = (HOME / "env/bin/python", HOME / "env/bin/jupyter-remotekit")
ENVIRONMENT = Snapshot({"PATH": "/Users/ann/env/bin:/usr/bin", "HF_HOME": '/data/<hf> & "co"'})
LOG = HOME / "Library/Jupyter/remotekit/instances/default/server.log"
TEXT = launchd.render_agent("default", HOME / "Note 'books' & 笔记", PROGRAM, ENVIRONMENT, LOG)
FOLDER = FileFact(FileKind.DIRECTORY, 0o755)
BOOTSTRAP = ("launchctl", "bootstrap", "gui/501", str(FILE))
BOOTOUT = ("launchctl", "bootout", "gui/501", str(FILE))


def _fact(text: str, mode: int = 0o600) -> FileFact:
    return FileFact(FileKind.FILE, mode, 501, text.encode())


def _digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def _shown(plan: Plan) -> list[object]:
    return [step.argv if isinstance(step, Run) else str(step.describe()) for step in plan.steps]


def test_the_agent() -> None:
    said = plistlib.loads(TEXT.encode())
    assert said["Label"] == "org.jupyter.remotekit.default"
    assert said["ProgramArguments"] == [*map(str, PROGRAM), "service", "run", "--instance", "default"]
    assert said["WorkingDirectory"] == "/Users/ann/Note 'books' & 笔记"
    assert said["EnvironmentVariables"] == ENVIRONMENT.variables
    assert said["RunAtLoad"] is True
    # A broken configuration is an exit code, and no crash.
    assert said["KeepAlive"] == {"Crashed": True}


@pytest.mark.parametrize(
    ("files", "known", "steps"),
    [
        ({}, (), [f"create the directory {FILE.parent} (mode 0755)", f"write {FILE} (mode 0600)", BOOTSTRAP]),
        ({FILE.parent: FOLDER}, (), [f"write {FILE} (mode 0600)", BOOTSTRAP]),
        ({FILE.parent: FOLDER, FILE: _fact(TEXT)}, (), []),
        ({FILE.parent: FOLDER, FILE: _fact("older")}, (_digest("older"),), [BOOTOUT, f"write {FILE} (mode 0600)", BOOTSTRAP]),
        (
            {FILE.parent: FOLDER, FILE: _fact("edited")},
            (_digest("older"),),
            [BOOTOUT, f"write {FILE} (mode 0600); it was edited or not written by the kit, so a backup is kept", BOOTSTRAP],
        ),
    ],
    ids=["bare machine", "folder is there", "nothing to do", "older", "edited"],
)
def test_install(files: dict[Path, FileFact], known: tuple[str, ...], steps: list[object]) -> None:
    plan = launchd.plan_install(FILE, 501, TEXT, files, known)
    assert _shown(plan) == steps
    assert [step.backup for step in plan.steps if isinstance(step, WriteFile)] == ([FILE in files] if steps else [])


def test_uninstall() -> None:
    assert launchd.plan_uninstall(FILE, 501, FileFact(), ()).steps == ()
    ours, edited = (launchd.plan_uninstall(FILE, 501, _fact("agent"), known) for known in ((_digest("agent"),), ()))
    assert _shown(ours) == [BOOTOUT, f"remove {FILE}"]
    assert [step.backup for step in (*ours.steps, *edited.steps) if isinstance(step, RemoveFile)] == [False, True]
    # It may not be loaded.
    assert [step.may_fail for step in ours.steps if isinstance(step, Run)] == [True]


def test_names() -> None:
    assert launchd.agent_file(HOME, "default") == FILE
    assert launchd.target(501, "gpu1") == "gui/501/org.jupyter.remotekit.gpu1"
    assert launchd.target(501) == "gui/501"
