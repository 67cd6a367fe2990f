"""The plan of `remove`: take back what was written, and nothing of the user's."""

from __future__ import annotations

from pathlib import Path

from jupyter_remote_kit.plan.facts import Facts, FileKind
from jupyter_remote_kit.plan.layout import Layout
from jupyter_remote_kit.plan.model import Plan, RemoveFile


def candidate_paths(layout: Layout, instance: str, *, last: bool) -> tuple[Path, ...]:
    """What an instance may have left, in the order of removal; with `last` no other instance is left, and what all share goes as well."""
    own = (
        layout.instance_file(instance),
        layout.overlay_file(instance),
        layout.leaf_file(instance),
        layout.previous_leaf_file(instance),
        layout.runtime_file(instance),
        layout.control_socket(instance),
        layout.start_lock(instance),
    )
    if not last:
        return (*own, layout.instance_data_dir(instance))
    shared = (layout.ca_file, layout.ca_certificate_file, layout.previous_ca_file)
    folders = (layout.instance_data_dir(instance), layout.instance_data_dir(instance).parent, layout.tls_dir, layout.backups_dir)
    return (*own, *shared, *folders, layout.data_root, layout.instances_dir)


def plan_remove(instance: str, facts: Facts, *, last: bool, found: tuple[Path, ...]) -> Plan:
    """Remove the instance's files; `found` is what lies in its data folder and, with `last`, among the backups, deepest first.

    A folder in which somebody put files of his own is left standing: `host.apply` removes empty ones only.
    """
    ours = dict.fromkeys((*found, *candidate_paths(facts.layout, instance, last=last)))
    present = [(path, facts.file(path).kind) for path in ours]
    folders_last = sorted(present, key=lambda entry: entry[1] is FileKind.DIRECTORY)
    steps = (RemoveFile(path, directory=kind is FileKind.DIRECTORY) for path, kind in folders_last if kind is not FileKind.ABSENT)
    return Plan(tuple(steps))
