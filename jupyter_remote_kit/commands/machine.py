"""What several commands need of this machine: its instances, as they are on disk."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from pathlib import Path

from jupyter_remote_kit.errors import Failed, Problem, Refused, RemoteKitError
from jupyter_remote_kit.host import control, files
from jupyter_remote_kit.messages import msg
from jupyter_remote_kit.plan import instance as instance_plan
from jupyter_remote_kit.plan.facts import FileKind
from jupyter_remote_kit.plan.instance import Instance
from jupyter_remote_kit.plan.layout import Layout

IN_THE_WAY = frozenset({"symlink-in-the-way", "wrong-owner", "not-a-file"})


def load(layout: Layout, name: str) -> Instance | None:
    """The instance called `name`, or `None` when there is none. Raises `Refused` when its file is broken or exposed."""
    path = layout.instance_file(name)
    if files.file_fact(path, with_content=False).kind is FileKind.ABSENT:
        return None
    try:
        text = _read(path).decode()
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise Refused.of(
            "instance-file-broken",
            msg("{path}, line {line}: not UTF-8", path=path, line=line),
            msg("Move the file away and run init again: mv {path} {path}.broken", path=shlex.quote(str(path))),
        ) from None
    return instance_plan.parse(path, text)


def _read(path: Path) -> bytes:
    """The file's bytes. What merely stands in the way is a failure; what is exposed is refused."""
    try:
        return files.read_private(path)
    except Refused as refusal:
        if {problem.code for problem in refusal.problems} <= IN_THE_WAY:
            raise Failed(*refusal.problems) from None
        raise


def require(layout: Layout, name: str) -> Instance:
    """The instance called `name`. Raises `Refused` when there is none."""
    found = load(layout, name)
    if found is None:
        raise Refused.of(
            "no-instance",
            msg("There is no instance {name!r} yet.", name=name),
            msg("{command}", command="jupyter remotekit init" if name == "default" else f"jupyter remotekit init --instance {name}"),
        )
    return found


def others(layout: Layout, name: str) -> tuple[str, ...]:
    """The names of the other instances, sorted."""
    if not layout.instances_dir.is_dir():
        return ()
    found = (path.name[: -len(".json")] for path in layout.instances_dir.glob("*.json") if not path.name.endswith(".overrides.json"))
    return tuple(sorted(other for other in found if other != name))


def shared_hosts(layout: Layout, names: Iterable[str]) -> tuple[str, ...]:
    """The `--allow-host` names of these instances. One that cannot be read says so when it is itself used, not here."""
    hosts: list[str] = []
    for name in names:
        try:
            found = load(layout, name)
        except RemoteKitError:
            continue
        if found:
            hosts += found.settings.allow_hosts
    return tuple(dict.fromkeys(hosts))


def client(layout: Layout, name: str) -> control.ControlClient:
    """The control socket of the server of `name`, whether or not one runs."""
    return control.ControlClient(layout.control_socket(name))


def entries_below(folder: Path) -> tuple[Path, ...]:
    """Everything in `folder`, deepest first, so that each may be removed in this order. Links are listed, never followed."""
    if folder.is_symlink() or not folder.is_dir():
        return ()
    found: list[Path] = []
    for child in sorted(folder.iterdir()):
        found += [*entries_below(child), child]
    return tuple(found)


def finding_problems(findings: Iterable[object]) -> tuple[Problem, ...]:
    """Findings as the control socket gives them (JSON objects, already in a language), as problems."""
    problems = []
    for finding in findings:
        if isinstance(finding, dict):
            fix = finding.get("fix")
            problems.append(Problem(finding["code"], msg("{text}", text=finding["message"]), msg("{text}", text=fix) if fix else None))
    return tuple(problems)
