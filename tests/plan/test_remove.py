"""`remove`: what was written is taken back, the user's own stays."""

from __future__ import annotations

from pathlib import Path

import pytest

from jupyter_remote_kit.plan.facts import FileFact, FileKind
from jupyter_remote_kit.plan.model import Plan, RemoveFile
from jupyter_remote_kit.plan.remove import candidate_paths, plan_remove
from tests.plan.build import DIRECTORY, HOME, LAYOUT, ROOT_DIR, facts, settings, settled

CONFIG = HOME / ".jupyter/remotekit"
DATA = HOME / ".local/share/jupyter/remotekit"
RUNTIME = HOME / ".local/share/jupyter/runtime"
FILE = FileFact(FileKind.FILE, 0o600)


def test_nothing_there_nothing_to_do() -> None:
    assert plan_remove("default", facts(files={}), last=True, found=()) == Plan()


def test_the_last_instance_takes_what_all_share_along_files_before_folders() -> None:
    log, session, backup = DATA / "instances/default/server.log", DATA / "instances/default/state/sessions", DATA / "backups/default.json.1"
    files = {
        **settled(settings()).files,
        **dict.fromkeys((log, session, backup, LAYOUT.ca_file, LAYOUT.ca_certificate_file, LAYOUT.leaf_file("default")), FILE),
        LAYOUT.runtime_file("default"): FILE,
        LAYOUT.control_socket("default"): FileFact(FileKind.OTHER),
        **dict.fromkeys((session.parent, DATA / "instances", LAYOUT.tls_dir), DIRECTORY),
    }
    plan = plan_remove("default", facts(files=files), last=True, found=(session, session.parent, log, backup))
    assert plan.steps == (
        RemoveFile(session),
        RemoveFile(log),
        RemoveFile(backup),
        RemoveFile(CONFIG / "default.json"),
        RemoveFile(CONFIG / "default.overrides.json"),
        RemoveFile(DATA / "tls/leaf-default.pem"),
        RemoveFile(RUNTIME / "remotekit-default.json"),
        RemoveFile(RUNTIME / "remotekit-default.sock"),
        RemoveFile(DATA / "tls/ca.pem"),
        RemoveFile(DATA / "tls/ca.crt"),
        RemoveFile(session.parent, directory=True),
        RemoveFile(DATA / "instances/default", directory=True),
        RemoveFile(DATA / "instances", directory=True),
        RemoveFile(DATA / "tls", directory=True),
        RemoveFile(DATA / "backups", directory=True),
        RemoveFile(DATA, directory=True),
        RemoveFile(CONFIG, directory=True),
    )
    assert str(plan.steps[0].describe()) == f"remove {session}"


def test_a_folder_comes_after_everything_in_it() -> None:
    plan = plan_remove("default", settled(settings()), last=True, found=())
    order = [step.path for step in plan.steps]
    assert all(order.index(path) < order.index(parent) for path in order for parent in path.parents if parent in order)


def test_another_instance_keeps_the_authority_and_the_folders() -> None:
    chosen = settings(instance="gpu1")
    machine = settled(chosen, files={LAYOUT.ca_file: FILE, LAYOUT.leaf_file("gpu1"): FILE, LAYOUT.instance_file("default"): FILE})
    assert plan_remove("gpu1", machine, last=False, found=()).steps == (
        RemoveFile(CONFIG / "gpu1.json"),
        RemoveFile(CONFIG / "gpu1.overrides.json"),
        RemoveFile(DATA / "tls/leaf-gpu1.pem"),
        RemoveFile(DATA / "instances/gpu1", directory=True),
    )


def test_a_link_is_removed_as_a_file_and_not_followed() -> None:
    (step,) = plan_remove("default", facts(files={LAYOUT.tls_dir: FileFact(FileKind.SYMLINK)}), last=True, found=()).steps
    assert step == RemoveFile(LAYOUT.tls_dir)


@pytest.mark.parametrize("last", [True, False])
def test_nothing_of_the_users_is_named(last: bool) -> None:
    ours: tuple[Path, ...] = (CONFIG, DATA, RUNTIME)
    paths = candidate_paths(LAYOUT, "default", last=last)
    assert all(any(path.is_relative_to(root) for root in ours) for path in paths)
    assert not {ROOT_DIR, HOME, RUNTIME, LAYOUT.config_dir, LAYOUT.data_dir} & set(paths)
