"""The launchd agent of an instance on macOS: launchd.plist(5), launchctl(1). Tried in cases of a plan alone; no Mac has run it yet."""

from __future__ import annotations

import plistlib
from collections.abc import Collection, Mapping
from pathlib import Path

from jupyter_remote_kit.plan.facts import FileFact, FileKind
from jupyter_remote_kit.plan.layout import PRIVATE_FILE
from jupyter_remote_kit.plan.model import MakeDirectory, Plan, RemoveFile, Run, Step
from jupyter_remote_kit.plan.snapshot import Snapshot
from jupyter_remote_kit.plan.writing import write_unless_same
from jupyter_remote_kit.secret import Secret

_FOLDER_MODE = 0o755


def label(instance: str) -> str:
    """How launchd calls the agent."""
    return f"org.jupyter.remotekit.{instance}"


def agent_file(home: Path, instance: str) -> Path:
    """Where launchd looks for the agents of a user."""
    return home / "Library/LaunchAgents" / f"{label(instance)}.plist"


def target(uid: int, instance: str | None = None) -> str:
    """The user's own domain, or the agent in it, in launchctl's words."""
    return f"gui/{uid}" if instance is None else f"gui/{uid}/{label(instance)}"


def render_agent(instance: str, root_dir: Path, program: tuple[Path, Path], environment: Snapshot, log: Path) -> str:
    """The property list.

    Only a crash starts it again: launchd knows no exit code that means a configuration is broken, and would try that for ever.
    """
    python, script = program
    described = {
        "Label": label(instance),
        "ProgramArguments": [str(python), str(script), "service", "run", "--instance", instance],
        "EnvironmentVariables": dict(sorted(environment.variables.items())),
        "WorkingDirectory": str(root_dir),
        "RunAtLoad": True,
        "KeepAlive": {"Crashed": True},
        "ThrottleInterval": 15,
        "ExitTimeOut": 45,
        "SoftResourceLimits": {"NumberOfFiles": 65536},
        "StandardOutPath": str(log),
        "StandardErrorPath": str(log),
    }
    return plistlib.dumps(described).decode()


def plan_install(path: Path, uid: int, text: str, files: Mapping[Path, FileFact], known: Collection[str]) -> Plan:
    """Put the agent in place and load it, which starts it; an older one is unloaded before, and ends."""
    fact = files.get(path, FileFact())
    steps: list[Step] = []
    if not files.get(path.parent, FileFact()).exists:
        steps.append(MakeDirectory(path.parent, _FOLDER_MODE))
    written = list(write_unless_same(path, Secret(text), PRIVATE_FILE, fact, known))
    if not written:
        return Plan()
    if fact.exists:
        steps.append(_unload(path, uid))
    return Plan((*steps, *written, Run(("launchctl", "bootstrap", target(uid), str(path)))))


def plan_uninstall(path: Path, uid: int, fact: FileFact, known: Collection[str]) -> Plan:
    """Unload the agent and remove it."""
    if not fact.exists:
        return Plan()
    edited = fact.kind is FileKind.FILE and fact.digest not in known
    return Plan((_unload(path, uid), RemoveFile(path, backup=edited)))


def _unload(path: Path, uid: int) -> Run:
    # It may not be loaded.
    return Run(("launchctl", "bootout", target(uid), str(path)), may_fail=True)
